// The cases of consuming: offsets, seeking, times, committing, and how long a poll takes.

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;

final class OffsetCases {
    private OffsetCases() {}

    static void add(Cases cases) {
        cases.add("offsets.ends", OffsetCases::ends);
        cases.add("offsets.seek", OffsetCases::seek);
        cases.add("offsets.time", OffsetCases::time);
        cases.add("offsets.range", OffsetCases::range);
        cases.add("commits.resume", OffsetCases::resume);
        cases.add("commits.metadata", OffsetCases::metadata);
        cases.add("commits.reset", OffsetCases::reset);
        cases.add("poll.idle", OffsetCases::idle);
        cases.add("poll.wakes", OffsetCases::wakes);
    }

    private static String ends() throws Exception {
        String topic = Client.named("ends");
        TopicPartition written = new TopicPartition(topic, 0), empty = new TopicPartition(topic, 1);
        try (Admin admin = Client.admin(); KafkaProducer<String, String> producer = Client.producer(); KafkaConsumer<String, String> consumer = Client.consumer()) {
            Cases.topic(admin, "ends", 2);
            Cases.send(producer, topic, 0, 5);
            Cases.same("earliest", Map.of(written, 0L, empty, 0L), consumer.beginningOffsets(List.of(written, empty)));
            Cases.same("latest", Map.of(written, 5L, empty, 0L), consumer.endOffsets(List.of(written, empty)));
        }
        return "0 and 5, 0 and 0";
    }

