package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ack is one line of the list: record seq of a producer was acked at that offset.
type ack struct {
	producer, seq int
	partition     int32
	offset        int64
}

// valueOf makes the value of a record from its name, so that the checker can tell every byte of it.
func valueOf(producer, seq, size int) []byte {
	name := fmt.Sprintf("%d %d ", producer, seq)
	return []byte((name + strings.Repeat(name, size/len(name)+1))[:size])
}

// durableWrite produces at a steady rate per producer, idempotent and with acks=all, until told to stop. With -flush 0 it then
// dies as it is; else it waits so long for the acks still out.
func durableWrite(ctx context.Context, args []string) error {
	flags, t := flagsOf("durable-write")
	producers := flags.Int("producers", 10, "how many, each with its own connection")
	rate := flags.Int("rate", 500, "records a second of each")
	size := flags.Int("size", 512, "bytes of a record's value")
	partitions := flags.Int("partitions", 3, "partitions of the topic; a producer keeps to one")
	out := flags.String("out", "acked.tsv", "where the list goes")
	flush := flags.Duration("flush", 0, "how long to wait at the end for acks")
	_ = flags.Parse(args)
	if err := t.create(ctx, int32(*partitions)); err != nil {
		return err
	}

	var all sync.WaitGroup
	acks := make([][]ack, *producers)
	for p := range *producers {
		client, err := t.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.DefaultProduceTopic(t.topic))
		if err != nil {
			return err
		}
		all.Go(func() {
			var lock sync.Mutex
			every := time.NewTicker(time.Second / time.Duration(*rate))
			for seq := 0; ctx.Err() == nil; seq++ {
				record := &kgo.Record{Partition: int32(p % *partitions), Value: valueOf(p, seq, *size)}
				client.TryProduce(context.Background(), record, func(r *kgo.Record, err error) {
					if err == nil {
						lock.Lock()
						acks[p] = append(acks[p], ack{p, seq, r.Partition, r.Offset})
						lock.Unlock()
					}
				})
				select {
				case <-every.C:
				case <-ctx.Done():
				}
			}
			if *flush > 0 {
				limited, cancel := context.WithTimeout(context.Background(), *flush)
				_ = client.Flush(limited)
				cancel()
			}
			lock.Lock() // kept: what is acked from here on is not on the list
		})
	}
	all.Wait()
	return writeAcks(*out, acks)
}

func writeAcks(path string, acks [][]ack) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w, n := bufio.NewWriter(file), 0
	for _, list := range acks {
		for _, a := range list {
			fmt.Fprintf(w, "%d\t%d\t%d\t%d\n", a.producer, a.seq, a.partition, a.offset)
			n++
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Printf("acked\t%d\trecords\n", n)
	return file.Close()
}

// durableCheck reads the whole topic and holds it against the list.
func durableCheck(ctx context.Context, args []string) error {
	flags, t := flagsOf("durable-check")
	size := flags.Int("size", 512, "bytes of a record's value")
	_ = flags.Parse(args)
	acks, err := readAcks(flags.Arg(0))
	if err != nil {
		return err
	}
	found, bad, err := readTopic(ctx, t, *size)
	if err != nil {
		return err
	}
	lost, moved := 0, 0
	for _, a := range acks {
		at, there := found[[2]int{a.producer, a.seq}]
		switch {
		case !there:
			lost++
		case at != [2]int64{int64(a.partition), a.offset}:
			moved++
		}
	}
	fmt.Printf("acked\t%d\trecords\nfound\t%d\trecords\nlost\t%d\trecords\nmoved\t%d\trecords\n", len(acks), len(found), lost, moved)
	fmt.Printf("duplicates\t%d\trecords\nreordered\t%d\trecords\nforeign\t%d\trecords\ngaps\t%d\toffsets\n", bad.duplicates, bad.reordered, bad.foreign, bad.gaps)
	if len(acks) == 0 || lost+moved+bad.duplicates+bad.reordered+bad.foreign+bad.gaps > 0 {
		return fmt.Errorf("of %d acked records %d lost, %d at another offset; in the topic: %+v", len(acks), lost, moved, bad)
	}
	return nil
}

func readAcks(path string) (acks []ack, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var a ack
		if _, err := fmt.Sscan(lines.Text(), &a.producer, &a.seq, &a.partition, &a.offset); err != nil {
			return nil, err
		}
		acks = append(acks, a)
	}
	return acks, nil
}

// badness counts what must not be in a topic, whoever was acked.
type badness struct{ duplicates, reordered, foreign, gaps int }

// readTopic gives the partition and offset of each record by producer and sequence.
func readTopic(ctx context.Context, t *target, size int) (map[[2]int][2]int64, badness, error) {
	found, bad := map[[2]int][2]int64{}, badness{}
	client, err := t.client(kgo.ConsumeTopics(t.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, bad, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, t.topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, bad, err
	}
	left := int64(0)
	ends.Each(func(end kadm.ListedOffset) { left += end.Offset })

	next, last := map[int32]int64{}, map[int]int{}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, bad, fmt.Errorf("%d records before the end: %w", left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			var producer, seq int
			if r.Offset != next[r.Partition] {
				bad.gaps++
			}
			left -= r.Offset + 1 - next[r.Partition]
			next[r.Partition] = r.Offset + 1
			if _, err := fmt.Sscan(string(r.Value[:min(len(r.Value), 40)]), &producer, &seq); err != nil || string(valueOf(producer, seq, size)) != string(r.Value) {
				bad.foreign++
				return
			}
			name := [2]int{producer, seq}
			if _, twice := found[name]; twice {
				bad.duplicates++
			} else if before, some := last[producer]; some && seq < before {
				bad.reordered++
			}
			found[name], last[producer] = [2]int64{int64(r.Partition), r.Offset}, seq
		})
	}
	return found, bad, nil
}
