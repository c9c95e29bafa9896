// franz-go, with kadm for what admins do.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type franz struct {
	Lacking
	bootstrap string
	client    *kgo.Client
	admin     *kadm.Client
}

func newFranz(bootstrap string) Library { return &franz{bootstrap: bootstrap} }

func (f *franz) Version() string {
	return moduleVersion("github.com/twmb/franz-go") + " (kadm " + moduleVersion("github.com/twmb/franz-go/pkg/kadm") + ")"
}

func (f *franz) AboutAuto() string {
	return "with AllowAutoTopicCreation: by its default it asks for no topic to be made"
}

func (f *franz) open(options ...kgo.Opt) (*kgo.Client, error) {
	logger := kgo.BasicLogger(os.Stderr, kgo.LogLevelWarn, nil)
	return kgo.NewClient(append(options, kgo.SeedBrokers(f.bootstrap), kgo.WithLogger(logger))...)
}

func (f *franz) kadm() *kadm.Client {
	if f.admin == nil {
		var err error
		if f.client, err = f.open(); err != nil {
			panic(err)
		}
		f.admin = kadm.NewClient(f.client)
	}
	return f.admin
}

var background = context.Background()

// franzErr is the broker's error by its code, where it is one.
func franzErr(err error) error {
	if kafka := (*kerr.Error)(nil); errors.As(err, &kafka) {
		return Failure{int(kafka.Code), err.Error()}
	}
	return err
}

type franzProducer struct{ client *kgo.Client }