    private static String seek() throws Exception {
        TopicPartition partition = new TopicPartition(Cases.topicWith("seek", 0, 100), 0);
        try (KafkaConsumer<String, String> consumer = Client.consumer("auto.offset.reset", "earliest")) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 42);
            Cases.same("from 42", "42", Cases.takeValues(consumer, 1).get(0));
            consumer.seekToBeginning(List.of(partition));
            Cases.same("from the beginning", Cases.values(0, 100), Cases.takeValues(consumer, 100));
            consumer.seekToEnd(List.of(partition));
            Cases.same("the end", 100L, consumer.position(partition));
            Cases.require(consumer.poll(Duration.ofMillis(200)).isEmpty(), "records behind the end");
        }
        return "42, beginning, end";
    }

    private static String time() throws Exception {
        String topic = Client.named("time");
        TopicPartition partition = new TopicPartition(topic, 0);
        long start = System.currentTimeMillis() - 60_000;
        try (Admin admin = Client.admin(); KafkaProducer<String, String> producer = Client.producer(); KafkaConsumer<String, String> consumer = Client.consumer()) {
            Cases.topic(admin, "time", 1);
            for (int i = 0; i < 10; i++) {
                producer.send(new ProducerRecord<>(topic, 0, start + i * 1000, null, "v" + i)).get();
            }
            List<String> got = new ArrayList<>();
            for (long at : new long[] {start - 5000, start + 3500, start + 7000, start + 60_000}) {
                OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, at)).get(partition);
                got.add(found == null ? "none" : found.offset() + "@" + (found.timestamp() - start));
            }
            Cases.same("offsets@times", List.of("0@0", "4@4000", "7@7000", "none"), got);
        }
        return "before all, between, exactly, after all";
    }

    private static String range() throws Exception {
        TopicPartition partition = new TopicPartition(Cases.topicWith("range", 0, 10), 0);
        List<String> got = new ArrayList<>();
        for (String reset : List.of("earliest", "latest", "none")) {
            try (KafkaConsumer<String, String> consumer = Client.consumer("auto.offset.reset", reset)) {
                consumer.assign(List.of(partition));
                consumer.seek(partition, 1000);
                try {
                    if (reset.equals("earliest")) {
                        got.add(Cases.takeValues(consumer, 10).toString());
                    } else {
                        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
                        while (consumer.position(partition) == 1000 && System.nanoTime() < deadline) {
                            Cases.require(consumer.poll(Duration.ofMillis(100)).isEmpty(), "records out of range");
                        }
                        got.add(Long.toString(consumer.position(partition)));
                    }
                } catch (OffsetOutOfRangeException e) {
                    got.add("OffsetOutOfRange " + e.offsetOutOfRangePartitions().get(partition));
                }
            }
        }
        Cases.same("positions", List.of(Cases.values(0, 10).toString(), "10", "OffsetOutOfRange 1000"), got);
        return "earliest, latest, none: OffsetOutOfRange";
    }

    private static KafkaConsumer<String, String> member(String group, String topic, Object... pairs) {
        List<Object> all = new ArrayList<>(List.of("group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", "false"));
        all.addAll(List.of(pairs));
        KafkaConsumer<String, String> consumer = Client.consumer(all.toArray());
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    private static String resume() throws Exception {
        String topic = Cases.topicWith("resume", 0, 20), group = Client.named("resume");
        try (KafkaConsumer<String, String> consumer = member(group, topic, "max.poll.records", "10")) {
            Cases.same("first", Cases.values(0, 10), Cases.takeValues(consumer, 10));
            consumer.commitSync();
        }
        try (KafkaConsumer<String, String> consumer = member(group, topic)) {
            Cases.same("second", Cases.values(10, 20), Cases.takeValues(consumer, 10));
        }
        return "0 to 9, then 10 to 19";
    }

    private static String metadata() throws Exception {
        TopicPartition partition = new TopicPartition(Cases.topicWith("metadata", 0, 10), 0);
        try (KafkaConsumer<String, String> consumer = Client.consumer("group.id", Client.named("metadata"))) {
            consumer.assign(List.of(partition));
            Cases.same("committed before", null, consumer.committed(Set.of(partition)).get(partition));
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(7, "seven, with a note ü")));
            OffsetAndMetadata committed = consumer.committed(Set.of(partition)).get(partition);
            Cases.same("committed", "7 seven, with a note ü", committed.offset() + " " + committed.metadata());
        }
        return "7 with its note";
    }

    private static String reset() throws Exception {
        String topic = Cases.topicWith("reset", 0, 10), group = Client.named("reset");
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = member(group, topic)) {
            Cases.take(consumer, 10);
            consumer.commitSync();
        }
        try (Admin admin = Client.admin()) {
            admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(4))).all().get();
            Cases.same("offset told", 4L, admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition).offset());
        }
        try (KafkaConsumer<String, String> consumer = member(group, topic)) {
            Cases.same("after the reset", Cases.values(4, 10), Cases.takeValues(consumer, 6));
        }
        return "set back from 10 to 4";
    }

    private static String idle() throws Exception {
        TopicPartition partition = new TopicPartition(Cases.topicWith("idle", 0, 1), 0);
        try (KafkaConsumer<String, String> consumer = Client.consumer()) {
            consumer.assign(List.of(partition));
            consumer.seekToEnd(List.of(partition));
            consumer.position(partition);
            List<Long> took = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                long begun = System.nanoTime();
                Cases.require(consumer.poll(Duration.ofMillis(200)).isEmpty(), "a record from nowhere");
                took.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun));
            }
            long median = median(took);
            Cases.require(median >= 195 && median <= 300, "polls of 200 ms took " + took);
            return "200 ms took " + median + " ms";
        }
    }

    private static String wakes() throws Exception {
        List<List<Long>> series = new ArrayList<>();
        while (series.size() < 3) {
            List<Long> late = lateness("wakes-" + series.size());
            series.add(late);
            if (late.get(17) <= 50) {
                return "18 of 20 within 50 ms of the ack, in series " + series.size();
            }
        }
        throw new AssertionError("ms behind the ack: " + series);
    }

    /** By how many ms behind its ack each record is there, in order. */
    private static List<Long> lateness(String topic) throws Exception {
        TopicPartition partition = new TopicPartition(Cases.topicWith(topic, 0, 1), 0);
        LinkedBlockingQueue<Long> polled = new LinkedBlockingQueue<>();
        KafkaConsumer<String, String> consumer = Client.consumer("auto.offset.reset", "latest");
        Thread thread = new Thread(() -> pollInto(consumer, partition, polled));
        thread.start();
        List<Long> late = new ArrayList<>();
        try (KafkaProducer<String, String> producer = Client.producer()) {
            polled.take();
            for (int i = 0; i < 20; i++) {
                Thread.sleep(20); // the poll before this one is back in its wait
                producer.send(new ProducerRecord<>(partition.topic(), 0, null, "wake")).get();
                long acked = System.nanoTime();
                late.add(TimeUnit.NANOSECONDS.toMillis(Math.max(0, polled.take() - acked)));
            }
        } finally {
            consumer.wakeup();
            thread.join();
        }
        late.sort(null);
        return late;
    }

    /** Hands over the time when it has its position, then when each record is there. */
    private static void pollInto(KafkaConsumer<String, String> consumer, TopicPartition partition, LinkedBlockingQueue<Long> polled) {
        try (consumer) {
            consumer.assign(List.of(partition));
            consumer.position(partition);
            consumer.poll(Duration.ofMillis(100));
            polled.add(System.nanoTime());
            while (true) {
                if (!consumer.poll(Duration.ofSeconds(10)).isEmpty()) {
                    polled.add(System.nanoTime());
                }
            }
        } catch (WakeupException e) {
            return;
        }
    }

    private static long median(List<Long> times) {
        return times.stream().sorted().skip(times.size() / 2).findFirst().orElseThrow();
    }
}
