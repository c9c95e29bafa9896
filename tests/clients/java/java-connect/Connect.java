// A distributed worker of Kafka Connect with the file source and the file sink, driven by its REST interface: lines go from one file to
// another by way of a topic; a second worker of the same group goes on where the first stopped.

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.cli.ConnectDistributed;

final class Connect {
    private static final Path SOURCE = Path.of(Client.env("WORK"), "source.txt");
    private static final Path SINK = Path.of(Client.env("WORK"), "sink.txt");
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private Connect() {}

    static String files() throws Exception {
        Files.createFile(SOURCE);
        String rest = "http://127.0.0.1:" + freePort();
        worker(rest, () -> {
            put(rest, "source", "FileStreamSource", "\"file\": \"" + SOURCE + "\", \"topic\": \"" + Client.named("files") + "\"");
            put(rest, "sink", "FileStreamSink", "\"file\": \"" + SINK + "\", \"topics\": \"" + Client.named("files") + "\"");
            return passed(rest, 0, 500);
        });
        worker(rest, () -> passed(rest, 500, 700));
        return "700 lines from file to file, by two workers one after the other";
    }

    /** Nobody listens there, and it is below the range of outgoing connections so that none of them takes it later. */
    private static int freePort() {
        while (true) {
            int port = ThreadLocalRandom.current().nextInt(20_000, 32_000);
            try (ServerSocket free = new ServerSocket(port)) {
                return free.getLocalPort();
            } catch (IOException e) {
                continue; // taken: another
            }
        }
    }

    /** Starts a worker, does this, and stops it in order. */
    private static void worker(String rest, Callable<Void> what) throws Exception {
        Map<String, String> properties = new HashMap<>(Map.of(
            "bootstrap.servers", Client.env("BOOTSTRAP"),
            "group.id", Client.named("workers"),
            "listeners", rest,
            "key.converter", "org.apache.kafka.connect.storage.StringConverter",
            "value.converter", "org.apache.kafka.connect.storage.StringConverter"));
        for (String topic : List.of("config", "offset", "status")) {
            properties.put(topic + ".storage.topic", Client.named(topic));
            properties.put(topic + ".storage.replication.factor", "1"); // its default, 3, asks for three brokers
        }
        var connect = new ConnectDistributed().startConnect(properties);
        try {
            what.call();
        } finally {
            connect.stop();
            connect.awaitStop();
        }
    }

    private static HttpResponse<String> rest(HttpRequest.Builder request, String uri) throws IOException, InterruptedException {
        return HTTP.send(request.uri(URI.create(uri)).header("Content-Type", "application/json").build(), HttpResponse.BodyHandlers.ofString());
    }

    private static void put(String rest, String name, String kind, String config) throws Exception {
        String body = "{\"connector.class\": \"" + kind + "\", \"tasks.max\": \"1\", " + config + "}";
        // A worker that is joining its group answers 409.
        until("the connector " + name + " to be made", () -> rest(HttpRequest.newBuilder().PUT(HttpRequest.BodyPublishers.ofString(body)), rest + "/connectors/" + name + "/config").statusCode() == 201);
    }

    /** Lines go in at one end and come out at the other: all, in order, once. */
    private static Void passed(String rest, int from, int to) throws Exception {
        for (String name : List.of("source", "sink")) {
            until(name + " to run", () -> {
                String status = rest(HttpRequest.newBuilder().GET(), rest + "/connectors/" + name + "/status").body();
                return status.split("\"state\":\"RUNNING\"", -1).length == 3; // the connector and its task
            });
        }
        Files.write(SOURCE, Cases.values(from, to), StandardOpenOption.APPEND);
        until("line " + to, () -> Files.exists(SINK) && Files.readAllLines(SINK).size() >= to);
        Cases.same("lines", Cases.values(0, to), Files.readAllLines(SINK));
        return null;
    }

    private static void until(String what, Callable<Boolean> holds) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(90);
        while (!holds.call()) {
            Cases.require(System.nanoTime() < deadline, "waited in vain for " + what);
            Thread.sleep(100);
        }
    }

    public static void main(String[] args) throws Exception {
        Client.alone(args, "Kafka Connect", "worker.files", Connect::files);
    }
}
