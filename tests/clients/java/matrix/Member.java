// A member of a group, as a plain program is one: it polls, says what it was handed, and commits that.

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import sun.misc.Signal;

final class Member implements ConsumerRebalanceListener {
    private static final Map<String, Class<?>> ASSIGNORS =
        Map.of("range", RangeAssignor.class, "roundrobin", RoundRobinAssignor.class, "cooperative", CooperativeStickyAssignor.class);

    private final KafkaConsumer<String, String> consumer;
    private final String topic;
    private volatile boolean stopping;

    Member(String group, String topic, Map<String, String> options) {
        List<Object> pairs = new ArrayList<>(List.of("group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", "false"));
        options.forEach((option, value) -> pairs.addAll(switch (option) {
            case "session" -> List.of("session.timeout.ms", value);
            case "instance" -> List.of("group.instance.id", value);
            case "assignor" -> List.of("partition.assignment.strategy", ASSIGNORS.get(value).getName());
            default -> throw new IllegalArgumentException("no option " + option);
        }));
        this.topic = topic;
        consumer = Client.consumer(pairs.toArray());
    }

    void run() {
        Signal.handle(new Signal("TERM"), signal -> {
            stopping = true;
            consumer.wakeup();
        });
        consumer.subscribe(List.of(topic), this);
        while (!stopping) {
            try {
                ConsumerRecords<String, String> records = consumer.poll(Duration.ofSeconds(1));
                records.forEach(r -> Client.say("record " + r.partition() + " " + r.offset() + " " + r.value()));
                commit(records);
            } catch (WakeupException e) {
                continue;
            } catch (KafkaException e) {
                Client.say("error " + e.toString().replace('\n', ' '));
            }
        }
        consumer.close();
        Client.say("closed");
    }

    private void commit(ConsumerRecords<String, String> records) {
        if (records.isEmpty()) {
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> offsets = records.partitions().stream().collect(Collectors.toMap(p -> p, p -> {
            var of = records.records(p);
            return new OffsetAndMetadata(of.get(of.size() - 1).offset() + 1);
        }));
        offsets.forEach((partition, at) -> Client.say("committing " + partition.partition() + " " + at.offset()));
        try {
            consumer.commitSync(offsets);
        } catch (WakeupException e) {
            consumer.commitSync(offsets); // stopping: what was handed over is committed first
        }
        offsets.forEach((partition, at) -> Client.say("committed " + partition.partition() + " " + at.offset()));
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> added) {
        Client.say("assigned" + sorted(consumer.assignment()));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> taken) {
        if (!taken.isEmpty()) {
            Client.say("revoked" + sorted(taken));
        }
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> lost) {
        Client.say("error lost" + sorted(lost));
    }

    private static String sorted(Collection<TopicPartition> partitions) {
        return partitions.stream().sorted(Comparator.comparingInt(TopicPartition::partition)).map(p -> " " + p).collect(Collectors.joining());
    }
}