func (f *franz) Producer(options ProducerOptions) (Producer, error) {
	codec := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	wanted := []kgo.Opt{kgo.AllowAutoTopicCreation()}
	if options.Codec != "" {
		wanted = append(wanted, kgo.ProducerBatchCompression(codec[options.Codec]))
	}
	switch options.Acks {
	case "0":
		wanted = append(wanted, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	case "1":
		wanted = append(wanted, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	case "all":
		wanted = append(wanted, kgo.RequiredAcks(kgo.AllISRAcks()))
	}
	if options.PerRecord {
		wanted = append(wanted, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	client, err := f.open(wanted...)
	return &franzProducer{client}, err
}

func (p *franzProducer) Send(record Record, done func(error, int32, int64)) {
	sent := &kgo.Record{Topic: record.Topic, Partition: record.Partition, Key: record.Key, Value: record.Value, Timestamp: record.Time}
	for _, header := range record.Headers {
		sent.Headers = append(sent.Headers, kgo.RecordHeader{Key: header.Key, Value: header.Value})
	}
	p.client.Produce(background, sent, func(sent *kgo.Record, err error) { done(franzErr(err), sent.Partition, sent.Offset) })
}

func (p *franzProducer) Flush() { _ = p.client.Flush(background) }
func (p *franzProducer) Close() { p.client.Close() }

type franzConsumer struct {
	franz   *franz
	options []kgo.Opt
	group   string
	client  *kgo.Client
	mutex   sync.Mutex
	owned   map[Place]bool
}

func (f *franz) Consumer(options ConsumerOptions) (Consumer, error) {
	reset := map[string]kgo.Offset{"": kgo.NewOffset().AtStart(), "earliest": kgo.NewOffset().AtStart(), "latest": kgo.NewOffset().AtEnd(), "none": kgo.NoResetOffset()}
	consumer := &franzConsumer{franz: f, group: options.Group, owned: map[Place]bool{}, options: []kgo.Opt{kgo.ConsumeResetOffset(reset[options.Reset])}}
	add := func(option kgo.Opt) { consumer.options = append(consumer.options, option) }
	if options.SessionMs > 0 {
		add(kgo.SessionTimeout(time.Duration(options.SessionMs) * time.Millisecond))
	}
	if options.Instance != "" {
		add(kgo.InstanceID(options.Instance))
	}
	switch options.Assignor {
	case "range":
		add(kgo.Balancers(kgo.RangeBalancer()))
	case "roundrobin":
		add(kgo.Balancers(kgo.RoundRobinBalancer()))
	case "cooperative":
		add(kgo.Balancers(kgo.CooperativeStickyBalancer()))
	}
	return consumer, nil
}

func (c *franzConsumer) Assign(starts map[Place]int64) (err error) {
	places := map[string]map[int32]kgo.Offset{}
	for place, start := range starts {
		if places[place.Topic] == nil {
			places[place.Topic] = map[int32]kgo.Offset{}
		}
		switch start {
		case earliest:
			places[place.Topic][place.Partition] = kgo.NewOffset().AtStart()
		case latest:
			places[place.Topic][place.Partition] = kgo.NewOffset().AtEnd()
		default:
			places[place.Topic][place.Partition] = kgo.NewOffset().At(start)
		}
	}
	c.client, err = c.franz.open(append(c.options, kgo.ConsumePartitions(places))...)
	return err
}

func (c *franzConsumer) Seek(place Place, to int64) error {
	if to < 0 {
		first, last, err := c.Ends(place)
		if err != nil {
			return err
		}
		to = map[int64]int64{earliest: first, latest: last}[to]
	}
	c.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{place.Topic: {place.Partition: {Epoch: -1, Offset: to}}})
	return nil
}

func (c *franzConsumer) Ends(place Place) (int64, int64, error) {
	starts, err := c.franz.kadm().ListStartOffsets(background, place.Topic)
	if err != nil {
		return 0, 0, franzErr(err)
	}
	ends, err := c.franz.kadm().ListEndOffsets(background, place.Topic)
	if err != nil {
		return 0, 0, franzErr(err)
	}
	first, _ := starts.Lookup(place.Topic, place.Partition)
	last, _ := ends.Lookup(place.Topic, place.Partition)
	return first.Offset, last.Offset, franzErr(errors.Join(first.Err, last.Err))
}

func (c *franzConsumer) OffsetAt(place Place, at time.Time) (int64, error) {
	found, err := c.franz.kadm().ListOffsetsAfterMilli(background, at.UnixMilli(), place.Topic)
	if err != nil {
		return 0, franzErr(err)
	}
	offset, _ := found.Lookup(place.Topic, place.Partition)
	return offset.Offset, franzErr(offset.Err)
}

func franzPlaces(parts map[string][]int32) (places []Place) {
	for topic, numbers := range parts {
		for _, number := range numbers {
			places = append(places, Place{topic, number})
		}
	}
	return places
}

// Subscribe holds rebalances back while a batch is worked on and committed, as franz-go advises for commits by hand.
func (c *franzConsumer) Subscribe(topic string, assigned, revoked func([]Place)) (err error) {
	c.options = append(c.options, kgo.ConsumerGroup(c.group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll())
	if assigned != nil {
		gone := func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
			c.mutex.Lock()
			defer c.mutex.Unlock()
			for _, place := range franzPlaces(parts) {
				delete(c.owned, place)
			}
			revoked(franzPlaces(parts))
		}
		c.options = append(c.options, kgo.OnPartitionsRevoked(gone), kgo.OnPartitionsLost(gone), kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
			c.mutex.Lock()
			defer c.mutex.Unlock()
			for _, place := range franzPlaces(parts) {
				c.owned[place] = true
			}
			assigned(slices.Collect(maps.Keys(c.owned)))
		}))
	}
	c.client, err = c.franz.open(c.options...)
	return err
}

func (c *franzConsumer) Poll(wait time.Duration) (records []Record, err error) {
	within, cancel := context.WithTimeout(background, wait)
	defer cancel()
	c.client.AllowRebalance()
	fetches := c.client.PollFetches(within)
	for _, fault := range fetches.Errors() {
		if !errors.Is(fault.Err, context.DeadlineExceeded) {
			err = franzErr(fault.Err)
		}
	}
	fetches.EachRecord(func(r *kgo.Record) {
		record := Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp, Key: r.Key, Value: r.Value}
		for _, header := range r.Headers {
			record.Headers = append(record.Headers, Header{header.Key, header.Value})
		}
		records = append(records, record)
	})
	return records, err
}

