// segmentio/kafka-go: Writer and Reader as in its README, ConsumerGroup where a member is to say what it owns, Client for admins.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

type segmentio struct {
	Lacking
	bootstrap string
	client    *kafka.Client
	addr      net.Addr
}

func newSegmentio(bootstrap string) Library {
	addr := kafka.TCP(bootstrap)
	return &segmentio{bootstrap: bootstrap, addr: addr, client: &kafka.Client{Addr: addr, Timeout: 30 * time.Second}}
}

func (s *segmentio) Version() string { return moduleVersion("github.com/segmentio/kafka-go") }

// Without: a Reader gives null for what is empty.
func (s *segmentio) Without() ([]string, []string) {
	return nil, []string{"empty-keys", "empty-values", "empty-headers"}
}

func (s *segmentio) AboutMany() string {
	return "by 1,000 Readers: one without a group has one partition"
}

func (s *segmentio) AboutAuto() string {
	return "with AllowAutoTopicCreation: by its default it asks for no topic to be made"
}

// Resets is no: a Reader waits where it was put.
func (s *segmentio) Resets() bool { return false }

var segmentioErrors = kafka.LoggerFunc(func(format string, args ...any) {
	fmt.Fprintln(os.Stderr, time.Now().Format(time.DateTime), "ERROR", fmt.Sprintf(format, args...))
})

// segmentioErr is the broker's error by its code, where it is one.
func segmentioErr(err error) error {
	if code := kafka.Error(0); errors.As(err, &code) {
		return Failure{int(code), err.Error()}
	}
	if large := (kafka.MessageTooLargeError{}); errors.As(err, &large) {
		return Failure{messageTooLarge, err.Error()}
	}
	return err
}

// byRecord puts a message where its record says.
type byRecord struct{ otherwise kafka.Balancer }

func (b byRecord) Balance(message kafka.Message, partitions ...int) int {
	if wanted := message.WriterData.(*segmentioSent).partition; wanted != anyPartition {
		return int(wanted)
	}
	return b.otherwise.Balance(message, partitions...)
}

type segmentioSent struct {
	partition int32
	done      func(error, int32, int64)
}

type segmentioProducer struct {
	writer *kafka.Writer
	open   sync.WaitGroup
}

func (s *segmentio) Producer(options ProducerOptions) (Producer, error) {
	if options.Idempotent {
		return nil, Impossible("its Writer has no idempotence")
	}
	producer := &segmentioProducer{}
	var balancer kafka.Balancer = &kafka.RoundRobin{}
	if options.Murmur2 {
		balancer = kafka.Murmur2Balancer{}
	}
	producer.writer = &kafka.Writer{
		Addr: s.addr, Balancer: byRecord{balancer}, Async: true, AllowAutoTopicCreation: true, ErrorLogger: segmentioErrors,
		Compression:  map[string]kafka.Compression{"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}[options.Codec],
		RequiredAcks: map[string]kafka.RequiredAcks{"1": kafka.RequireOne, "all": kafka.RequireAll}[options.Acks],
		Completion: func(messages []kafka.Message, err error) {
			for _, message := range messages {
				message.WriterData.(*segmentioSent).done(segmentioErr(err), int32(message.Partition), message.Offset)
				producer.open.Done()
			}
		},
	}
	if options.Acks == "" {
		producer.writer.RequiredAcks = kafka.RequireAll // its README's; without it a Writer asks for no acks
	}
	return producer, nil
}

func (p *segmentioProducer) Send(record Record, done func(error, int32, int64)) {
	message := kafka.Message{Topic: record.Topic, Key: record.Key, Value: record.Value, Time: record.Time, WriterData: &segmentioSent{record.Partition, done}}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, kafka.Header{Key: header.Key, Value: header.Value})
	}
	p.open.Add(1)
	// A topic that is being made: its README says to try again.
	err := p.writer.WriteMessages(background, message)
	for tries := 0; errors.Is(err, kafka.UnknownTopicOrPartition) && tries < 20; tries++ {
		time.Sleep(100 * time.Millisecond)
		err = p.writer.WriteMessages(background, message)
	}
	if err != nil {
		done(segmentioErr(err), 0, 0)
		p.open.Done()
	}
}

func (p *segmentioProducer) Flush() { p.open.Wait() }
func (p *segmentioProducer) Close() { _ = p.writer.Close() }

func (s *segmentio) Cluster() (int, string, error) {
	found, err := s.client.Metadata(background, &kafka.MetadataRequest{})
	if err != nil {
		return 0, "", segmentioErr(err)
	}
	return len(found.Brokers), found.ClusterID, nil
}

func (s *segmentio) CreateTopic(name string, partitions int, configs map[string]string) error {
	wanted := kafka.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}
	for name, value := range configs {
		wanted.ConfigEntries = append(wanted.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	answer, err := s.client.CreateTopics(background, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{wanted}})
	if err == nil {
		err = answer.Errors[name]
	}
	return segmentioErr(err)
}

func (s *segmentio) DeleteTopic(name string) error {
	answer, err := s.client.DeleteTopics(background, &kafka.DeleteTopicsRequest{Topics: []string{name}})
	if err == nil {
		err = answer.Errors[name]
	}
	return segmentioErr(err)
}

func (s *segmentio) Topics() (names []string, err error) {
	found, err := s.client.Metadata(background, &kafka.MetadataRequest{})
	if err != nil {
		return nil, segmentioErr(err)
	}
	for _, topic := range found.Topics {
		names = append(names, topic.Name)
	}
	return names, nil
}

