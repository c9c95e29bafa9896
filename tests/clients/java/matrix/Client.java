// The matrix's Java client, one source for kafka-clients 2.8, 3.9 and 4.x: ../run starts it with the jars of one of them.
// It speaks the verbs of tests/clients/README.md; what Java cannot say in every one of these versions goes through Later.

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

final class Client {
    private static final PrintStream OUT = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

    private Client() {}

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "version" -> say("kafka-clients " + version() + ", Java " + System.getProperty("java.version"));
            case "cases" -> runCases();
            case "write" -> Cross.write();
            case "read" -> Cross.read();
            case "member" -> new Member(args[1], args[2], options(args, 3)).run();
            case "produce" -> Endless.produce(args[1], Integer.parseInt(args[2]));
            default -> throw new IllegalArgumentException("no verb " + args[0]);
        }
        System.exit(0); // a case that hangs has left a thread behind
    }

    /** A program that plays one case, and nothing else. */
    static void alone(String[] args, String name, String caseName, Callable<String> body) throws Exception {
        if (args[0].equals("version")) {
            say(name + " " + version() + ", Java " + System.getProperty("java.version"));
        } else {
            Cases cases = new Cases();
            cases.add(caseName, body);
            cases.run();
        }
        System.exit(0);
    }

    private static String version() throws IOException {
        Properties properties = new Properties();
        try (InputStream in = Admin.class.getResourceAsStream("/kafka/kafka-version.properties")) {
            properties.load(in);
        }
        return properties.getProperty("version");
    }

    private static void runCases() throws Exception {
        Cases cases = new Cases();
        TopicCases.add(cases);
        ProduceCases.add(cases);
        OffsetCases.add(cases);
        AdminCases.add(cases);
        cases.run();
    }

    private static Map<String, String> options(String[] args, int from) {
        Map<String, String> options = new HashMap<>();
        Arrays.stream(args).skip(from).map(arg -> arg.split("=", 2)).forEach(pair -> options.put(pair[0], pair[1]));
        return options;
    }

    /** One line of the protocol. */
    static synchronized void say(String line) {
        OUT.println(line);
    }

    static String env(String name) {
        return System.getenv().getOrDefault(name, "");
    }

    /** A topic or group that nobody else uses. */
    static String named(String name) {
        return env("PREFIX") + name;
    }

    /** The client's defaults, but for pairs of key and value given here. */
    static Properties properties(Object... pairs) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", env("BOOTSTRAP"));
        for (int i = 0; i < pairs.length; i += 2) {
            properties.put(pairs[i], pairs[i + 1]);
        }
        return properties;
    }

    static Admin admin() {
        return Admin.create(properties());
    }

    static KafkaProducer<String, String> producer(Object... pairs) {
        return new KafkaProducer<>(properties(pairs), new StringSerializer(), new StringSerializer());
    }

    static KafkaProducer<byte[], byte[]> bytesProducer(Object... pairs) {
        return new KafkaProducer<>(properties(pairs), new ByteArraySerializer(), new ByteArraySerializer());
    }

    static KafkaConsumer<String, String> consumer(Object... pairs) {
        return new KafkaConsumer<>(properties(pairs), new StringDeserializer(), new StringDeserializer());
    }

    static KafkaConsumer<byte[], byte[]> bytesConsumer(Object... pairs) {
        return new KafkaConsumer<>(properties(pairs), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }
}
