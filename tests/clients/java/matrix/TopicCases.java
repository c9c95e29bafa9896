// The cases of topics: connecting, making, listing, describing and deleting them.

import java.util.List;
import java.util.Set;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

final class TopicCases {
    private TopicCases() {}

    static void add(Cases cases) {
        cases.add("connect.versions", TopicCases::connect);
        cases.add("topics.create", TopicCases::create);
        cases.add("topics.errors", TopicCases::errors);
        cases.add("topics.list", TopicCases::list);
        cases.add("topics.delete", TopicCases::delete);
        cases.add("topics.auto", TopicCases::auto);
    }

    private static String connect() throws Exception {
        try (Admin admin = Client.admin()) {
            DescribeClusterResult cluster = admin.describeCluster();
            Cases.same("brokers", 1, cluster.nodes().get().size());
            Cases.require(!cluster.clusterId().get().isEmpty(), "no cluster id");
            Cases.same("controller", cluster.nodes().get().iterator().next().id(), cluster.controller().get().id());
            return "one broker, cluster " + cluster.clusterId().get();
        }
    }

    private static String create() throws Exception {
        try (Admin admin = Client.admin()) {
            TopicDescription topic = Later.describe(admin, Cases.topic(admin, "create", 3));
            Cases.same("partitions", List.of(0, 1, 2), topic.partitions().stream().map(p -> p.partition()).toList());
            Cases.require(topic.partitions().stream().allMatch(p -> p.replicas().size() == 1 && p.isr().size() == 1 && p.leader() != null), "replicas: " + topic);
            return "3 partitions, one replica each";
        }
    }

    private static Future<?> create(Admin admin, String topic, int partitions) {
        return admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all();
    }

    private static String errors() throws Exception {
        try (Admin admin = Client.admin()) {
            Cases.refused(TopicExistsException.class, create(admin, Cases.topic(admin, "errors", 1), 1));
            Cases.refused(InvalidTopicException.class, create(admin, Client.named("with a space"), 1));
            Cases.refused(InvalidPartitionsException.class, create(admin, Client.named("errors-none"), 0));
            Cases.refused(UnknownTopicOrPartitionException.class, Later.describe(admin, List.of(Client.named("errors-not-there"))));
            return "TopicExists, InvalidTopic, InvalidPartitions, UnknownTopicOrPartition";
        }
    }

    private static String list() throws Exception {
        try (Admin admin = Client.admin()) {
            String topic = Cases.topic(admin, "list", 1);
            Set<String> names = admin.listTopics().names().get();
            Cases.require(names.contains(topic), topic + " is not among " + names);
            return "listed";
        }
    }

    private static String delete() throws Exception {
        try (Admin admin = Client.admin()) {
            String topic = Cases.topic(admin, "delete", 2);
            admin.deleteTopics(List.of(topic)).all().get();
            Cases.until(() -> !admin.listTopics().names().get().contains(topic));
            Cases.require(!admin.listTopics().names().get().contains(topic), "still listed");
            Cases.refused(UnknownTopicOrPartitionException.class, admin.deleteTopics(List.of(topic)).all());
            return "gone; again: UnknownTopicOrPartition";
        }
    }

    private static String auto() throws Exception {
        String topic = Client.named("auto");
        try (KafkaProducer<String, String> producer = Client.producer(); Admin admin = Client.admin()) {
            Cases.same("offset", 0L, producer.send(new ProducerRecord<>(topic, "first")).get().offset());
            int partitions = Later.describe(admin, topic).partitions().size();
            Cases.same("records", List.of("first"), Cases.readAll(topic).stream().map(r -> r.value()).toList());
            return "made with " + partitions + " partition";
        }
    }
}
