package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// firstAnswer tries again and again, each time on a new connection, until a Metadata answer names a leader for every
// partition of the topic. It is started before the broker, so that nothing but the broker's own start is in the time printed.
func firstAnswer(ctx context.Context, args []string) error {
	flags, t := flagsOf("first-answer")
	timeout := flags.Duration("timeout", time.Minute, "give up after this")
	_ = flags.Parse(args)
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	for {
		err := metadata(t)
		if err == nil {
			fmt.Println(time.Now().UnixMicro())
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("no answer: %w", err)
		}
		time.Sleep(300 * time.Microsecond)
	}
}

// metadata sends one request by hand: a client library would wait between its tries.
func metadata(t *target) error {
	conn, err := net.Dial("tcp", t.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))

	request := kmsg.NewPtrMetadataRequest()
	request.SetVersion(12)
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &t.topic
	request.Topics = append(request.Topics, topic)
	request.AllowAutoTopicCreation = false
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("first-answer")).AppendRequest(nil, request, 7)
	if _, err := conn.Write(frame); err != nil {
		return err
	}

	var head [9]byte // length, correlation id, no tagged fields
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:4])-5)
	if _, err := io.ReadFull(conn, body); err != nil {
		return err
	}
	response := kmsg.NewPtrMetadataResponse()
	response.SetVersion(12)
	if err := response.ReadFrom(body); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(head[4:8]) != 7 || len(response.Brokers) == 0 || len(response.Topics) != 1 || len(response.Topics[0].Partitions) == 0 {
		return errors.New("an answer without broker or topic")
	}
	for _, p := range response.Topics[0].Partitions {
		if p.ErrorCode != 0 || p.Leader < 0 {
			return fmt.Errorf("partition %d has no leader", p.Partition)
		}
	}
	return nil
}
