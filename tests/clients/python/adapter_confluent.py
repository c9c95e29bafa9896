"""confluent-kafka, over librdkafka."""

import threading

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, ResourceType

import base
from base import Failure, Record

WHERE = {"earliest": OFFSET_BEGINNING, "latest": OFFSET_END}
ASSIGNORS = {"range": "range", "roundrobin": "roundrobin", "cooperative": "cooperative-sticky"}


def version():
    return f"{confluent_kafka.version()[0] if isinstance(confluent_kafka.version(), tuple) else confluent_kafka.version()} (librdkafka {confluent_kafka.libversion()[0]})"


def failure(error):
    """Negative codes are librdkafka's own, and have no number of Kafka's."""
    error = error.args[0] if isinstance(error, KafkaException) else error
    return Failure(error.code() if error.code() > 0 else None, f"{error.name()} {error.str()}")


def guarded(call):
    def wrapper(*args, **kwargs):
        try:
            return call(*args, **kwargs)
        except KafkaException as error:
            raise failure(error) from None

    return wrapper


def only(futures):
    """The one answer of an admin call."""
    (future,) = futures.values()
    return future.result(30)


class Producer(base.Producer):
    def __init__(self, conf):
        self.producer = confluent_kafka.Producer(conf)
        self.stopped = threading.Event()
        self.poller = threading.Thread(target=self._poll, daemon=True)
        self.poller.start()

    def _poll(self):
        while not self.stopped.is_set():
            self.producer.poll(0.05)

    @guarded
    def send(self, topic, value, key=None, headers=None, partition=None, timestamp_ms=None, done=None):
        fields = {"partition": -1 if partition is None else partition, "headers": headers or []}
        if timestamp_ms is not None:
            fields["timestamp"] = timestamp_ms
        self.producer.produce(topic, value, key, on_delivery=lambda error, message: self._done(done, error, message), **fields)

    @staticmethod
    def _done(done, error, message):
        if done:
            done(failure(error) if error else None, message.partition(), message.offset())

    def flush(self):
        self.producer.flush()

    def close(self):
        self.flush()
        self.stopped.set()
        self.poller.join()


class Consumer(base.Consumer):
    def __init__(self, conf):
        self.consumer = confluent_kafka.Consumer(conf)
        self.owned = set()
        self.cooperative = conf.get("partition.assignment.strategy") == ASSIGNORS["cooperative"]

    def assign(self, starts):
        self.consumer.assign([TopicPartition(topic, partition, WHERE.get(start, start)) for (topic, partition), start in starts.items()])

    @guarded
    def seek(self, topic, partition, to):
        self.consumer.seek(TopicPartition(topic, partition, WHERE.get(to, to)))

    @guarded
    def ends(self, topic, partition):
        return self.consumer.get_watermark_offsets(TopicPartition(topic, partition), 30)

    @guarded
    def offset_at(self, topic, partition, ms):
        (found,) = self.consumer.offsets_for_times([TopicPartition(topic, partition, ms)], 30)
        if found.error:
            raise failure(found.error)
        return found.offset if found.offset >= 0 else None

    def subscribe(self, topics, assigned, revoked):
        places = lambda parts: {(part.topic, part.partition) for part in parts}  # noqa: E731

        def on_assign(_, parts):
            self.owned = (self.owned | places(parts)) if self.cooperative else places(parts)
            assigned(self.owned)

        def on_revoke(_, parts):
            self.owned -= places(parts)
            revoked(places(parts))

        self.consumer.subscribe(topics, on_assign=on_assign, on_revoke=on_revoke)

    @guarded
    def poll(self, seconds):
        records = []
        messages = self.consumer.consume(500, 0) or ([one] if (one := self.consumer.poll(seconds)) else [])
        for message in messages:
            if message.error():
                raise failure(message.error())
            records.append(Record(message.topic(), message.partition(), message.offset(), message.timestamp()[1], message.key(), message.value(), message.headers() or []))
        return records

    @guarded
    def commit(self, offsets):
        parts = [TopicPartition(topic, partition, offset, metadata=metadata) for (topic, partition), (offset, metadata) in offsets.items()]
        for part in self.consumer.commit(offsets=parts, asynchronous=False):
            if part.error:
                raise failure(part.error)

    @guarded
    def committed(self, topic, partition):
        (found,) = self.consumer.committed([TopicPartition(topic, partition)], 30)
        return found.offset, found.metadata

    def close(self):
        self.consumer.close()


class Adapter(base.Library):
    def __init__(self, bootstrap):
        super().__init__(bootstrap)
        self.admin = AdminClient({"bootstrap.servers": bootstrap})

    def producer(self, codec="none", acks=None, idempotent=None, murmur2=False):
        wanted = {"acks": acks, "enable.idempotence": idempotent, "compression.type": None if codec == "none" else codec, "partitioner": "murmur2_random" if murmur2 else None}
        return Producer({"bootstrap.servers": self.bootstrap, **{name: value for name, value in wanted.items() if value is not None}})

    def consumer(self, group=None, reset="earliest", session_ms=None, instance=None, assignor=None):
        wanted = {"session.timeout.ms": session_ms, "group.instance.id": instance, "partition.assignment.strategy": assignor and ASSIGNORS[assignor]}
        conf = {"bootstrap.servers": self.bootstrap, "group.id": group or "none", "auto.offset.reset": "error" if reset == "none" else reset, "enable.auto.commit": False}
        return Consumer({**conf, **{name: value for name, value in wanted.items() if value is not None}})

    @guarded
    def cluster(self):
        answer = self.admin.describe_cluster().result(30)
        return len(answer.nodes), answer.cluster_id

    @guarded
    def create_topic(self, name, partitions, configs):
        only(self.admin.create_topics([NewTopic(name, partitions, 1, config=configs)]))

    @guarded
    def delete_topic(self, name):
        only(self.admin.delete_topics([name]))

    @guarded
    def topics(self):
        return list(self.admin.list_topics(timeout=30).topics)

    @guarded
    def describe_topic(self, name):
        described = only(self.admin.describe_topics(confluent_kafka.TopicCollection([name])))
        return {part.id: len(part.replicas) for part in described.partitions}

    @guarded
    def configs(self, topic):
        return {name: entry.value for name, entry in only(self.admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)])).items()}

    @guarded
    def alter_config(self, topic, name, value):
        kind = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
        entry = ConfigEntry(name, value, incremental_operation=kind)
        only(self.admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]))

    @guarded
    def add_partitions(self, topic, total):
        only(self.admin.create_partitions([NewPartitions(topic, total)]))

    @guarded
    def delete_records(self, topic, partition, before):
        only(self.admin.delete_records([TopicPartition(topic, partition, before)]))

    @guarded
    def groups(self):
        return [group.group_id for group in self.admin.list_consumer_groups().result(30).valid]

    @guarded
    def describe_group(self, group):
        described = only(self.admin.describe_consumer_groups([group]))
        members = [[(part.topic, part.partition) for part in member.assignment.topic_partitions] for member in described.members]
        return described.state.name.capitalize(), members

    @guarded
    def delete_group(self, group):
        only(self.admin.delete_consumer_groups([group]))

    @guarded
    def alter_group_offsets(self, group, offsets):
        parts = [TopicPartition(topic, partition, offset) for (topic, partition), offset in offsets.items()]
        only(self.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, parts)]))
