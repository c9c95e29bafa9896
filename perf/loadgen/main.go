// Command loadgen is what the scripts in perf/ need beyond Kafka's own tools: many synchronous producers, a stopwatch for the
// first answer of a starting broker, and the writer and checker of the durability protocol. Figures go to stdout, one
// "metric<TAB>value<TAB>unit" a line.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const usage = `loadgen sync-producers -addr HOST:PORT -topic T   one record a request, the next after its ack
loadgen first-answer -addr HOST:PORT -topic T     wait for a Metadata answer with the topic; prints the time in Unix microseconds
loadgen durable-write -addr HOST:PORT -topic T -out FILE   produce at a rate until SIGTERM, then list what was acked
loadgen durable-check -addr HOST:PORT -topic T FILE        is everything listed there, once, in order, where the ack said
loadgen http-get -url URL   ask again and again, with slow connections beside it if wanted
loadgen delete-topic -addr HOST:PORT -topic T     without the weight of a tool in Java
loadgen many -addr HOST:PORT -topic T             thousands of partitions, a hundred a request, then Metadata of all
"loadgen COMMAND -h" lists the flags of a command.
`

var commands = map[string]func(ctx context.Context, args []string) error{
	"sync-producers": syncProducers,
	"first-answer":   firstAnswer,
	"durable-write":  durableWrite,
	"durable-check":  durableCheck,
	"http-get":       httpGet,
	"delete-topic":   deleteTopic,
	"many":           many,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := commands[os.Args[1]](ctx, os.Args[2:]); err != nil {
		fmt.Fprintf(os.Stderr, "loadgen %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

// target is what every command works on.
type target struct{ addr, topic string }

func flagsOf(command string) (*flag.FlagSet, *target) {
	flags, t := flag.NewFlagSet(command, flag.ExitOnError), &target{}
	flags.StringVar(&t.addr, "addr", "127.0.0.1:9092", "bootstrap server")
	flags.StringVar(&t.topic, "topic", "perf", "topic")
	return flags, t
}

func (t *target) client(more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(t.addr)}, more...)...)
}

// create makes the topic unless it is there.
func (t *target) create(ctx context.Context, partitions int32) error {
	client, err := t.client()
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := kadm.NewClient(client).CreateTopic(ctx, partitions, 1, nil, t.topic)
	if err == nil {
		err = answer.Err
	}
	if err == kerr.TopicAlreadyExists {
		return nil
	}
	return err
}

// deleteTopic deletes the topic.
func deleteTopic(ctx context.Context, args []string) error {
	flags, t := flagsOf("delete-topic")
	_ = flags.Parse(args)
	client, err := t.client()
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := kadm.NewClient(client).DeleteTopic(ctx, t.topic)
	if err == nil {
		err = answer.Err
	}
	return err
}
