// kafka-go's consumers: a Reader for each partition that is assigned by hand, a Reader with a group, or a ConsumerGroup whose
// generations tell what a member owns.
package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
)

type segmentioConsumer struct {
	lib    *segmentio
	group  string
	config kafka.ConsumerGroupConfig
	// outOfRange makes an error of an offset that is not there; by default a Reader waits for it.
	outOfRange bool
	readers    map[Place]*kafka.Reader
	whole      *kafka.Reader        // of a group
	member     *kafka.ConsumerGroup // that says what it owns
	stop       context.CancelFunc
	going      context.Context

	records chan segmentioRecord
	errs    chan error
	current segmentioRecord // what Poll handed out last
}

// segmentioRecord comes with the generation in which it was read, and is worked on when that channel is told.
type segmentioRecord struct {
	Record
	generation *kafka.Generation
	worked     chan struct{}
}

func (s *segmentio) Consumer(options ConsumerOptions) (Consumer, error) {
	if options.Instance != "" {
		return nil, Impossible("its ConsumerGroup takes no id of an instance; its Client does, but its Heartbeat reads the error code where the answer has the throttle time: such a member hears of no rebalance")
	}
	config := kafka.ConsumerGroupConfig{ID: options.Group, Brokers: []string{s.bootstrap}, StartOffset: kafka.FirstOffset, ErrorLogger: segmentioErrors}
	config.SessionTimeout = time.Duration(options.SessionMs) * time.Millisecond
	switch options.Assignor {
	case "range":
		config.GroupBalancers = []kafka.GroupBalancer{kafka.RangeGroupBalancer{}}
	case "roundrobin":
		config.GroupBalancers = []kafka.GroupBalancer{kafka.RoundRobinGroupBalancer{}}
	case "cooperative":
		return nil, Impossible("it has no cooperative assignor")
	}
	going, stop := context.WithCancel(background)
	return &segmentioConsumer{
		lib: s, group: options.Group, config: config, outOfRange: options.Reset == "none", readers: map[Place]*kafka.Reader{}, stop: stop, going: going,
		records: make(chan segmentioRecord), errs: make(chan error, 100),
	}, nil
}

func segmentioMessage(message kafka.Message) Record {
	record := Record{Topic: message.Topic, Partition: int32(message.Partition), Offset: message.Offset, Time: message.Time, Key: message.Key, Value: message.Value}
	for _, header := range message.Headers {
		record.Headers = append(record.Headers, Header{header.Key, header.Value})
	}
	return record
}

// follow reads a partition until the context ends.
func (c *segmentioConsumer) follow(within context.Context, place Place, start int64, generation *kafka.Generation) error {
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{c.lib.bootstrap}, Topic: place.Topic, Partition: int(place.Partition), OffsetOutOfRangeError: c.outOfRange, ErrorLogger: segmentioErrors})
	if err := reader.SetOffset(start); err != nil {
		return err
	}
	c.readers[place] = reader
	read := func(within context.Context) {
		defer func() { go reader.Close() }() // Close waits for the fetch that is parked, ten seconds by default
		for {
			message, err := reader.ReadMessage(within)
			if err != nil {
				if within.Err() == nil && !errors.Is(err, io.EOF) {
					c.errs <- segmentioErr(err)
				}
				return
			}
			record := segmentioRecord{segmentioMessage(message), generation, nil}
			if generation != nil {
				record.worked = make(chan struct{}, 1)
			}
			select {
			case c.records <- record:
			case <-within.Done():
				return
			}
			if generation != nil {
				<-record.worked // the generation does not end under a record that is to be committed
			}
		}
	}
	if generation != nil {
		generation.Start(read)
	} else {
		go read(within)
	}
	return nil
}

func (c *segmentioConsumer) Assign(starts map[Place]int64) error {
	for place, start := range starts {
		if err := c.follow(c.going, place, start, nil); err != nil {
			return err
		}
	}
	return nil
}

func (c *segmentioConsumer) Seek(place Place, to int64) error { return c.readers[place].SetOffset(to) }

func (c *segmentioConsumer) Subscribe(topic string, assigned, revoked func([]Place)) (err error) {
	if assigned == nil {
		c.whole = kafka.NewReader(kafka.ReaderConfig{Brokers: []string{c.lib.bootstrap}, GroupID: c.group, Topic: topic, StartOffset: kafka.FirstOffset, ErrorLogger: segmentioErrors})
		return nil
	}
	c.config.Topics = []string{topic}
	if c.member, err = kafka.NewConsumerGroup(c.config); err != nil {
		return err
	}
	go func() {
		for {
			generation, err := c.member.Next(c.going)
			if c.going.Err() != nil || errors.Is(err, kafka.ErrGroupClosed) {
				return
			}
			if err != nil {
				c.errs <- segmentioErr(err)
				continue
			}
			c.enter(topic, generation, assigned)
		}
	}()
	return nil
}

func (c *segmentioConsumer) enter(topic string, generation *kafka.Generation, assigned func([]Place)) {
	var places []Place
	for _, part := range generation.Assignments[topic] {
		places = append(places, Place{topic, int32(part.ID)})
	}
	assigned(places)
	for _, part := range generation.Assignments[topic] {
		if err := c.follow(c.going, Place{topic, int32(part.ID)}, part.Offset, generation); err != nil {
			c.errs <- err
		}
	}
}

func (c *segmentioConsumer) release() {
	if c.current.worked != nil {
		c.current.worked <- struct{}{}
		c.current.worked = nil
	}
}

func (c *segmentioConsumer) Poll(wait time.Duration) ([]Record, error) {
	c.release()
	if c.whole != nil {
		within, cancel := context.WithTimeout(background, wait)
		defer cancel()
		message, err := c.whole.FetchMessage(within)
		if within.Err() != nil {
			return nil, nil
		}
		if err != nil {
			return nil, segmentioErr(err)
		}
		return []Record{segmentioMessage(message)}, nil
	}
	select {
	case c.current = <-c.records:
		return []Record{c.current.Record}, nil
	case err := <-c.errs:
		return nil, err
	case <-time.After(wait):
		return nil, nil
	}
}

func (c *segmentioConsumer) Commit(marks map[Place]Mark) error {
	for place, mark := range marks {
		var err error
		switch {
		case mark.Metadata != "" && c.current.generation != nil: // only the Client's call takes it, from a member that says who it is
			err = c.lib.commit(c.group, c.current.generation.MemberID, int(c.current.generation.ID), map[Place]Mark{place: mark})
		case mark.Metadata != "":
			err = Impossible("a Reader's commits take no metadata")
		case c.whole != nil:
			err = c.whole.CommitMessages(background, kafka.Message{Topic: place.Topic, Partition: int(place.Partition), Offset: mark.Offset - 1})
		default:
			err = c.current.generation.CommitOffsets(map[string]map[int]int64{place.Topic: {int(place.Partition): mark.Offset}})
		}
		if err != nil {
			return segmentioErr(err)
		}
	}
	return nil
}

func (c *segmentioConsumer) Close() {
	c.stop()
	c.release()
	if c.whole != nil {
		_ = c.whole.Close()
	}
	if c.member != nil {
		_ = c.member.Close()
	}
	for _, reader := range c.readers {
		go reader.Close() // it waits for the fetch that is parked
	}
}