func (s *segmentio) DescribeTopic(name string) (map[int32]int, error) {
	found, err := s.client.Metadata(background, &kafka.MetadataRequest{Topics: []string{name}})
	if err != nil {
		return nil, segmentioErr(err)
	}
	parts := map[int32]int{}
	for _, part := range found.Topics[0].Partitions {
		parts[int32(part.ID)] = len(part.Replicas)
	}
	return parts, segmentioErr(found.Topics[0].Error)
}

func (s *segmentio) Configs(topic string) (map[string]string, error) {
	resources := []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic}}
	found, err := s.client.DescribeConfigs(background, &kafka.DescribeConfigsRequest{Resources: resources})
	if err != nil {
		return nil, segmentioErr(err)
	}
	values := map[string]string{}
	for _, entry := range found.Resources[0].ConfigEntries {
		values[entry.ConfigName] = entry.ConfigValue
	}
	return values, segmentioErr(found.Resources[0].Error)
}

func (s *segmentio) AlterConfig(topic, name string, value *string) error {
	change := kafka.IncrementalAlterConfigsRequestConfig{Name: name, ConfigOperation: kafka.ConfigOperationDelete}
	if value != nil {
		change.Value, change.ConfigOperation = *value, kafka.ConfigOperationSet
	}
	resources := []kafka.IncrementalAlterConfigsRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, Configs: []kafka.IncrementalAlterConfigsRequestConfig{change}}}
	answer, err := s.client.IncrementalAlterConfigs(background, &kafka.IncrementalAlterConfigsRequest{Resources: resources})
	if err == nil {
		err = answer.Resources[0].Error
	}
	return segmentioErr(err)
}

func (s *segmentio) AddPartitions(topic string, total int) error {
	wanted := []kafka.TopicPartitionsConfig{{Name: topic, Count: int32(total)}}
	answer, err := s.client.CreatePartitions(background, &kafka.CreatePartitionsRequest{Topics: wanted})
	if err == nil {
		err = answer.Errors[topic]
	}
	return segmentioErr(err)
}

func (s *segmentio) Groups() (names []string, err error) {
	found, err := s.client.ListGroups(background, &kafka.ListGroupsRequest{})
	if err != nil {
		return nil, segmentioErr(err)
	}
	for _, group := range found.Groups {
		names = append(names, group.GroupID)
	}
	return names, segmentioErr(found.Error)
}

func (s *segmentio) DescribeGroup(group string) (string, [][]Place, error) {
	found, err := s.client.DescribeGroups(background, &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})
	if err != nil {
		return "", nil, segmentioErr(err)
	}
	var members [][]Place
	for _, member := range found.Groups[0].Members {
		var places []Place
		for _, topic := range member.MemberAssignments.Topics {
			for _, number := range topic.Partitions {
				places = append(places, Place{topic.Topic, int32(number)})
			}
		}
		members = append(members, places)
	}
	return found.Groups[0].GroupState, members, segmentioErr(found.Groups[0].Error)
}

func (s *segmentio) DeleteGroup(group string) error {
	answer, err := s.client.DeleteGroups(background, &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
	if err == nil {
		err = answer.Errors[group]
	}
	return segmentioErr(err)
}

// commit is OffsetCommit by a member, or by none with generation -1.
func (s *segmentio) commit(group, member string, generation int, marks map[Place]Mark) error {
	topics := map[string][]kafka.OffsetCommit{}
	for place, mark := range marks {
		topics[place.Topic] = append(topics[place.Topic], kafka.OffsetCommit{Partition: int(place.Partition), Offset: mark.Offset, Metadata: mark.Metadata})
	}
	answer, err := s.client.OffsetCommit(background, &kafka.OffsetCommitRequest{GroupID: group, GenerationID: generation, MemberID: member, Topics: topics})
	if err != nil {
		return segmentioErr(err)
	}
	for _, parts := range answer.Topics {
		for _, part := range parts {
			err = errors.Join(err, segmentioErr(part.Error))
		}
	}
	return err
}

func (s *segmentio) AlterGroupOffsets(group string, offsets map[Place]int64) error {
	if group == "" {
		return nil
	}
	marks := map[Place]Mark{}
	for place, offset := range offsets {
		marks[place] = Mark{Offset: offset}
	}
	return s.commit(group, "", -1, marks)
}

func (s *segmentio) ends(place Place, asked ...kafka.OffsetRequest) (kafka.PartitionOffsets, error) {
	found, err := s.client.ListOffsets(background, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{place.Topic: asked}})
	if err != nil {
		return kafka.PartitionOffsets{}, segmentioErr(err)
	}
	return found.Topics[place.Topic][0], segmentioErr(found.Topics[place.Topic][0].Error)
}

func (c *segmentioConsumer) Ends(place Place) (int64, int64, error) {
	found, err := c.lib.ends(place, kafka.FirstOffsetOf(int(place.Partition)), kafka.LastOffsetOf(int(place.Partition)))
	return found.FirstOffset, found.LastOffset, err
}

func (c *segmentioConsumer) OffsetAt(place Place, at time.Time) (int64, error) {
	found, err := c.lib.ends(place, kafka.TimeOffsetOf(int(place.Partition), at), kafka.LastOffsetOf(int(place.Partition)))
	for offset := range found.Offsets {
		if offset >= 0 {
			return offset, err
		}
	}
	return found.LastOffset, err
}

func (c *segmentioConsumer) Committed(place Place) (Mark, error) {
	asked := map[string][]int{place.Topic: {int(place.Partition)}}
	found, err := c.lib.client.OffsetFetch(context.Background(), &kafka.OffsetFetchRequest{GroupID: c.group, Topics: asked})
	if err != nil {
		return Mark{}, segmentioErr(err)
	}
	part := found.Topics[place.Topic][0]
	return Mark{part.CommittedOffset, part.Metadata}, segmentioErr(part.Error)
}
