// The cases about records: producing, partitioning, offsets, commits, polls, and those of admins that need a group.
package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

func produceDefault(p play) string {
	topic, records := p.prefix+"default", numbered(p.prefix+"default", 100)
	for i := range records {
		records[i].Key, records[i].Headers = []byte(fmt.Sprintf("key-%d", i)), []Header{{"h", []byte(fmt.Sprint(i))}}
	}
	p.send(ProducerOptions{}, records...)
	got := p.read(topic, 100, earliest)
	for i, want := range records {
		have := got[i]
		expect("record", []any{want.Value, want.Key, want.Headers, int64(i)}, []any{have.Value, have.Key, have.Headers, have.Offset})
	}
	return "100 records"
}

func produceCodecs(p play) string {
	said := ""
	for _, codec := range p.Codecs() {
		records := numbered(p.prefix+codec, 500)
		p.send(ProducerOptions{Codec: codec}, records...)
		expect(codec, values(records), values(p.read(p.prefix+codec, 500, earliest)))
		said += codec + " "
	}
	for _, codec := range codecs {
		if !slices.Contains(p.Codecs(), codec) {
			said += "-- it has no " + codec + " at this version "
		}
	}
	return said
}

func produceAcks(p play) string {
	topic := p.prefix + "acks"
	for i, level := range []string{"1", "all", "0"} {
		records := numbered(topic, 10)
		places := p.send(ProducerOptions{Acks: level}, records...)
		got := p.read(topic, 10, int64(10*i))
		expect("acks "+level, values(records), values(got))
		if level != "0" {
			expect("offsets of acks "+level, offsets(places), offsets(got))
		}
	}
	return "0, 1, all"
}

func produceIdempotent(p play) string {
	topic := p.prefix + "idempotent"
	p.made(topic, 3, nil)
	records := numbered(topic, 1000)
	for i := range records {
		records[i].Partition = int32(i % 3)
	}
	p.send(ProducerOptions{Idempotent: true}, records...)
	got := must(readFrom(p.Library, topic, 1000, earliest, 0, 1, 2))
	for partition := range int32(3) {
		in := func(list []Record) []Record {
			return slices.DeleteFunc(slices.Clone(list), func(r Record) bool { return r.Partition != partition })
		}
		expect("a partition", values(in(records)), values(in(got)))
	}
	return "1,000 over 3 partitions, once and in order"
}

func keysPartitioner(p play) string {
	topic := p.prefix + "keys"
	p.made(topic, 7, nil)
	records, wanted := keysOfJava()
	for i := range records {
		records[i].Topic = topic
	}
	places := p.send(ProducerOptions{Murmur2: true}, records...)
	for i, place := range places {
		expect(fmt.Sprintf("partition of %s", records[i].Key), wanted[i], place.Partition)
	}
	return fmt.Sprintf("%d keys", len(records))
}

func offsetsEnds(p play) string {
	topic := p.prefix + "ends"
	p.made(topic, 2, nil)
	records := numbered(topic, 7)
	for i := range records {
		records[i].Partition = 1
	}
	p.send(ProducerOptions{}, records...)
	consumer := must(p.Consumer(ConsumerOptions{}))
	defer consumer.Close()
	for partition, wanted := range [][]int64{{0, 0}, {0, 7}} {
		first, last, err := consumer.Ends(Place{topic, int32(partition)})
		check(err)
		expect("ends", wanted, []int64{first, last})
	}
	return "0 to 0, 0 to 7"
}

func offsetsSeek(p play) string {
	topic := p.prefix + "seek"
	place := Place{topic, 0}
	p.send(ProducerOptions{}, numbered(topic, 20)...)
	consumer := must(p.Consumer(ConsumerOptions{Reset: "earliest"}))
	defer consumer.Close()
	check(consumer.Assign(map[Place]int64{place: earliest}))
	expect("all", sequence(0, 20), offsets(must(readOn(consumer, 20))))
	check(consumer.Seek(place, 13))
	expect("middle", sequence(13, 20), offsets(must(readOn(consumer, 7))))
	check(consumer.Seek(place, earliest))
	expect("beginning", sequence(0, 20), offsets(must(readOn(consumer, 20))))
	check(consumer.Seek(place, latest))
	expect("end", 0, len(must(consumer.Poll(time.Second))))
	p.send(ProducerOptions{}, numbered(topic, 1)...)
	expect("behind the end", sequence(20, 21), offsets(must(readOn(consumer, 1))))
	return "13, beginning, end" + behind(p.AboutSeek())
}

