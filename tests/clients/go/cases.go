// The cases of ../cases.tsv that a client plays by itself, written once for all libraries. Each returns its evidence, or
// fails with what went wrong.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// play is one case: its failures unwind to playCases.
type play struct {
	Library
	prefix string
}

type failed struct{ error }

func fail(format string, args ...any) { panic(failed{fmt.Errorf(format, args...)}) }

func check(err error) {
	if err != nil {
		panic(failed{err})
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func expect(what string, wanted, got any) {
	if !reflect.DeepEqual(wanted, got) {
		fail("%s: wanted %.150v, got %.150v", what, wanted, got)
	}
}

func refused(what string, code int, err error) {
	if isImpossible(err) {
		check(err)
	}
	if failure := (Failure{}); errors.As(err, &failure) {
		expect(what+": error code", code, failure.Code)
	} else {
		fail("%s: wanted error %d, got %v", what, code, err)
	}
}

func until(what string, ready func() bool) {
	for deadline := time.Now().Add(30 * time.Second); !ready(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			fail("not within 30 s: %s", what)
		}
	}
}

func playCases(library Library) {
	for _, name := range strings.Fields(os.Getenv("CASES")) {
		say("CASE %s %s", name, verdict(name, library))
	}
}

func verdict(name string, library Library) (said string) {
	defer func() {
		switch trouble := recover().(type) {
		case nil:
		case failed:
			said = "FAIL " + trouble.Error()
			if isImpossible(trouble.error) {
				said = "skip " + trouble.Error()
			}
		default:
			_, file, line, _ := runtime.Caller(2)
			said = fmt.Sprintf("FAIL %v (%s:%d)", trouble, filepath.Base(file), line)
		}
	}()
	function, known := cases[name]
	if !known {
		return "FAIL no such case here"
	}
	return "ok " + function(play{library, os.Getenv("PREFIX")})
}

// sent keeps what became of records.
type sent struct {
	sync.Mutex
	at   map[int]Record
	errs []error
}

func newSent() *sent { return &sent{at: map[int]Record{}} }

func (s *sent) to(number int) func(error, int32, int64) {
	return func(err error, partition int32, offset int64) {
		s.Lock()
		defer s.Unlock()
		if err != nil {
			s.errs = append(s.errs, err)
		} else {
			s.at[number] = Record{Partition: partition, Offset: offset}
		}
	}
}

func (s *sent) places(count int) ([]Record, error) {
	s.Lock()
	defer s.Unlock()
	if len(s.errs) > 0 {
		return nil, s.errs[0]
	}
	places := make([]Record, count)
	for i := range places {
		place, acked := s.at[i]
		if !acked {
			return nil, fmt.Errorf("%d of %d records acked", len(s.at), count)
		}
		places[i] = place
	}
	return places, nil
}

// served are the topics that were made; only topics.auto leaves that to a record.
var served = map[string]bool{}

// made makes a topic and waits until the broker serves it: Apache Kafka answers before that.
func (p play) made(topic string, partitions int, configs map[string]string) {
	served[topic] = true
	check(p.CreateTopic(topic, partitions, configs))
	consumer := must(p.Consumer(ConsumerOptions{}))
	defer consumer.Close()
	until("the topic is served", func() bool {
		described, err := p.DescribeTopic(topic)
		for part := 0; part < partitions && err == nil; part++ {
			_, _, err = consumer.Ends(Place{topic, int32(part)})
		}
		return err == nil && len(described) == partitions
	})
}

// trySend sends records and waits for all.
func (p play) trySend(options ProducerOptions, records []Record) ([]Record, error) {
	options.PerRecord = len(records) > 0 && records[0].Partition != anyPartition
	producer, err := p.Producer(options)
	if err != nil {
		return nil, err
	}
	outcome := newSent()
	for i, record := range records {
		producer.Send(record, outcome.to(i))
	}
	producer.Flush()
	producer.Close()
	return outcome.places(len(records))
}

func (p play) send(options ProducerOptions, records ...Record) []Record {
	if topic := records[0].Topic; !served[topic] {
		p.made(topic, 1, nil)
	}
	return must(p.trySend(options, records))
}

// behind is a note of what a case does not show, as the report lists it.
func behind(note string) string {
	if note == "" {
		return ""
	}
	return " -- " + note
}

// numbered are so many records for a partition.
func numbered(topic string, count int) []Record {
	records := make([]Record, count)
	for i := range records {
		records[i] = Record{Topic: topic, Value: []byte(fmt.Sprintf("value-%d", i))}
	}
	return records
}

func readOn(consumer Consumer, count int) ([]Record, error) {
	var got []Record
	for deadline := time.Now().Add(30 * time.Second); len(got) < count && time.Now().Before(deadline); {
		records, err := consumer.Poll(time.Second)
		if err != nil {
			return got, err
		}
		got = append(got, records...)
	}
	if len(got) != count {
		return got, fmt.Errorf("%d of %d records read", len(got), count)
	}
	return got, nil
}

func readFrom(library Library, topic string, count int, start int64, partitions ...int32) ([]Record, error) {
	consumer, err := library.Consumer(ConsumerOptions{Reset: "earliest"})
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	starts := map[Place]int64{}
	for _, partition := range partitions {
		starts[Place{topic, partition}] = start
	}
	if err := consumer.Assign(starts); err != nil {
		return nil, err
	}
	return readOn(consumer, count)
}

func (p play) read(topic string, count int, start int64) []Record {
	return must(readFrom(p.Library, topic, count, start, 0))
}

func values(records []Record) (list []string) {
	for _, record := range records {
		list = append(list, string(record.Value))
	}
	return list
}

func offsets(records []Record) (list []int64) {
	for _, record := range records {
		list = append(list, record.Offset)
	}
	return list
}

func sequence(from, to int64) (list []int64) {
	for ; from < to; from++ {
		list = append(list, from)
	}
	return list
}

var cases = map[string]func(play) string{
	"connect.versions": func(p play) string {
		brokers, cluster, err := p.Cluster()
		check(err)
		expect("brokers", 1, brokers)
		if cluster == "" {
			return "1 broker -- it shows no id of the cluster"
		}
		return "1 broker, an id of the cluster"
	},
	"topics.create": func(p play) string {
		p.made(p.prefix+"create", 3, nil)
		expect("partitions and replicas", map[int32]int{0: 1, 1: 1, 2: 1}, must(p.DescribeTopic(p.prefix+"create")))
		return "3 partitions"
	},
	"topics.errors": func(p play) string {
		p.made(p.prefix+"errors", 1, nil)
		refused("made again", topicExists, p.CreateTopic(p.prefix+"errors", 1, nil))
		refused("a name with a space", invalidTopic, p.CreateTopic(p.prefix+"a b", 1, nil))
		refused("no partitions", invalidPartitions, p.CreateTopic(p.prefix+"zero", 0, nil))
		_, err := p.DescribeTopic(p.prefix + "missing")
		refused("described when it is not there", unknownTopic, err)
		return "36, 17, 37, 3"
	},
	"topics.list": func(p play) string {
		p.made(p.prefix+"list", 1, nil)
		if !slices.Contains(must(p.Topics()), p.prefix+"list") {
			fail("not among the topics")
		}
		return "among the topics"
	},
	"topics.delete": func(p play) string {
		p.made(p.prefix+"delete", 1, nil)
		check(p.DeleteTopic(p.prefix + "delete"))
		until("gone from the list", func() bool { return !slices.Contains(must(p.Topics()), p.prefix+"delete") })
		refused("deleted again", unknownTopic, p.DeleteTopic(p.prefix+"delete"))
		return "gone; 3"
	},
	"topics.auto": func(p play) string {
		place := must(p.trySend(ProducerOptions{}, numbered(p.prefix+"auto", 1)))
		expect("acked at", int64(0), place[0].Offset)
		expect("read", []string{"value-0"}, values(p.read(p.prefix+"auto", 1, earliest)))
		return "made by its first record" + behind(p.AboutAuto())
	},
	"produce.default":    produceDefault,
	"produce.codecs":     produceCodecs,
	"produce.acks":       produceAcks,
	"produce.idempotent": produceIdempotent,
	"keys.partitioner":   keysPartitioner,
	"sizes.limit": func(p play) string {
		topic := p.prefix + "limit"
		p.made(topic, 1, map[string]string{"max.message.bytes": "10000"})
		// A batch of one record without key and headers is its value and 72 bytes.
		p.send(ProducerOptions{Codec: "none"}, Record{Topic: topic, Value: bytes.Repeat([]byte("x"), 9928)})
		_, err := p.trySend(ProducerOptions{Codec: "none"}, []Record{{Topic: topic, Value: bytes.Repeat([]byte("x"), 9929)}})
		refused("one byte more", messageTooLarge, err)
		_, last, err := must(p.Consumer(ConsumerOptions{})).Ends(Place{topic, 0})
		check(err)
		expect("latest", int64(1), last)
		return "10,000 bytes taken, 10,001 refused"
	},
	"sizes.large": func(p play) string {
		value := make([]byte, 900_000)
		for i := range value {
			value[i] = byte(i)
		}
		p.send(ProducerOptions{}, Record{Topic: p.prefix + "large", Value: value})
		expect("read back", true, bytes.Equal(p.read(p.prefix+"large", 1, earliest)[0].Value, value))
		return "900,000 bytes"
	},
	"many.partitions": func(p play) string {
		topic := p.prefix + "many"
		p.made(topic, 1000, nil)
		var records []Record
		var partitions []int32
		for i := int32(0); i < 1000; i++ {
			partitions = append(partitions, i)
			if i%100 == 0 {
				records = append(records, Record{Topic: topic, Partition: i, Value: []byte(strconv.Itoa(int(i)))})
			}
		}
		p.send(ProducerOptions{}, records...)
		got := must(readFrom(p.Library, topic, 10, earliest, partitions...))
		sort.Slice(got, func(i, j int) bool { return got[i].Partition < got[j].Partition })
		expect("records", values(records), values(got))
		return "10 records of 1,000 partitions" + behind(p.AboutMany())
	},
	"offsets.ends":     offsetsEnds,
	"offsets.seek":     offsetsSeek,
	"offsets.time":     offsetsTime,
	"offsets.range":    offsetsRange,
	"commits.resume":   commitsResume,
	"commits.metadata": commitsMetadata,
	"commits.reset":    commitsReset,
	"poll.idle":        pollIdle,
	"poll.wakes":       pollWakes,
	"admin.configs":    adminConfigs,
	"admin.partitions": func(p play) string {
		topic := p.prefix + "partitions"
		p.made(topic, 2, nil)
		check(p.AddPartitions(topic, 5))
		until("described", func() bool { return len(must(p.DescribeTopic(topic))) == 5 })
		refused("fewer", invalidPartitions, p.AddPartitions(topic, 3))
		return "2 to 5; fewer refused"
	},
	"admin.records": func(p play) string {
		topic := p.prefix + "records"
		p.send(ProducerOptions{}, numbered(topic, 10)...)
		check(p.DeleteRecords(Place{topic, 0}, 4))
		first, last, err := must(p.Consumer(ConsumerOptions{})).Ends(Place{topic, 0})
		check(err)
		expect("ends", []int64{4, 10}, []int64{first, last})
		expect("read", sequence(4, 10), offsets(p.read(topic, 6, earliest)))
		return "earliest is 4"
	},
	"admin.groups": adminGroups,
	"admin.logdirs": func(p play) string {
		topic := p.prefix + "logdirs"
		if _, err := p.TopicBytes(""); isImpossible(err) {
			check(err)
		}
		p.send(ProducerOptions{Codec: "none"}, Record{Topic: topic, Value: bytes.Repeat([]byte("x"), 5000)})
		if size := must(p.TopicBytes(topic)); size < 5000 || size > 6000 {
			fail("the topic has %d bytes", size)
		}
		return "the topic's bytes"
	},
}

func keysOfJava() (records []Record, wanted []int32) {
	executable := must(os.Executable())
	file := must(os.Open(filepath.Join(filepath.Dir(executable), "../../keys.tsv")))
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, partition, _ := strings.Cut(lines.Text(), "\t")
		if number, err := strconv.Atoi(partition); err == nil {
			records = append(records, Record{Partition: anyPartition, Key: []byte(key), Value: []byte("v")})
			wanted = append(wanted, int32(number))
		}
	}
	return records, wanted
}
