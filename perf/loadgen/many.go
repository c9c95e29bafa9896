package main

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// many makes many partitions a hundred a request, as topics of one partition or as partitions of one topic, then asks for the
// Metadata of all of them. It prints the time that all of the making took, and the median of the questions.
func many(ctx context.Context, args []string) error {
	flags, t := flagsOf("many")
	count := flags.Int("count", 10000, "partitions in all")
	shape := flags.String("shape", "topics", "topics (of one partition) or partitions (of one topic)")
	questions := flags.Int("questions", 5, "how often all are asked for")
	_ = flags.Parse(args)
	client, err := t.client()
	if err != nil {
		return err
	}
	defer client.Close()

	begun := time.Now()
	for made := 0; made < *count; made += 100 {
		if *shape == "topics" {
			err = createHundred(ctx, client, t.topic, made)
		} else {
			err = growByHundred(ctx, client, t.topic, made)
		}
		if err != nil {
			return fmt.Errorf("after %d: %w", made, err)
		}
	}
	fmt.Printf("create\t%.3f\ts\n", time.Since(begun).Seconds())
	return askForAll(ctx, client, *count, *questions)
}

func createHundred(ctx context.Context, client *kgo.Client, stem string, made int) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 30_000
	for number := made; number < made+100; number++ {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = fmt.Sprintf("%s-%05d", stem, number), 1, 1
		request.Topics = append(request.Topics, topic)
	}
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, topic := range answer.Topics {
		if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
			return err
		}
	}
	return nil
}

func growByHundred(ctx context.Context, client *kgo.Client, name string, made int) error {
	if made == 0 {
		request := kmsg.NewPtrCreateTopicsRequest()
		request.TimeoutMillis = 30_000
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 100, 1
		request.Topics = append(request.Topics, topic)
		answer, err := request.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.TimeoutMillis = 30_000
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = name, int32(made+100)
	request.Topics = append(request.Topics, topic)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}

func askForAll(ctx context.Context, client *kgo.Client, count, questions int) error {
	var took []time.Duration
	for range questions {
		begun := time.Now()
		request := kmsg.NewPtrMetadataRequest()
		request.Topics = nil
		answer, err := request.RequestWith(ctx, client)
		if err != nil {
			return err
		}
		took = append(took, time.Since(begun))
		partitions := 0
		for _, topic := range answer.Topics {
			partitions += len(topic.Partitions)
		}
		if partitions < count {
			return fmt.Errorf("an answer about %d partitions, and there are %d", partitions, count)
		}
	}
	sort.Slice(took, func(a, b int) bool { return took[a] < took[b] })
	fmt.Printf("metadata\t%.1f\tms\n", float64(took[len(took)/2].Microseconds())/1000)
	return nil
}
