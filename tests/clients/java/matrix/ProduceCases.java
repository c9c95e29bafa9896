// The cases of producing: defaults, codecs, acks, idempotence, Java's partitioner, sizes, a thousand partitions.

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RecordTooLargeException;

final class ProduceCases {
    private ProduceCases() {}

    static void add(Cases cases) {
        cases.add("produce.default", ProduceCases::defaults);
        cases.add("produce.codecs", ProduceCases::codecs);
        cases.add("produce.acks", ProduceCases::acks);
        cases.add("produce.idempotent", ProduceCases::idempotent);
        cases.add("keys.partitioner", ProduceCases::partitioner);
        cases.add("sizes.limit", ProduceCases::limit);
        cases.add("sizes.large", ProduceCases::large);
        cases.add("many.partitions", ProduceCases::many);
    }

    private static String topic(String name, int partitions, String... configs) throws Exception {
        try (Admin admin = Client.admin()) {
            return Cases.topic(admin, name, partitions, configs);
        }
    }

    private static String defaults() throws Exception {
        String topic = topic("default", 1);
        List<String> want = sendShaped(topic);
        Cases.same("records", want, Cases.readAll(topic).stream().map(ProduceCases::shape).toList());
        return want.size() + " records in order, with key, value, header";
    }

    /** A hundred records with key, value and a header; what shape() says of them. */
    private static List<String> sendShaped(String topic) throws Exception {
        List<String> sent = new ArrayList<>();
        try (KafkaProducer<String, String> producer = Client.producer()) {
            List<Future<RecordMetadata>> acks = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                ProducerRecord<String, String> record = new ProducerRecord<>(topic, 0, "k" + i, "v" + i);
                record.headers().add("h", ("h" + i).getBytes(StandardCharsets.UTF_8));
                acks.add(producer.send(record));
                sent.add("k" + i + "=v" + i + " h" + i);
            }
            for (Future<RecordMetadata> ack : acks) {
                ack.get();
            }
        }
        return sent;
    }

    private static String shape(ConsumerRecord<String, String> record) {
        return record.key() + "=" + record.value() + " " + new String(record.headers().lastHeader("h").value(), StandardCharsets.UTF_8);
    }

    private static String codecs() throws Exception {
        for (String codec : Cross.CODECS) {
            String topic = topic("codec-" + codec, 1);
            try (KafkaProducer<String, String> producer = Client.producer("compression.type", codec)) {
                Cases.send(producer, topic, 0, 500);
            }
            Cases.same(codec, Cases.values(0, 500), Cases.readAll(topic).stream().map(r -> r.value()).toList());
        }
        return "500 records each: " + String.join(" ", Cross.CODECS);
    }

    private static String acks() throws Exception {
        String topic = topic("acks", 1);
        List<Long> offsets = new ArrayList<>();
        for (String acks : List.of("0", "1", "all")) {
            try (KafkaProducer<String, String> producer = Client.producer("acks", acks)) {
                RecordMetadata ack = producer.send(new ProducerRecord<>(topic, 0, null, "acks " + acks)).get();
                offsets.add(ack.hasOffset() ? ack.offset() : -1);
            }
        }
        Cases.same("offsets told", List.of(-1L, 1L, 2L), offsets);
        Cases.same("records", List.of("0 acks 0", "1 acks 1", "2 acks all"), Cases.readAll(topic).stream().map(r -> r.offset() + " " + r.value()).toList());
        return "0, 1, all";
    }

    private static String idempotent() throws Exception {
        String topic = topic("idempotent", 3);
        List<Future<RecordMetadata>> acks = new ArrayList<>();
        try (KafkaProducer<String, String> producer = Client.producer("enable.idempotence", "true", "acks", "all", "batch.size", "512")) {
            for (int i = 0; i < 1000; i++) {
                acks.add(producer.send(new ProducerRecord<>(topic, i % 3, null, Integer.toString(i))));
            }
        }
        for (Future<RecordMetadata> ack : acks) {
            ack.get();
        }
        try (KafkaConsumer<String, String> consumer = Client.consumer("auto.offset.reset", "earliest")) {
            consumer.assign(List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1), new TopicPartition(topic, 2)));
            List<ConsumerRecord<String, String>> records = Cases.take(consumer, 1000);
            Cases.same("records", 1000, records.size());
            for (ConsumerRecord<String, String> record : records) {
                Cases.same("value at " + record.partition() + ":" + record.offset(), Long.toString(record.offset() * 3 + record.partition()), record.value());
            }
        }
        return "1000 over 3 partitions, once and in order";
    }

    private static String partitioner() throws Exception {
        String topic = topic("keys", 7);
        int count = 0;
        try (KafkaProducer<String, String> producer = Client.producer()) {
            for (String line : Files.readAllLines(Path.of(Client.env("KEYS")))) {
                if (!line.startsWith("#")) {
                    String[] pair = line.split("\t");
                    Cases.same("partition of " + pair[0], Integer.parseInt(pair[1]), producer.send(new ProducerRecord<>(topic, pair[0], "v")).get().partition());
                    count++;
                }
            }
        }
        return count + " keys";
    }

    /** A batch of one record without key is 72 bytes and the value, for values of this size. */
    private static String limit() throws Exception {
        String topic = topic("limit", 1, "max.message.bytes", "10000");
        try (KafkaProducer<byte[], byte[]> producer = Client.bytesProducer()) {
            producer.send(new ProducerRecord<>(topic, 0, null, new byte[10_000 - 72])).get();
            Cases.refused(RecordTooLargeException.class, producer.send(new ProducerRecord<>(topic, 0, null, new byte[10_000 - 71])));
            Cases.same("offset of the next", 1L, producer.send(new ProducerRecord<>(topic, 0, null, new byte[1])).get().offset());
        }
        return "10000 bytes taken, 10001 refused: RecordTooLarge";
    }

    private static String large() throws Exception {
        String topic = topic("large", 1), value = "0123456789".repeat(90_000);
        try (KafkaProducer<String, String> producer = Client.producer()) {
            producer.send(new ProducerRecord<>(topic, value)).get();
        }
        Cases.require(Cases.readAll(topic).get(0).value().equals(value), "read something else");
        return "900000 bytes";
    }

    private static String many() throws Exception {
        String topic = topic("many", 1000);
        Set<String> want = new TreeSet<>();
        try (KafkaProducer<String, String> producer = Client.producer()) {
            for (int i = 0; i < 10; i++) {
                producer.send(new ProducerRecord<>(topic, i * 111, null, "v" + i));
                want.add(i * 111 + ":0 v" + i);
            }
        }
        try (KafkaConsumer<String, String> consumer = Client.consumer("auto.offset.reset", "earliest", "group.id", Client.named("many"))) {
            consumer.subscribe(List.of(topic));
            Set<String> got = new TreeSet<>();
            Cases.take(consumer, 10).forEach(r -> got.add(r.partition() + ":" + r.offset() + " " + r.value()));
            Cases.same("records", want, got);
            Cases.same("partitions", 1000, consumer.assignment().size());
        }
        return "ten records of 1000 partitions";
    }
}
