// The verbs write, read, member and produce for any lib: what the matrix plays its own cases with.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

type crossRecord struct {
	Key       []byte
	Value     []byte
	Headers   [][2]*string
	Timestamp int64
}

type crossTopic struct {
	Topic, Client, Codec string
	Without              []string
}

// load reads a file of the shared directory.
func load(name string, into any) {
	text, err := os.ReadFile(filepath.Join(os.Getenv("CROSS"), name))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func crossRecords() []Record {
	var rows []crossRecord
	load("records.json", &rows)
	records := make([]Record, len(rows))
	for i, row := range rows {
		records[i] = Record{Key: row.Key, Value: row.Value, Time: time.UnixMilli(row.Timestamp)}
		for _, header := range row.Headers {
			var value []byte
			if header[1] != nil {
				text, _ := json.Marshal(*header[1])
				_ = json.Unmarshal(text, &value) // base64, as JSON has bytes
			}
			records[i].Headers = append(records[i].Headers, Header{*header[0], value})
		}
	}
	return records
}

func write(library Library) {
	wanted := crossRecords()
	without, _ := library.Without()
	if len(without) > 0 {
		say("WITHOUT %s", strings.Join(without, " "))
	}
	for _, codec := range library.Codecs() {
		sent := newSent()
		producer, err := library.Producer(ProducerOptions{Codec: codec, PerRecord: true})
		if err == nil {
			for i, record := range wanted {
				record.Topic = os.Getenv("PREFIX") + "x-" + codec
				producer.Send(record, sent.to(i))
			}
			producer.Flush()
			producer.Close()
			_, err = sent.places(len(wanted))
		}
		if err != nil {
			say("CASE cross.write FAIL %s: %v", codec, err)
			return
		}
	}
	say("CASE cross.write ok %d records each: %s", len(wanted), strings.Join(library.Codecs(), " "))
	for _, codec := range library.Codecs() {
		say("WROTE %s", codec)
	}
}

// sameBytes holds null and empty apart, unless they are blurred.
func sameBytes(have, want []byte, blurred bool) bool {
	return bytes.Equal(have, want) && (blurred || (have == nil) == (want == nil))
}

func differs(have, want Record, without []string) string {
	blurred := func(what string) bool {
		return slices.Contains(without, "null-"+what) || slices.Contains(without, "empty-"+what)
	}
	pair := slices.Contains(without, "null-pairs") && want.Key == nil && want.Value == nil
	switch {
	case !sameBytes(have.Key, want.Key, pair || blurred("keys")):
		return fmt.Sprintf("key %q, not %q", have.Key, want.Key)
	case !sameBytes(have.Value, want.Value, pair || blurred("values")):
		return fmt.Sprintf("value %q, not %q", have.Value, want.Value)
	case !slices.Contains(without, "timestamps") && have.Time.UnixMilli() != want.Time.UnixMilli():
		return fmt.Sprintf("timestamp %d, not %d", have.Time.UnixMilli(), want.Time.UnixMilli())
	case slices.Contains(without, "headers"):
		return ""
	}
	same := slices.EqualFunc(have.Headers, want.Headers, func(a, b Header) bool { return a.Key == b.Key && sameBytes(a.Value, b.Value, blurred("headers")) })
	if !same {
		return fmt.Sprintf("headers %q, not %q", have.Headers, want.Headers)
	}
	return ""
}

func read(library Library) {
	var topics []crossTopic
	load("topics.json", &topics)
	wanted := crossRecords()
	_, lacking := library.Without()
	if len(lacking) > 0 {
		say("WITHOUT %s", strings.Join(lacking, " "))
	}
	var bad []string
	writers, count := map[string]bool{}, 0
	for _, topic := range topics {
		if !slices.Contains(library.Codecs(), topic.Codec) {
			continue
		}
		count++
		writers[topic.Client] = true
		got, err := readFrom(library, topic.Topic, len(wanted), earliest, 0)
		if err != nil {
			bad = append(bad, fmt.Sprintf("%s: %v", topic.Topic, err))
			continue
		}
		for i := range wanted {
			if text := differs(got[i], wanted[i], append(topic.Without, lacking...)); text != "" {
				bad = append(bad, fmt.Sprintf("%s: record %d has %.150s", topic.Topic, i, text))
				break
			}
		}
	}
	if len(bad) > 0 {
		say("CASE cross.read FAIL %d of %d: %s", len(bad), count, strings.Join(bad, "; "))
	} else {
		say("CASE cross.read ok %d topics of %d writers", count, len(writers))
	}
}

func untilTerminated() chan os.Signal {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	return stop
}

func names(places []Place) string {
	slices.SortFunc(places, func(a, b Place) int { return int(a.Partition - b.Partition) })
	var text []string
	for _, place := range places {
		text = append(text, fmt.Sprintf("%s-%d", place.Topic, place.Partition))
	}
	return strings.Join(text, " ")
}

func member(library Library, group, topic string, options []string) {
	stop, wanted := untilTerminated(), ConsumerOptions{Group: group, Reset: "earliest"}
	for _, option := range options {
		switch name, value, _ := strings.Cut(option, "="); name {
		case "session":
			wanted.SessionMs, _ = strconv.Atoi(value)
		case "instance":
			wanted.Instance = value
		case "assignor":
			wanted.Assignor = value
		}
	}
	consumer, err := library.Consumer(wanted)
	if err == nil {
		err = consumer.Subscribe(topic, func(places []Place) { say("assigned %s", names(places)) }, func(places []Place) { say("revoked %s", names(places)) })
	}
	if isImpossible(err) {
		say("skip %v", err)
		return
	} else if err != nil {
		log.Fatal(err)
	}
	for {
		select {
		case <-stop:
			consumer.Close()
			say("closed")
			return
		default:
			memberPoll(library, consumer)
		}
	}
}

func memberPoll(library Library, consumer Consumer) {
	records, err := consumer.Poll(200 * time.Millisecond)
	if err != nil {
		say("error %v", err)
	}
	marks := map[Place]Mark{}
	for _, record := range records {
		say("record %d %d %s", record.Partition, record.Offset, record.Value)
		marks[Place{record.Topic, record.Partition}] = Mark{Offset: record.Offset + 1}
	}
	if len(marks) == 0 {
		return
	}
	for place, mark := range marks {
		say("committing %d %d", place.Partition, mark.Offset)
	}
	if err := consumer.Commit(marks); err != nil {
		say("error %v", err)
		return
	}
	for place, mark := range marks {
		if library.SaysCommitted() {
			say("committed %d %d", place.Partition, mark.Offset)
		}
	}
}

func produce(library Library, topic, perSecond string) {
	stop := untilTerminated()
	rate, _ := strconv.Atoi(perSecond)
	producer, err := library.Producer(ProducerOptions{})
	if err != nil {
		log.Fatal(err)
	}
	room, tick := make(chan struct{}, 1000), time.NewTicker(time.Second/time.Duration(rate))
	var open sync.WaitGroup
	for number := 1; ; number++ {
		select {
		case <-stop:
			producer.Flush()
			open.Wait()
			producer.Close()
			say("closed")
			return
		case <-tick.C:
		}
		room <- struct{}{}
		open.Add(1)
		producer.Send(Record{Topic: topic, Partition: anyPartition, Value: []byte(strconv.Itoa(number))}, func(err error, _ int32, _ int64) {
			defer open.Done()
			<-room
			if err != nil {
				say("error %d %v", number, err)
			} else {
				say("acked %d", number)
			}
		})
	}
}