func (c *franzConsumer) Commit(marks map[Place]Mark) (err error) {
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for place, mark := range marks {
		if offsets[place.Topic] == nil {
			offsets[place.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[place.Topic][place.Partition] = kgo.EpochOffset{Epoch: -1, Offset: mark.Offset}
	}
	noted := kgo.PreCommitFnContext(background, func(request *kmsg.OffsetCommitRequest) error {
		for i := range request.Topics {
			for j := range request.Topics[i].Partitions {
				part := &request.Topics[i].Partitions[j]
				if note := marks[Place{request.Topics[i].Topic, part.Partition}].Metadata; note != "" {
					part.Metadata = &note
				}
			}
		}
		return nil
	})
	c.client.CommitOffsetsSync(noted, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, failed error) {
		err = franzErr(failed)
		if response == nil {
			return
		}
		for _, topic := range response.Topics {
			for _, part := range topic.Partitions {
				err = errors.Join(err, franzErr(kerr.ErrorForCode(part.ErrorCode)))
			}
		}
	})
	return err
}

func (c *franzConsumer) Committed(place Place) (Mark, error) {
	found, err := c.franz.kadm().FetchOffsets(background, c.group)
	if err != nil {
		return Mark{}, franzErr(err)
	}
	offset, ok := found.Lookup(place.Topic, place.Partition)
	if !ok {
		return Mark{}, fmt.Errorf("no offset of %v", place)
	}
	return Mark{offset.At, offset.Metadata}, franzErr(offset.Err)
}

func (c *franzConsumer) Close() {
	if c.client != nil {
		c.client.CloseAllowingRebalance()
	}
}

func (f *franz) Cluster() (int, string, error) {
	found, err := f.kadm().BrokerMetadata(background)
	return len(found.Brokers), found.Cluster, franzErr(err)
}

func (f *franz) CreateTopic(name string, partitions int, configs map[string]string) error {
	wanted := map[string]*string{}
	for name, value := range configs {
		wanted[name] = &value
	}
	_, err := f.kadm().CreateTopic(background, int32(partitions), 1, wanted, name)
	return franzErr(err)
}

func (f *franz) DeleteTopic(name string) error {
	_, err := f.kadm().DeleteTopic(background, name)
	return franzErr(err)
}

func (f *franz) Topics() ([]string, error) {
	found, err := f.kadm().ListTopics(background)
	return found.Names(), franzErr(err)
}

func (f *franz) DescribeTopic(name string) (map[int32]int, error) {
	found, err := f.kadm().ListTopics(background, name)
	if err == nil {
		err = found[name].Err
	}
	parts := map[int32]int{}
	for number, part := range found[name].Partitions {
		parts[number] = len(part.Replicas)
	}
	return parts, franzErr(err)
}

func (f *franz) Configs(topic string) (map[string]string, error) {
	found, err := f.kadm().DescribeTopicConfigs(background, topic)
	values := map[string]string{}
	for _, resource := range found {
		err = errors.Join(err, resource.Err)
		for _, config := range resource.Configs {
			values[config.Key] = config.MaybeValue()
		}
	}
	return values, franzErr(err)
}

func (f *franz) AlterConfig(topic, name string, value *string) error {
	change := kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: value}
	if value == nil {
		change.Op = kadm.DeleteConfig
	}
	answers, err := f.kadm().AlterTopicConfigs(background, []kadm.AlterConfig{change}, topic)
	for _, answer := range answers {
		err = errors.Join(err, answer.Err)
	}
	return franzErr(err)
}

func (f *franz) AddPartitions(topic string, total int) error {
	answers, err := f.kadm().UpdatePartitions(background, total, topic)
	if err == nil {
		err = answers[topic].Err
	}
	return franzErr(err)
}

func (f *franz) DeleteRecords(place Place, before int64) error {
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: place.Topic, Partition: place.Partition, At: before})
	answers, err := f.kadm().DeleteRecords(background, offsets)
	if err == nil {
		err = answers.Error()
	}
	return franzErr(err)
}

func (f *franz) Groups() ([]string, error) {
	found, err := f.kadm().ListGroups(background)
	return found.Groups(), franzErr(err)
}

func (f *franz) DescribeGroup(group string) (string, [][]Place, error) {
	found, err := f.kadm().DescribeGroups(background, group)
	var members [][]Place
	for _, member := range found[group].Members {
		var places []Place
		if assigned, ok := member.Assigned.AsConsumer(); ok {
			for _, topic := range assigned.Topics {
				places = append(places, franzPlaces(map[string][]int32{topic.Topic: topic.Partitions})...)
			}
		}
		members = append(members, places)
	}
	return found[group].State, members, franzErr(errors.Join(err, found[group].Err))
}

func (f *franz) DeleteGroup(group string) error {
	answer, err := f.kadm().DeleteGroup(background, group)
	return franzErr(errors.Join(err, answer.Err))
}

func (f *franz) AlterGroupOffsets(group string, offsets map[Place]int64) error {
	wanted := kadm.Offsets{}
	for place, offset := range offsets {
		wanted.Add(kadm.Offset{Topic: place.Topic, Partition: place.Partition, At: offset, LeaderEpoch: -1})
	}
	return franzErr(f.kadm().CommitAllOffsets(background, group, wanted))
}

func (f *franz) TopicBytes(topic string) (int64, error) {
	set := kadm.TopicsSet{}
	set.Add(topic, 0)
	found, err := f.kadm().DescribeAllLogDirs(background, set)
	var bytes int64
	found.Each(func(dir kadm.DescribedLogDir) {
		err = errors.Join(err, dir.Err)
		dir.Topics.Each(func(part kadm.DescribedLogDirPartition) { bytes += part.Size })
	})
	return bytes, franzErr(err)
}
