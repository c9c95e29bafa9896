// Calls that have another name in kafka-clients 2.8 than in 4.x: by reflection, the newer name first.

import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;

final class Later {
    private Later() {}

    private static Object call(Object on, String... names) throws ReflectiveOperationException {
        for (String name : names) {
            try {
                return on.getClass().getMethod(name).invoke(on);
            } catch (NoSuchMethodException e) {
                continue;
            }
        }
        throw new NoSuchMethodException(String.join(", ", names));
    }

    @SuppressWarnings("unchecked")
    static KafkaFuture<Map<String, TopicDescription>> describe(Admin admin, Collection<String> topics) throws ReflectiveOperationException {
        DescribeTopicsResult result = admin.describeTopics(topics);
        return (KafkaFuture<Map<String, TopicDescription>>) call(result, "allTopicNames", "all");
    }

    static TopicDescription describe(Admin admin, String topic) throws Exception {
        return describe(admin, List.of(topic)).get().get(topic);
    }

    static String state(ConsumerGroupDescription group) throws ReflectiveOperationException {
        return call(group, "groupState", "state").toString();
    }
}
