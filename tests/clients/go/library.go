// What the cases need of a library, and how it says that something failed or cannot be done. One file per library implements
// it; a call that a library lacks comes from Lacking.
package main

import (
	"errors"
	"fmt"
	"time"
)

var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// Codes of Kafka's errors that cases want.
const (
	unknownTopic      = 3
	messageTooLarge   = 10
	invalidTopic      = 17
	topicExists       = 36
	invalidPartitions = 37
	groupIDNotFound   = 69
)

// Offsets that mean an end.
const (
	earliest = -2
	latest   = -1
)

// anyPartition leaves the choice to the partitioner.
const anyPartition = -1

// Failure is an error of the broker that the library reported.
type Failure struct {
	Code int
	Text string
}

func (f Failure) Error() string { return fmt.Sprintf("%d: %s", f.Code, f.Text) }

// Impossible says that the library has no way to do it.
type Impossible string

func (i Impossible) Error() string { return string(i) }

func lacks(what string) error { return Impossible("it has no call that " + what) }

func isImpossible(err error) bool { return errors.As(err, new(Impossible)) }

// Header is one of a record's; a nil Value is null.
type Header struct {
	Key   string
	Value []byte
}

// Record is one as it is sent or was read; nil keys and values are null.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      time.Time // zero: the library's choice
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Place is a partition.
type Place struct {
	Topic     string
	Partition int32
}

// Mark is a committed offset.
type Mark struct {
	Offset   int64
	Metadata string
}

// ProducerOptions leave a default where they are empty.
type ProducerOptions struct {
	Codec      string
	Acks       string // 0, 1 or all
	Idempotent bool
	Murmur2    bool
	PerRecord  bool // records name their partitions
}

// ConsumerOptions leave a default where they are empty.
type ConsumerOptions struct {
	Group     string
	Reset     string // earliest, latest or none
	SessionMs int
	Instance  string
	Assignor  string // range, roundrobin or cooperative
}

// Producer sends; done is called once per record, from any goroutine.
type Producer interface {
	Send(record Record, done func(err error, partition int32, offset int64))
	Flush()
	Close()
}

// Consumer reads; Poll returns no records when the time is up.
type Consumer interface {
	Assign(starts map[Place]int64) error
	Seek(place Place, to int64) error
	Ends(place Place) (int64, int64, error)
	OffsetAt(place Place, at time.Time) (int64, error) // latest where no record is that late
	Subscribe(topic string, assigned, revoked func([]Place)) error
	Poll(wait time.Duration) ([]Record, error)
	Commit(marks map[Place]Mark) error
	Committed(place Place) (Mark, error)
	Close()
}

// Library is one client library at BOOTSTRAP.
type Library interface {
	Version() string
	Without() (writing, reading []string)
	Codecs() []string
	AboutAuto() string   // the setting without which a record makes no topic
	AboutSeek() string   // what stands for a seek
	AboutMany() string   // what stands for one consumer of many partitions
	Resets() bool        // whether a consumer of partitions has auto.offset.reset
	SaysCommitted() bool // whether Commit returns what became of it
	Producer(options ProducerOptions) (Producer, error)
	Consumer(options ConsumerOptions) (Consumer, error)
	Cluster() (int, string, error)
	CreateTopic(name string, partitions int, configs map[string]string) error
	DeleteTopic(name string) error
	Topics() ([]string, error)
	DescribeTopic(name string) (map[int32]int, error)
	Configs(topic string) (map[string]string, error)
	AlterConfig(topic, name string, value *string) error
	AddPartitions(topic string, total int) error
	DeleteRecords(place Place, before int64) error
	Groups() ([]string, error)
	DescribeGroup(group string) (string, [][]Place, error)
	DeleteGroup(group string) error
	AlterGroupOffsets(group string, offsets map[Place]int64) error
	TopicBytes(topic string) (int64, error)
}

// Lacking is the base of all libraries: what most have, and no for the calls that some lack.
type Lacking struct{}

func (Lacking) Without() ([]string, []string) { return nil, nil }
func (Lacking) Codecs() []string              { return codecs }
func (Lacking) AboutAuto() string             { return "" }
func (Lacking) AboutSeek() string             { return "" }
func (Lacking) AboutMany() string             { return "" }
func (Lacking) Resets() bool                  { return true }
func (Lacking) SaysCommitted() bool           { return true }
func (Lacking) AlterConfig(string, string, *string) error {
	return lacks("changes one config")
}
func (Lacking) DeleteRecords(Place, int64) error { return lacks("deletes records") }
func (Lacking) AlterGroupOffsets(string, map[Place]int64) error {
	return lacks("sets a group's offsets")
}
func (Lacking) TopicBytes(string) (int64, error) { return 0, lacks("describes log directories") }
