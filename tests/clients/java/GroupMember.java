// A member of a consumer group that says what happens to it, one event a line on stdout; scripts/smoke starts, stops and
// kills a few of them and reads what they said. SIGTERM closes it in order. What it reads is committed after each poll.
//
//   GroupMember --bootstrap-server HOST:PORT GROUP TOPIC [property=value ...]
//
//   assigned GENERATION topic-0 topic-1    a rebalance ended; all that is owned now
//   revoked topic-0                        taken away in order
//   lost topic-0                           taken away after the membership was lost
//   record topic-0 OFFSET VALUE
//   closed

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.StringDeserializer;

public final class GroupMember {
    private final KafkaConsumer<String, String> consumer;

    private GroupMember(Properties properties) {
        consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    }

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[1]);
        properties.put("group.id", args[2]);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        // A 4.x client that cannot reach its only broker forgets all metadata ("rebootstrap"), and a leader that finds its
        // topic gone rejoins: whether a restart goes unnoticed would hang on the client's timing, not on the broker.
        properties.put("metadata.recovery.strategy", "none");
        for (int i = 4; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            properties.put(pair[0], pair[1]);
        }
        GroupMember member = new GroupMember(properties);
        Thread polling = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            member.consumer.wakeup();
            try {
                polling.join(10_000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        member.run(args[3]);
    }

    private void run(String topic) {
        consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> added) {
                Set<TopicPartition> owned = consumer.assignment();
                say("assigned " + consumer.groupMetadata().generationId() + sorted(owned));
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> taken) {
                say("revoked" + sorted(taken));
            }

            @Override
            public void onPartitionsLost(Collection<TopicPartition> taken) {
                say("lost" + sorted(taken));
            }
        });
        try {
            while (true) {
                var records = consumer.poll(Duration.ofSeconds(1));
                records.forEach(r -> say("record " + r.topic() + "-" + r.partition() + " " + r.offset() + " " + r.value()));
                if (!records.isEmpty()) {
                    commit();
                }
            }
        } catch (WakeupException e) {
            consumer.close();
            say("closed");
        }
    }

    /** A commit that a rebalance or the broker's restart refused is only said: the next poll sorts it out. */
    private void commit() {
        try {
            consumer.commitSync();
        } catch (WakeupException e) {
            throw e;
        } catch (KafkaException e) {
            say("commit refused " + e.getClass().getSimpleName());
        }
    }

    private static String sorted(Collection<TopicPartition> partitions) {
        Set<String> names = new TreeSet<>();
        partitions.forEach(p -> names.add(" " + p));
        return String.join("", names);
    }

    private static synchronized void say(String line) {
        System.out.println(line);
    }
}