func offsetsTime(p play) string {
	topic, first := p.prefix+"time", time.Now().Add(-10*time.Minute).Truncate(time.Millisecond)
	records := numbered(topic, 3)
	for i := range records {
		records[i].Time = first.Add(time.Duration(i) * time.Second)
	}
	p.send(ProducerOptions{}, records...)
	consumer := must(p.Consumer(ConsumerOptions{}))
	defer consumer.Close()
	for _, asked := range []struct{ after, wanted int64 }{{-5000, 0}, {0, 0}, {500, 1}, {2000, 2}, {2001, 3}} {
		at := first.Add(time.Duration(asked.after) * time.Millisecond)
		expect(fmt.Sprintf("offset %d ms after the first", asked.after), asked.wanted, must(consumer.OffsetAt(Place{topic, 0}, at)))
	}
	return "before all, exactly, between, after all"
}

func offsetsRange(p play) string {
	topic := p.prefix + "range"
	beyond := map[Place]int64{{topic, 0}: 1000}
	p.send(ProducerOptions{}, numbered(topic, 10)...)
	if p.Resets() {
		consumer := must(p.Consumer(ConsumerOptions{Reset: "earliest"}))
		check(consumer.Assign(beyond))
		expect("earliest", sequence(0, 10), offsets(must(readOn(consumer, 10))))
		consumer.Close()
		consumer = must(p.Consumer(ConsumerOptions{Reset: "latest"}))
		check(consumer.Assign(beyond))
		var got []Record
		for tries := 0; len(got) == 0 && tries < 20; tries++ {
			p.send(ProducerOptions{}, numbered(topic, 1)...)
			got = must(consumer.Poll(time.Second))
		}
		expect("latest", true, len(got) > 0 && got[0].Offset >= 10)
		consumer.Close()
	}
	consumer := must(p.Consumer(ConsumerOptions{Reset: "none"}))
	defer consumer.Close()
	err := consumer.Assign(beyond)
	for tries := 0; err == nil && tries < 60; tries++ {
		var got []Record
		got, err = consumer.Poll(500 * time.Millisecond)
		expect("none", 0, len(got))
	}
	if err == nil {
		fail("no error for an offset out of range")
	}
	if !p.Resets() {
		return "an error -- a consumer of partitions has no auto.offset.reset"
	}
	return "earliest, latest, error"
}

func (p play) subscribed(group, topic string) Consumer {
	consumer := must(p.Consumer(ConsumerOptions{Group: group, Reset: "earliest"}))
	check(consumer.Subscribe(topic, nil, nil))
	return consumer
}

func commitsResume(p play) string {
	topic := p.prefix + "resume"
	p.send(ProducerOptions{}, numbered(topic, 20)...)
	consumer := p.subscribed(topic, topic)
	expect("read", sequence(0, 20), offsets(must(readOn(consumer, 20))))
	check(consumer.Commit(map[Place]Mark{{topic, 0}: {7, ""}}))
	consumer.Close()
	consumer = p.subscribed(topic, topic)
	defer consumer.Close()
	expect("resumed", sequence(7, 20), offsets(must(readOn(consumer, 13))))
	return "at 7 of 20"
}

func commitsMetadata(p play) string {
	topic := p.prefix + "metadata"
	p.send(ProducerOptions{}, numbered(topic, 10)...)
	consumer := must(p.Consumer(ConsumerOptions{Group: topic, Reset: "earliest"}))
	defer consumer.Close()
	check(consumer.Subscribe(topic, func([]Place) {}, func([]Place) {}))
	must(readOn(consumer, 10))
	check(consumer.Commit(map[Place]Mark{{topic, 0}: {5, "a note"}}))
	until("committed with its note", func() bool { return must(consumer.Committed(Place{topic, 0})) == Mark{5, "a note"} })
	return "read with its offset"
}

func (p play) becomesEmpty(group string) {
	until("the group is empty", func() bool {
		state, _, err := p.DescribeGroup(group)
		check(err)
		return state == "Empty"
	})
}

