// Who wrote and who reads: writes the records of all shapes with each codec, and reads what every client has written.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;

final class Cross {
    static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

    private Cross() {}

    private static JsonNode shared(String name) throws IOException {
        return new ObjectMapper().readTree(new File(Client.env("CROSS"), name));
    }

    private static byte[] bytes(JsonNode base64) {
        return base64.isNull() ? null : Base64.getDecoder().decode(base64.asText());
    }

    static void write() throws Exception {
        JsonNode records = shared("records.json");
        for (String codec : CODECS) {
            String topic;
            try (Admin admin = Client.admin()) {
                topic = Cases.topic(admin, "x-" + codec, 1);
            }
            List<Future<?>> acks = new ArrayList<>();
            try (KafkaProducer<byte[], byte[]> producer = Client.bytesProducer("compression.type", codec)) {
                records.forEach(record -> acks.add(producer.send(toSend(topic, record))));
            }
            for (Future<?> ack : acks) {
                ack.get();
            }
            Client.say("WROTE " + codec);
        }
        Client.say("CASE cross.write ok " + records.size() + " records with each of " + String.join(" ", CODECS));
    }

    private static ProducerRecord<byte[], byte[]> toSend(String topic, JsonNode record) {
        RecordHeaders headers = new RecordHeaders();
        record.get("headers").forEach(h -> headers.add(h.get(0).asText(), bytes(h.get(1))));
        return new ProducerRecord<>(topic, 0, record.get("timestamp").asLong(), bytes(record.get("key")), bytes(record.get("value")), headers);
    }

    static void read() throws Exception {
        JsonNode records = shared("records.json");
        List<String> differing = new ArrayList<>();
        int equal = 0;
        for (JsonNode written : shared("topics.json")) {
            Set<String> without = new HashSet<>();
            written.get("without").forEach(w -> without.add(w.asText()));
            String differs = difference(records, written.get("topic").asText(), without);
            if (differs == null) {
                equal++;
            } else {
                differing.add(written.get("client").asText() + "/" + written.get("codec").asText() + ": " + differs);
            }
        }
        Client.say(differing.isEmpty() ? "CASE cross.read ok " + equal + " topics equal" : "CASE cross.read FAIL " + String.join("; ", differing));
    }

    /** How what a topic holds differs from what was to be written, null when it does not. */
    private static String difference(JsonNode records, String topic, Set<String> without) {
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaConsumer<byte[], byte[]> consumer = Client.bytesConsumer("auto.offset.reset", "earliest")) {
            consumer.assign(List.of(partition));
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            List<ConsumerRecord<byte[], byte[]>> got = Cases.take(consumer, (int) end);
            if (got.size() != records.size()) {
                return "want " + records.size() + " records, got " + got.size();
            }
            for (int i = 0; i < got.size(); i++) {
                Set<String> lost = lost(records.get(i), without);
                List<String> want = wanted(records.get(i), lost), have = got(got.get(i), lost);
                if (!want.equals(have)) {
                    return "record " + i + ": want " + want + ", got " + have;
                }
            }
            return null;
        }
    }

    private static String text(byte[] bytes) {
        return bytes == null ? "null" : "'" + Base64.getEncoder().encodeToString(bytes) + "'";
    }

    /** What cannot be told apart in this record: a client may refuse one without key and value, and have both empty. */
    private static Set<String> lost(JsonNode record, Set<String> without) {
        Set<String> lost = new HashSet<>(without);
        if (without.contains("null-pairs") && record.get("key").isNull() && record.get("value").isNull()) {
            lost.addAll(List.of("null-keys", "null-values"));
        }
        return lost;
    }

    /** A field as compared: null and empty are one where the writer cannot tell them apart. */
    private static String field(byte[] bytes, String name, Set<String> without) {
        boolean nothing = bytes == null || bytes.length == 0;
        if (nothing && (without.contains("null-" + name) || without.contains("empty-" + name))) {
            return "nothing";
        }
        return bytes == null ? "null" : "'" + Base64.getEncoder().encodeToString(bytes) + "'";
    }

    private static List<String> wanted(JsonNode record, Set<String> without) {
        List<String> shape = new ArrayList<>();
        record.get("headers").forEach(h -> shape.add(h.get(0).asText() + "=" + field(bytes(h.get(1)), "headers", without)));
        return shape(bytes(record.get("key")), bytes(record.get("value")), record.get("timestamp").asLong(), shape, without);
    }

    private static List<String> got(ConsumerRecord<byte[], byte[]> record, Set<String> without) {
        List<String> shape = new ArrayList<>();
        record.headers().forEach(h -> shape.add(h.key() + "=" + field(h.value(), "headers", without)));
        return shape(record.key(), record.value(), record.timestamp(), shape, without);
    }

    private static List<String> shape(byte[] key, byte[] value, long timestamp, List<String> headers, Set<String> without) {
        return List.of(
            field(key, "keys", without),
            field(value, "values", without),
            without.contains("timestamps") ? "any time" : Long.toString(timestamp),
            without.contains("headers") ? "any headers" : headers.toString());
    }
}
