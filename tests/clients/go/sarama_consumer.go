// sarama's consumers: partition consumers where partitions are assigned by hand, a consumer group with its handler otherwise.
package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

type saramaConsumer struct {
	lib      *saramaLibrary
	config   *sarama.Config
	group    string
	client   sarama.Client
	consumer sarama.Consumer
	parts    map[Place]sarama.PartitionConsumer
	member   sarama.ConsumerGroup
	stop     context.CancelFunc
	ended    chan struct{}

	records chan Record
	batches chan []Record // of claims
	errs    chan error
	worked  chan struct{} // once for each batch that Poll handed out

	mutex   sync.Mutex
	session sarama.ConsumerGroupSession
	owned   map[Place]bool
	taken   int // batches that Poll handed out last
}

func (s *saramaLibrary) Consumer(options ConsumerOptions) (Consumer, error) {
	config := s.config()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if options.SessionMs > 0 {
		config.Consumer.Group.Session.Timeout = time.Duration(options.SessionMs) * time.Millisecond
		config.Consumer.Group.Heartbeat.Interval = min(config.Consumer.Group.Heartbeat.Interval, config.Consumer.Group.Session.Timeout/3)
	}
	if options.Instance != "" {
		if !s.version.IsAtLeast(sarama.V2_3_0_0) {
			return nil, Impossible("it has static members from 2.3 on")
		}
		config.Consumer.Group.InstanceId = options.Instance
	}
	switch options.Assignor {
	case "range":
		config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	case "roundrobin":
		config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRoundRobin()}
	case "cooperative":
		if !s.version.IsAtLeast(sarama.V2_4_0_0) {
			return nil, Impossible("it has a cooperative assignor from 2.4 on")
		}
		config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
	}
	return &saramaConsumer{
		lib: s, config: config, group: options.Group, parts: map[Place]sarama.PartitionConsumer{},
		records: make(chan Record), batches: make(chan []Record), errs: make(chan error, 100), worked: make(chan struct{}),
	}, nil
}

func (c *saramaConsumer) connect() (err error) {
	if c.client == nil {
		c.client, err = sarama.NewClient([]string{c.lib.bootstrap}, c.config)
	}
	return saramaErr(err)
}

func (c *saramaConsumer) Assign(starts map[Place]int64) error {
	if err := c.connect(); err != nil {
		return err
	}
	consumer, err := sarama.NewConsumerFromClient(c.client)
	if err != nil {
		return saramaErr(err)
	}
	c.consumer = consumer
	for place, start := range starts {
		if err := c.follow(place, start); err != nil {
			return err
		}
	}
	return nil
}

func (c *saramaConsumer) follow(place Place, start int64) error {
	part, err := c.consumer.ConsumePartition(place.Topic, place.Partition, start)
	if err != nil {
		return saramaErr(err)
	}
	c.parts[place] = part
	go func() {
		for message := range part.Messages() {
			c.records <- saramaRecord(message)
		}
	}()
	go func() {
		for err := range part.Errors() {
			c.errs <- saramaErr(err.Err)
		}
	}()
	return nil
}

func saramaRecord(message *sarama.ConsumerMessage) Record {
	record := Record{Topic: message.Topic, Partition: message.Partition, Offset: message.Offset, Time: message.Timestamp, Key: message.Key, Value: message.Value}
	for _, header := range message.Headers {
		record.Headers = append(record.Headers, Header{string(header.Key), header.Value})
	}
	return record
}

// Seek ends the partition's consumer and starts another: it has no other way.
func (c *saramaConsumer) Seek(place Place, to int64) error {
	part := c.parts[place]
	part.AsyncClose()
	for range part.Messages() {
	}
	return c.follow(place, to)
}

func (c *saramaConsumer) Ends(place Place) (int64, int64, error) {
	if err := c.connect(); err != nil {
		return 0, 0, err
	}
	first, err := c.client.GetOffset(place.Topic, place.Partition, sarama.OffsetOldest)
	if err != nil {
		return 0, 0, saramaErr(err)
	}
	last, err := c.client.GetOffset(place.Topic, place.Partition, sarama.OffsetNewest)
	return first, last, saramaErr(err)
}