func commitsReset(p play) string {
	topic := p.prefix + "reset"
	if err := p.AlterGroupOffsets("", nil); isImpossible(err) {
		check(err)
	}
	p.send(ProducerOptions{}, numbered(topic, 10)...)
	consumer := p.subscribed(topic, topic)
	must(readOn(consumer, 10))
	check(consumer.Commit(map[Place]Mark{{topic, 0}: {10, ""}}))
	consumer.Close()
	p.becomesEmpty(topic)
	check(p.AlterGroupOffsets(topic, map[Place]int64{{topic, 0}: 3}))
	consumer = p.subscribed(topic, topic)
	defer consumer.Close()
	expect("started", sequence(3, 10), offsets(must(readOn(consumer, 7))))
	return "from 10 to 3"
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

func pollIdle(p play) string {
	topic := p.prefix + "idle"
	p.send(ProducerOptions{}, numbered(topic, 1)...)
	consumer := must(p.Consumer(ConsumerOptions{Reset: "earliest"}))
	defer consumer.Close()
	check(consumer.Assign(map[Place]int64{{topic, 0}: earliest}))
	must(readOn(consumer, 1))
	var took []time.Duration
	for range 10 {
		begun := time.Now()
		expect("records", 0, len(must(consumer.Poll(200*time.Millisecond))))
		took = append(took, time.Since(begun))
	}
	if middle := median(took); middle < 100*time.Millisecond || middle > 350*time.Millisecond {
		fail("a poll of 200 ms took %v", middle)
	}
	return "on time"
}

func pollWakes(p play) string {
	var series [][]time.Duration
	for len(series) < 3 {
		late := p.lateness(fmt.Sprintf("%swakes-%d", p.prefix, len(series)), 20)
		series = append(series, late)
		if late[17] <= 50*time.Millisecond {
			return fmt.Sprintf("18 of 20 within 50 ms of the ack, in series %d", len(series))
		}
	}
	fail("after the ack: %v", series)
	return ""
}

// lateness is how long after its ack each record is there, in order.
func (p play) lateness(topic string, rounds int) []time.Duration {
	p.send(ProducerOptions{}, numbered(topic, 1)...)
	consumer := must(p.Consumer(ConsumerOptions{Reset: "earliest"}))
	check(consumer.Assign(map[Place]int64{{topic, 0}: earliest}))
	arrived := make(chan time.Time, rounds+1)
	go func() {
		defer close(arrived)
		defer consumer.Close()
		for count := 0; count <= rounds; {
			records, err := consumer.Poll(time.Second)
			for range records {
				arrived <- time.Now()
				count++
			}
			if err != nil {
				return
			}
		}
	}()
	<-arrived
	producer := must(p.Producer(ProducerOptions{PerRecord: true}))
	var late []time.Duration
	for range rounds {
		time.Sleep(100 * time.Millisecond) // so that the fetch waits at the broker again
		var acked time.Time
		var once sync.WaitGroup
		once.Add(1)
		producer.Send(numbered(topic, 1)[0], func(err error, _ int32, _ int64) {
			acked = time.Now()
			once.Done()
		})
		once.Wait()
		at, open := <-arrived
		if !open {
			fail("the consumer ended")
		}
		late = append(late, at.Sub(acked))
	}
	producer.Close()
	slices.Sort(late)
	return late
}

func adminConfigs(p play) string {
	topic, name := p.prefix+"configs", "retention.ms"
	value := "7200000"
	p.made(topic, 1, map[string]string{name: "3600000"})
	now := func() string { return must(p.Configs(topic))[name] }
	expect("read", "3600000", now())
	check(p.AlterConfig(topic, name, &value))
	until("changed", func() bool { return now() == value })
	check(p.AlterConfig(topic, name, nil))
	until("taken back", func() bool { return now() != value && now() != "3600000" })
	return "read, changed, taken back"
}

func adminGroups(p play) string {
	topic := p.prefix + "groups"
	p.send(ProducerOptions{}, numbered(topic, 3)...)
	consumer := p.subscribed(topic, topic)
	must(readOn(consumer, 3))
	check(consumer.Commit(map[Place]Mark{{topic, 0}: {3, ""}}))
	if !slices.Contains(must(p.Groups()), topic) {
		fail("not among the groups")
	}
	state, members, err := p.DescribeGroup(topic)
	check(err)
	expect("described", []any{"Stable", [][]Place{{{topic, 0}}}}, []any{state, members})
	consumer.Close()
	p.becomesEmpty(topic)
	check(p.DeleteGroup(topic))
	refused("deleted again", groupIDNotFound, p.DeleteGroup(topic))
	return "listed, described, deleted; 69"
}
