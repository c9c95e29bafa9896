package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// syncProducers lets each producer, a client of its own, send one record, wait for its ack and send the next.
func syncProducers(ctx context.Context, args []string) error {
	flags, t := flagsOf("sync-producers")
	producers := flags.Int("producers", 10, "how many, each with its own connection")
	size := flags.Int("size", 512, "bytes of a record's value")
	seconds := flags.Float64("seconds", 60, "how long")
	partitions := flags.Int("partitions", 1, "partitions of the topic, if it is made here")
	_ = flags.Parse(args)
	if err := t.create(ctx, int32(*partitions)); err != nil {
		return err
	}

	clients := make([]*kgo.Client, *producers)
	for i := range clients {
		client, err := t.client(kgo.DefaultProduceTopic(t.topic), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
		if err != nil {
			return err
		}
		defer client.Close()
		// The first record of each brings its connection and producer id; it is not counted.
		if err := client.ProduceSync(ctx, kgo.SliceRecord(make([]byte, *size))).FirstErr(); err != nil {
			return err
		}
		clients[i] = client
	}

	var all sync.WaitGroup
	micros, errors := make([][]int64, *producers), make([]int, *producers)
	begun := time.Now()
	end := begun.Add(time.Duration(*seconds * float64(time.Second)))
	for i, client := range clients {
		all.Go(func() {
			value := make([]byte, *size)
			for sent := time.Now(); sent.Before(end) && ctx.Err() == nil; {
				err := client.ProduceSync(ctx, kgo.SliceRecord(value)).FirstErr()
				now := time.Now()
				if err != nil {
					errors[i]++
					fmt.Fprintln(os.Stderr, "produce:", err)
				}
				micros[i] = append(micros[i], now.Sub(sent).Microseconds())
				sent = now
			}
		})
	}
	all.Wait()
	report(time.Since(begun), slices.Concat(micros...), errors)
	return nil
}

func report(took time.Duration, micros []int64, errors []int) {
	failed := 0
	for _, n := range errors {
		failed += n
	}
	slices.Sort(micros)
	quantile := func(q float64) float64 { return float64(micros[int(q*float64(len(micros)-1))]) / 1000 }
	fmt.Printf("rate\t%.0f\trecords/s\n", float64(len(micros)-failed)/took.Seconds())
	fmt.Printf("p50\t%.2f\tms\n", quantile(0.5))
	fmt.Printf("p99\t%.2f\tms\n", quantile(0.99))
	fmt.Printf("p99.9\t%.2f\tms\n", quantile(0.999))
	fmt.Printf("max\t%.2f\tms\n", quantile(1))
	fmt.Printf("errors\t%d\trecords\n", failed)
}
