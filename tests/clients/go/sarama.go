// sarama, configured for some version of Kafka: it speaks what that version spoke.
package main

import (
	"errors"
	"log"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/IBM/sarama"
)

type saramaLibrary struct {
	Lacking
	bootstrap string
	version   sarama.KafkaVersion
	cluster   sarama.ClusterAdmin
}

func newSarama(bootstrap string, version sarama.KafkaVersion) Library {
	sarama.Logger = log.New(os.Stderr, "", log.LstdFlags)
	return &saramaLibrary{bootstrap: bootstrap, version: version}
}

func (s *saramaLibrary) Version() string {
	return moduleVersion("github.com/IBM/sarama") + " as " + s.version.String()
}

func (s *saramaLibrary) Codecs() []string {
	if s.version.IsAtLeast(sarama.V2_1_0_0) {
		return codecs
	}
	return codecs[:4] // it sends zstd to 2.1 and later only
}

func (s *saramaLibrary) AboutSeek() string {
	return "by another consumer of the partition that begins there"
}
func (s *saramaLibrary) Resets() bool        { return false }
func (s *saramaLibrary) SaysCommitted() bool { return false }

func (s *saramaLibrary) config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = s.version
	config.Producer.Return.Successes = true
	config.Consumer.Return.Errors = true
	config.Consumer.Offsets.AutoCommit.Enable = false
	return config
}

// saramaErr is the broker's error by its code, where it is one.
func saramaErr(err error) error {
	if kafka := sarama.KError(0); errors.As(err, &kafka) {
		if kafka == sarama.ErrNoError {
			return nil
		}
		return Failure{int(kafka), err.Error()}
	}
	return err
}

func (s *saramaLibrary) admin() sarama.ClusterAdmin {
	if s.cluster == nil {
		cluster, err := sarama.NewClusterAdmin([]string{s.bootstrap}, s.config())
		check(err)
		s.cluster = cluster
	}
	return s.cluster
}

type saramaProducer struct {
	producer sarama.AsyncProducer
	ended    chan struct{}
	open     sync.WaitGroup // records without an answer
	closed   bool
}

func (s *saramaLibrary) Producer(options ProducerOptions) (Producer, error) {
	config := s.config()
	config.Producer.Compression = map[string]sarama.CompressionCodec{
		"gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}[options.Codec]
	switch options.Acks {
	case "0":
		config.Producer.RequiredAcks = sarama.NoResponse
	case "all":
		config.Producer.RequiredAcks = sarama.WaitForAll
	}
	if options.Idempotent {
		config.Producer.Idempotent, config.Producer.RequiredAcks, config.Net.MaxOpenRequests = true, sarama.WaitForAll, 1
	}
	if options.Murmur2 {
		config.Producer.Partitioner = sarama.NewMurmur2Partitioner
	}
	if options.PerRecord {
		config.Producer.Partitioner = sarama.NewManualPartitioner
	}
	producer, err := sarama.NewAsyncProducer([]string{s.bootstrap}, config)
	if err != nil {
		return nil, saramaErr(err)
	}
	p := &saramaProducer{producer: producer, ended: make(chan struct{}, 2)}
	go func() {
		for message := range producer.Successes() {
			message.Metadata.(func(error, int32, int64))(nil, message.Partition, message.Offset)
			p.open.Done()
		}
		p.ended <- struct{}{}
	}()
	go func() {
		for failed := range producer.Errors() {
			failed.Msg.Metadata.(func(error, int32, int64))(saramaErr(failed.Err), failed.Msg.Partition, failed.Msg.Offset)
			p.open.Done()
		}
		p.ended <- struct{}{}
	}()
	return p, nil
}

func (p *saramaProducer) Send(record Record, done func(error, int32, int64)) {
	message := &sarama.ProducerMessage{Topic: record.Topic, Partition: record.Partition, Timestamp: record.Time, Metadata: done}
	if record.Key != nil {
		message.Key = sarama.ByteEncoder(record.Key)
	}
	if record.Value != nil {
		message.Value = sarama.ByteEncoder(record.Value)
	}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Key), Value: header.Value})
	}
	p.open.Add(1)
	p.producer.Input() <- message
}

func (p *saramaProducer) Flush() { p.open.Wait() }

func (p *saramaProducer) Close() {
	if !p.closed {
		p.closed = true
		p.producer.AsyncClose()
		<-p.ended
		<-p.ended
	}
}

func (s *saramaLibrary) Cluster() (int, string, error) {
	brokers, _, err := s.admin().DescribeCluster()
	return len(brokers), "", saramaErr(err)
}