func (c *saramaConsumer) OffsetAt(place Place, at time.Time) (int64, error) {
	if err := c.connect(); err != nil {
		return 0, err
	}
	offset, err := c.client.GetOffset(place.Topic, place.Partition, at.UnixMilli())
	if err == nil && offset < 0 {
		_, offset, err = c.Ends(place)
	}
	return offset, saramaErr(err)
}

// saramaHandler hands the records of a session to Poll, one after the other.
type saramaHandler struct {
	*saramaConsumer
	assigned, revoked func([]Place)
}

func (h saramaHandler) Setup(session sarama.ConsumerGroupSession) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.session, h.owned = session, map[Place]bool{}
	for _, place := range franzPlaces(session.Claims()) {
		h.owned[place] = true
	}
	h.tell()
	return nil
}

func (h saramaHandler) tell() {
	if h.assigned != nil {
		h.assigned(slices.Collect(maps.Keys(h.owned)))
	}
}

// begins is told of claims that a cooperative rebalance added to a session.
func (h saramaHandler) begins(place Place) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if !h.owned[place] {
		h.owned[place] = true
		h.tell()
	}
}

func (h saramaHandler) ends(place Place) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	delete(h.owned, place)
	if h.revoked != nil {
		h.revoked([]Place{place})
	}
}

func (h saramaHandler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim hands over all that is there and waits until it is worked on: a session does not end under records that are to
// be committed. One commit for many, since a commit waits behind the fetch that is parked on the same connection.
func (h saramaHandler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	place := Place{claim.Topic(), claim.Partition()}
	h.begins(place)
	defer h.ends(place)
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return nil
			}
			batch := []Record{saramaRecord(message)}
			for more := true; more; {
				select {
				case message, more = <-claim.Messages():
					if more {
						batch = append(batch, saramaRecord(message))
					}
				default:
					more = false
				}
			}
			select {
			case h.batches <- batch:
				<-h.worked
			case <-session.Context().Done():
				return nil
			}
		case <-session.Context().Done():
			return nil
		}
	}
}

func (c *saramaConsumer) Subscribe(topic string, assigned, revoked func([]Place)) error {
	member, err := sarama.NewConsumerGroup([]string{c.lib.bootstrap}, c.group, c.config)
	if err != nil {
		return saramaErr(err)
	}
	c.member, c.ended = member, make(chan struct{})
	going, stop := context.WithCancel(background)
	c.stop = stop
	go func() {
		for err := range member.Errors() {
			select {
			case c.errs <- saramaErr(err):
			default: // nobody polls any more
			}
		}
	}()
	go func() {
		defer close(c.ended)
		for going.Err() == nil {
			if err := member.Consume(going, []string{topic}, saramaHandler{c, assigned, revoked}); err != nil && going.Err() == nil {
				c.errs <- saramaErr(err)
				time.Sleep(100 * time.Millisecond)
			}
		}
	}()
	return nil
}

func (c *saramaConsumer) release() {
	for ; c.taken > 0; c.taken-- {
		c.worked <- struct{}{}
	}
}

func (c *saramaConsumer) Poll(wait time.Duration) (records []Record, err error) {
	c.release()
	select {
	case record := <-c.records:
		return []Record{record}, nil
	case err := <-c.errs:
		return nil, err
	case records = <-c.batches:
		c.taken = 1
	case <-time.After(wait):
		return nil, nil
	}
	for {
		select {
		case more := <-c.batches:
			records = append(records, more...)
			c.taken++
		default:
			return records, nil
		}
	}
}

func (c *saramaConsumer) Commit(marks map[Place]Mark) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for place, mark := range marks {
		c.session.MarkOffset(place.Topic, place.Partition, mark.Offset, mark.Metadata)
	}
	c.session.Commit()
	return nil
}

func (c *saramaConsumer) Committed(place Place) (Mark, error) {
	found, err := c.lib.admin().ListConsumerGroupOffsets(c.group, map[string][]int32{place.Topic: {place.Partition}})
	if err != nil {
		return Mark{}, saramaErr(err)
	}
	block := found.GetBlock(place.Topic, place.Partition)
	return Mark{block.Offset, block.Metadata}, saramaErr(block.Err)
}

func (c *saramaConsumer) Close() {
	if c.member != nil {
		c.stop()
		c.release()
		<-c.ended
		_ = c.member.Close()
	}
	for _, part := range c.parts {
		part.AsyncClose()
	}
	if c.client != nil {
		_ = c.client.Close()
	}
}
