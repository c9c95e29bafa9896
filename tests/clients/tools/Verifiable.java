// Runs Kafka's VerifiableConsumer, a member of a group, or its VerifiableProducer: their main methods are called as they are, and what they
// print as JSON is said in the words of the verbs member and produce (../README.md) at once. ../python/adapter_tools.py starts it with the
// class and its words.

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

final class Verifiable {
    private static final PrintStream OUT = System.out;
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<String> OWNED = new TreeSet<>();
    private static final CountDownLatch STOPPED = new CountDownLatch(1);
    private static final CountDownLatch COMPLETE = new CountDownLatch(1);

    private Verifiable() {}

    public static void main(String[] args) throws Exception {
        System.setOut(new PrintStream(OutputStream.nullOutputStream()) {
            @Override
            public void println(String line) {
                hear(line);
            }
        });
        // On SIGTERM the tool closes in a hook of its own: the exit status is to say how that went.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            STOPPED.countDown();
            boolean closed = comes(COMPLETE, args[0].endsWith("Producer") ? 50_000 : 25_000);
            say(closed ? "closed" : "error it does not close");
            Runtime.getRuntime().halt(closed ? 0 : 1);
        }));
        try {
            Class.forName(args[0]).getMethod("main", String[].class).invoke(null, (Object) Arrays.copyOfRange(args, 1, args.length));
            // On SIGTERM the hook above may come after the tool's own, which ends main.
            if (!comes(STOPPED, 5_000)) {
                Runtime.getRuntime().halt(1);
            }
        } catch (InvocationTargetException thrown) {
            say("error " + thrown.getCause());
            Runtime.getRuntime().halt(1);
        }
    }

    private static boolean comes(CountDownLatch event, int withinMs) {
        try {
            return event.await(withinMs, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            return false;
        }
    }

    private static synchronized void say(String line) {
        OUT.println(line.replace('\n', ' '));
        OUT.flush();
    }

    private static synchronized void hear(String line) {
        JsonNode event;
        try {
            event = JSON.readTree(line);
        } catch (JsonProcessingException e) {
            System.err.println(line);
            return;
        }
        switch (event.path("name").asText()) {
            case "partitions_assigned" -> {
                OWNED.addAll(names(event));
                say("assigned " + String.join(" ", OWNED));
            }
            case "partitions_revoked" -> {
                OWNED.removeAll(names(event));
                if (!names(event).isEmpty()) {
                    say("revoked " + String.join(" ", names(event)));
                }
            }
            case "record_data" -> say("record " + event.path("partition").asInt() + " " + event.path("offset").asLong() + " " + event.path("value").asText());
            // It commits what it has said of a poll right after that.
            case "records_consumed" -> event.path("partitions").forEach(part -> say("committing " + part.path("partition").asInt() + " " + (part.path("maxOffset").asLong() + 1)));
            case "offsets_committed" -> {
                if (event.path("success").asBoolean()) {
                    event.path("offsets").forEach(part -> say("committed " + part.path("partition").asInt() + " " + part.path("offset").asLong()));
                } else {
                    say("error " + event.path("error").asText());
                }
            }
            case "producer_send_success" -> say("acked " + event.path("value").asText());
            case "producer_send_error" -> say("error " + event.path("value").asText() + " " + event.path("exception").asText() + " " + event.path("message").asText());
            case "shutdown_complete" -> {
                // After an error, too, it closes and says this.
                if (!comes(STOPPED, 3_000)) {
                    say("error it ended by itself");
                }
                COMPLETE.countDown();
            }
            default -> { } // that it has begun, and sums at its end
        }
    }

    private static List<String> names(JsonNode event) {
        List<String> names = new ArrayList<>();
        event.path("partitions").forEach(part -> names.add(part.path("topic").asText() + "-" + part.path("partition").asInt()));
        return names;
    }
}