func (s *saramaLibrary) CreateTopic(name string, partitions int, configs map[string]string) error {
	wanted := map[string]*string{}
	for name, value := range configs {
		wanted[name] = &value
	}
	return saramaErr(s.admin().CreateTopic(name, &sarama.TopicDetail{NumPartitions: int32(partitions), ReplicationFactor: 1, ConfigEntries: wanted}, false))
}

func (s *saramaLibrary) DeleteTopic(name string) error { return saramaErr(s.admin().DeleteTopic(name)) }

func (s *saramaLibrary) Topics() ([]string, error) {
	found, err := s.admin().ListTopics()
	return slices.Collect(maps.Keys(found)), saramaErr(err)
}

func (s *saramaLibrary) DescribeTopic(name string) (map[int32]int, error) {
	found, err := s.admin().DescribeTopics([]string{name})
	if err != nil {
		return nil, saramaErr(err)
	}
	parts := map[int32]int{}
	for _, part := range found[0].Partitions {
		parts[part.ID] = len(part.Replicas)
	}
	return parts, saramaErr(found[0].Err)
}

func (s *saramaLibrary) Configs(topic string) (map[string]string, error) {
	found, err := s.admin().DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic})
	values := map[string]string{}
	for _, entry := range found {
		values[entry.Name] = entry.Value
	}
	return values, saramaErr(err)
}

// AlterConfig replaces all that the topic has set where incremental changes were not known yet.
func (s *saramaLibrary) AlterConfig(topic, name string, value *string) error {
	if !s.version.IsAtLeast(sarama.V2_3_0_0) {
		wanted := map[string]*string{}
		if value != nil {
			wanted[name] = value
		}
		return saramaErr(s.admin().AlterConfig(sarama.TopicResource, topic, wanted, false))
	}
	change := sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: value}
	if value == nil {
		change.Operation = sarama.IncrementalAlterConfigsOperationDelete
	}
	return saramaErr(s.admin().IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{name: change}, false))
}

func (s *saramaLibrary) AddPartitions(topic string, total int) error {
	return saramaErr(s.admin().CreatePartitions(topic, int32(total), nil, false))
}

func (s *saramaLibrary) DeleteRecords(place Place, before int64) error {
	return saramaErr(s.admin().DeleteRecords(place.Topic, map[int32]int64{place.Partition: before}))
}

func (s *saramaLibrary) Groups() ([]string, error) {
	found, err := s.admin().ListConsumerGroups()
	return slices.Collect(maps.Keys(found)), saramaErr(err)
}

func (s *saramaLibrary) DescribeGroup(group string) (string, [][]Place, error) {
	found, err := s.admin().DescribeConsumerGroups([]string{group})
	if err != nil {
		return "", nil, saramaErr(err)
	}
	var members [][]Place
	for _, member := range found[0].Members {
		var places []Place
		assigned, err := member.GetMemberAssignment()
		if err != nil {
			return "", nil, err
		}
		if assigned != nil {
			for topic, numbers := range assigned.Topics {
				places = append(places, franzPlaces(map[string][]int32{topic: numbers})...)
			}
		}
		members = append(members, places)
	}
	return found[0].State, members, saramaErr(found[0].Err)
}

func (s *saramaLibrary) DeleteGroup(group string) error {
	return saramaErr(s.admin().DeleteConsumerGroup(group))
}

func (s *saramaLibrary) AlterGroupOffsets(group string, offsets map[Place]int64) error {
	if group == "" {
		return nil
	}
	wanted := map[string]map[int32]sarama.OffsetAndMetadata{}
	for place, offset := range offsets {
		wanted[place.Topic] = map[int32]sarama.OffsetAndMetadata{place.Partition: {Offset: offset, LeaderEpoch: -1}}
	}
	answer, err := s.admin().AlterConsumerGroupOffsets(group, wanted, nil)
	if err != nil {
		return saramaErr(err)
	}
	for _, parts := range answer.Errors {
		for _, code := range parts {
			err = errors.Join(err, saramaErr(code))
		}
	}
	return err
}

func (s *saramaLibrary) TopicBytes(topic string) (bytes int64, err error) {
	found, err := s.admin().DescribeLogDirs([]int32{s.brokerID()})
	for _, dirs := range found {
		for _, dir := range dirs {
			for _, described := range dir.Topics {
				for _, part := range described.Partitions {
					if described.Topic == topic {
						bytes += part.Size
					}
				}
			}
		}
	}
	return bytes, saramaErr(err)
}

func (s *saramaLibrary) brokerID() int32 {
	brokers, _, err := s.admin().DescribeCluster()
	check(err)
	return brokers[0].ID()
}
