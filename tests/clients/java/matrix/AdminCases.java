// The cases of the admin client: configs, partitions, records, groups, log directories.

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.InvalidPartitionsException;

final class AdminCases {
    private AdminCases() {}

    static void add(Cases cases) {
        cases.add("admin.configs", AdminCases::configs);
        cases.add("admin.partitions", AdminCases::partitions);
        cases.add("admin.records", AdminCases::records);
        cases.add("admin.groups", AdminCases::groups);
        cases.add("admin.logdirs", AdminCases::logDirs);
    }

    private static String config(Admin admin, ConfigResource topic) throws Exception {
        ConfigEntry entry = admin.describeConfigs(List.of(topic)).all().get().get(topic).get("retention.ms");
        return entry.value() + " " + entry.source();
    }

    private static void alter(Admin admin, ConfigResource topic, AlterConfigOp.OpType how) throws Exception {
        AlterConfigOp op = new AlterConfigOp(new ConfigEntry("retention.ms", "123456"), how);
        admin.incrementalAlterConfigs(Map.of(topic, List.of(op))).all().get();
    }

    private static String configs() throws Exception {
        try (Admin admin = Client.admin()) {
            ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, Cases.topic(admin, "configs", 1));
            String before = config(admin, topic);
            alter(admin, topic, AlterConfigOp.OpType.SET);
            Cases.same("changed", "123456 DYNAMIC_TOPIC_CONFIG", config(admin, topic));
            alter(admin, topic, AlterConfigOp.OpType.DELETE);
            Cases.same("taken back", before, config(admin, topic));
            return "retention.ms " + before + ", changed, taken back";
        }
    }

    private static String partitions() throws Exception {
        try (Admin admin = Client.admin()) {
            String topic = Cases.topic(admin, "partitions", 2);
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
            Cases.same("partitions", 5, Later.describe(admin, topic).partitions().size());
            Cases.refused(InvalidPartitionsException.class, admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all());
            return "2 to 5; 3: InvalidPartitions";
        }
    }

    private static String records() throws Exception {
        String topic = Cases.topicWith("records", 0, 10);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (Admin admin = Client.admin(); KafkaConsumer<String, String> consumer = Client.consumer()) {
            long low = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(6))).lowWatermarks().get(partition).get().lowWatermark();
            Cases.same("low watermark", 6L, low);
            Cases.same("earliest", Map.of(partition, 6L), consumer.beginningOffsets(List.of(partition)));
            Cases.same("left", Cases.values(6, 10), Cases.readAll(topic).stream().map(r -> r.value()).toList());
        }
        return "before 6";
    }

    private static String groups() throws Exception {
        String topic = Cases.topicWith("groups", 0, 1), group = Client.named("groups");
        try (Admin admin = Client.admin()) {
            try (KafkaConsumer<String, String> consumer = Client.consumer("group.id", group, "auto.offset.reset", "earliest")) {
                consumer.subscribe(List.of(topic));
                Cases.same("records", 1, Cases.take(consumer, 1).size());
                Cases.require(admin.listConsumerGroups().all().get().stream().anyMatch(g -> g.groupId().equals(group)), "not listed");
                ConsumerGroupDescription described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
                Cases.same("state", "Stable", Later.state(described));
                Cases.same("members", 1, described.members().size());
                MemberDescription member = described.members().iterator().next();
                Cases.same("assignment", Set.of(new TopicPartition(topic, 0)), member.assignment().topicPartitions());
                Cases.refused(GroupNotEmptyException.class, admin.deleteConsumerGroups(List.of(group)).all());
                consumer.poll(Duration.ZERO);
            }
            Cases.same("state when empty", "Empty", Later.state(admin.describeConsumerGroups(List.of(group)).all().get().get(group)));
            admin.deleteConsumerGroups(List.of(group)).all().get();
            Cases.refused(GroupIdNotFoundException.class, admin.deleteConsumerGroups(List.of(group)).all());
        }
        return "Stable with one member, Empty, deleted; again: GroupIdNotFound";
    }

    private static String logDirs() throws Exception {
        TopicPartition partition = new TopicPartition(Cases.topicWith("logdirs", 0, 100), 0);
        try (Admin admin = Client.admin()) {
            int broker = admin.describeCluster().nodes().get().iterator().next().id();
            Map<String, LogDirDescription> dirs = admin.describeLogDirs(List.of(broker)).allDescriptions().get().get(broker);
            Cases.same("directories", 1, dirs.size());
            LogDirDescription dir = dirs.values().iterator().next();
            Cases.require(dir.error() == null, "error " + dir.error());
            long bytes = dir.replicaInfos().get(partition).size();
            Cases.require(bytes > 100, "bytes: " + bytes);
            return "one, " + bytes + " bytes of the topic";
        }
    }
}
