// Runs the cases that are wanted, one after the other, and says how each went. A case is a function that returns its evidence
// or throws; the checks and small steps that cases share are here too.

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

final class Cases {
    private static final int CASE_SECONDS = 150;
    private final Map<String, Callable<String>> all = new LinkedHashMap<>();

    void add(String name, Callable<String> body) {
        all.put(name, body);
    }

    void run() throws InterruptedException {
        Set<String> wanted = Set.copyOf(Arrays.asList(Client.env("CASES").trim().split("\\s+")));
        for (Map.Entry<String, Callable<String>> entry : all.entrySet()) {
            if (wanted.contains(entry.getKey())) {
                Client.say("CASE " + entry.getKey() + " " + outcome(entry.getValue()).replace('\n', ' '));
            }
        }
    }

    /** On a thread of its own, so that a client that hangs takes only its own case with it. */
    private static String outcome(Callable<String> body) throws InterruptedException {
        FutureTask<String> task = new FutureTask<>(body);
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        thread.start();
        try {
            return "ok " + task.get(CASE_SECONDS, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            String where = Arrays.stream(thread.getStackTrace()).filter(f -> f.getClassName().endsWith("Cases")).map(Object::toString).findFirst().orElse("?");
            task.cancel(true);
            return "FAIL no end after " + CASE_SECONDS + " s, in " + where;
        } catch (ExecutionException e) {
            return "FAIL " + e.getCause();
        }
    }

    // --- Checks ---------------------------------------------------------------------------------------------------------

    static void same(String what, Object want, Object got) {
        require(Objects.equals(want, got), what + ": want " + want + ", got " + got);
    }

    static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }

    /** The call ends with this error of Kafka's. */
    static void refused(Class<? extends Exception> with, Future<?> call) throws InterruptedException {
        try {
            call.get();
        } catch (ExecutionException e) {
            require(with.isInstance(e.getCause()), "want " + with.getSimpleName() + ", got " + e.getCause());
            return;
        }
        throw new AssertionError("want " + with.getSimpleName() + ", got an answer without error");
    }

    // --- Steps ----------------------------------------------------------------------------------------------------------

    /** A new topic, served: Apache Kafka shows it a little after it has said that it is made. */
    static String topic(Admin admin, String name, int partitions, String... configs) throws Exception {
        String topic = Client.named(name);
        Map<String, String> map = new LinkedHashMap<>();
        for (int i = 0; i < configs.length; i += 2) {
            map.put(configs[i], configs[i + 1]);
        }
        admin.createTopics(List.of(new NewTopic(topic, Optional.of(partitions), Optional.empty()).configs(map))).all().get();
        until(() -> Later.describe(admin, topic).partitions().stream().filter(p -> p.leader() != null).count() == partitions);
        return topic;
    }

    /** Asks again, for at most five seconds, until it holds; an error is a no. */
    static void until(Callable<Boolean> holds) throws InterruptedException {
        for (int i = 0; i < 100; i++) {
            try {
                if (holds.call()) {
                    return;
                }
            } catch (Exception e) {
                require(!(e instanceof InterruptedException), "interrupted");
            }
            Thread.sleep(50);
        }
    }

    /** A new topic of one partition that holds these values. */
    static String topicWith(String name, int from, int to) throws Exception {
        try (Admin admin = Client.admin()) {
            topic(admin, name, 1);
        }
        try (KafkaProducer<String, String> producer = Client.producer()) {
            send(producer, Client.named(name), from, to);
        }
        return Client.named(name);
    }

    static void send(KafkaProducer<String, String> producer, String topic, int from, int to) throws Exception {
        List<Future<?>> acks = new ArrayList<>();
        for (int i = from; i < to; i++) {
            acks.add(producer.send(new ProducerRecord<>(topic, 0, null, Integer.toString(i))));
        }
        for (Future<?> ack : acks) {
            ack.get();
        }
    }

    static List<String> values(int from, int to) {
        List<String> values = new ArrayList<>();
        for (int i = from; i < to; i++) {
            values.add(Integer.toString(i));
        }
        return values;
    }

    /** Polls until so many records have come, or nothing has come for half a minute. */
    static <K, V> List<ConsumerRecord<K, V>> take(KafkaConsumer<K, V> consumer, int count) {
        List<ConsumerRecord<K, V>> records = new ArrayList<>();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (records.size() < count && System.nanoTime() < deadline) {
            for (ConsumerRecord<K, V> record : consumer.poll(Duration.ofMillis(100))) {
                records.add(record);
                deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            }
        }
        return records;
    }

    static <K, V> List<V> takeValues(KafkaConsumer<K, V> consumer, int count) {
        return take(consumer, count).stream().map(ConsumerRecord::value).toList();
    }

    /** All that a topic's partition 0 holds, by a consumer of its own; no record more than these. */
    static List<ConsumerRecord<String, String>> readAll(String topic) {
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<String, String> consumer = Client.consumer("auto.offset.reset", "earliest")) {
            consumer.assign(List.of(partition));
            long count = consumer.endOffsets(List.of(partition)).get(partition) - consumer.beginningOffsets(List.of(partition)).get(partition);
            return take(consumer, (int) count);
        }
    }
}
