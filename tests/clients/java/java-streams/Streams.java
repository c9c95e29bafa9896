// A word count by Kafka Streams, at least once by its defaults: a repartition topic, and a store with its changelog, from which a second
// run of the program starts after the first's local state is gone.

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.InvalidStateStoreException;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;

final class Streams {
    private static final String APPLICATION = Client.named("words");
    private static final String LINES = Client.named("lines");
    private static final String COUNTS = Client.named("counts");
    private static final int PARTITIONS = 3;

    private Streams() {}

    static String wordCount() throws Exception {
        try (Admin admin = Client.admin()) {
            Cases.topic(admin, "lines", PARTITIONS);
            Cases.topic(admin, "counts", PARTITIONS);
        }
        Map<String, Long> once = run(300, Map.of());
        boolean again = !Client.env("TIER").equals("short"); // it waits for the session of the first, which leaves no group
        Map<String, Long> all = again ? run(200, once) : once;
        Cases.same("passed on", all, passedOn());
        try (Admin admin = Client.admin()) {
            Cases.same("the changelog's cleanup.policy", "compact", policy(admin, "counts-store-changelog"));
            Cases.same("the repartition topic's cleanup.policy", "delete", policy(admin, "by-word-repartition"));
        }
        return all.size() + " words" + (again ? ", the second run on the restored store" : " -- one run; the second is of the full tier");
    }

    /** Runs the program until it has counted so many more lines, closes it, and takes its local state away. */
    private static Map<String, Long> run(int lines, Map<String, Long> before) throws Exception {
        Map<String, Long> want = new TreeMap<>(before);
        Properties properties = Client.properties("application.id", APPLICATION, "state.dir", Path.of(Client.env("WORK"), "state").toString());
        try (KafkaStreams streams = new KafkaStreams(topology(), properties)) {
            streams.cleanUp();
            streams.start();
            send(lines, want);
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
            Map<String, Long> got;
            while (!(got = counted(streams)).equals(want)) {
                Cases.require(System.nanoTime() < deadline, "want " + want + ", got " + got + " in state " + streams.state());
                Thread.sleep(50);
            }
        }
        return want;
    }

    private static Topology topology() {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(LINES, Consumed.with(Serdes.String(), Serdes.String()))
            .flatMapValues(line -> Arrays.asList(line.split(" ")))
            .groupBy((key, word) -> word, Grouped.with("by-word", Serdes.String(), Serdes.String()))
            .count(Named.as("count"), Materialized.as("counts-store"))
            .toStream()
            .to(COUNTS, Produced.with(Serdes.String(), Serdes.Long()));
        return builder.build();
    }

    private static void send(int lines, Map<String, Long> counts) throws Exception {
        List<Future<?>> acks = new ArrayList<>();
        try (KafkaProducer<String, String> producer = Client.producer()) {
            for (int i = 0; i < lines; i++) {
                String line = "all word-" + i % 17 + (i % 5 == 0 ? " fifth" : "");
                acks.add(producer.send(new ProducerRecord<>(LINES, i % PARTITIONS, null, line)));
                Arrays.stream(line.split(" ")).forEach(word -> counts.merge(word, 1L, Long::sum));
            }
        }
        for (Future<?> ack : acks) {
            ack.get();
        }
    }

    private static Map<String, Long> counted(KafkaStreams streams) {
        Map<String, Long> counts = new TreeMap<>();
        try {
            ReadOnlyKeyValueStore<String, Long> store = streams.store(StoreQueryParameters.fromNameAndType("counts-store", QueryableStoreTypes.keyValueStore()));
            try (var all = store.all()) {
                all.forEachRemaining(entry -> counts.put(entry.key, entry.value));
            }
        } catch (InvalidStateStoreException e) {
            return Map.of(); // not there yet, or being restored
        }
        return counts;
    }

    /** The last count of each word in the topic that the program writes. */
    private static Map<String, Long> passedOn() {
        Map<String, Long> last = new TreeMap<>();
        Properties properties = Client.properties("group.id", Client.named("reader"), "auto.offset.reset", "earliest");
        try (KafkaConsumer<String, Long> consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new LongDeserializer())) {
            consumer.subscribe(Set.of(COUNTS));
            while (consumer.assignment().isEmpty() || !atEnd(consumer)) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> last.put(record.key(), record.value()));
            }
        }
        return last;
    }

    private static boolean atEnd(KafkaConsumer<String, Long> consumer) {
        return consumer.endOffsets(consumer.assignment()).entrySet().stream().allMatch(end -> consumer.position(end.getKey()) >= end.getValue());
    }

    private static String policy(Admin admin, String topic) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, APPLICATION + "-" + topic);
        return admin.describeConfigs(List.of(resource)).all().get().get(resource).get("cleanup.policy").value();
    }

    public static void main(String[] args) throws Exception {
        Client.alone(args, "Kafka Streams", "streams.wordcount", Streams::wordCount);
    }
}
