"""kafka-python 3. What 2.0 has in common with it is here too; adapter_kafka_python_2_0 has the rest."""

import functools

import kafka
from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, for_code
from kafka.structs import OffsetAndMetadata

import base
from base import Failure, Record


def version():
    return kafka.__version__


def failure(error):
    return Failure(getattr(error, "errno", None), f"{type(error).__name__} {error}")


def guarded(call):
    @functools.wraps(call)
    def wrapper(*args, **kwargs):
        try:
            return call(*args, **kwargs)
        except KafkaError as error:
            raise failure(error) from None

    return wrapper


def given(**options):
    return {name: value for name, value in options.items() if value is not None}


class Producer(base.Producer):
    def __init__(self, **conf):
        self.producer = KafkaProducer(**conf)

    def send(self, topic, value, key=None, headers=None, partition=None, timestamp_ms=None, done=None):
        try:
            future = self.producer.send(topic, value=value, key=key, headers=headers or [], partition=partition, timestamp_ms=timestamp_ms)
        except KafkaError as error:
            done(failure(error), None, None)
            return
        if done:
            future.add_callback(lambda place: done(None, place.partition, place.offset))
            future.add_errback(lambda error: done(failure(error), None, None))

    def flush(self):
        self.producer.flush()

    def close(self):
        self.producer.close()


class Listener(ConsumerRebalanceListener):
    def __init__(self, consumer, assigned, revoked):
        self.consumer, self.assigned, self.revoked = consumer, assigned, revoked

    def on_partitions_assigned(self, _):
        self.assigned(self.consumer.assignment())

    def on_partitions_revoked(self, parts):
        self.revoked(parts)


class Consumer(base.Consumer):
    def __init__(self, **conf):
        self.consumer = KafkaConsumer(**conf)

    def assign(self, starts):
        self.consumer.assign([TopicPartition(*place) for place in starts])
        for (topic, partition), start in starts.items():
            self.seek(topic, partition, start)

    @guarded
    def seek(self, topic, partition, to):
        place = TopicPartition(topic, partition)
        if to == "earliest":
            self.consumer.seek_to_beginning(place)
        elif to == "latest":
            self.consumer.seek_to_end(place)
        else:
            self.consumer.seek(place, to)

    @guarded
    def ends(self, topic, partition):
        place = TopicPartition(topic, partition)
        return self.consumer.beginning_offsets([place])[place], self.consumer.end_offsets([place])[place]

    @guarded
    def offset_at(self, topic, partition, ms):
        place = TopicPartition(topic, partition)
        found = self.consumer.offsets_for_times({place: ms})[place]
        return found and found.offset

    def subscribe(self, topics, assigned, revoked):
        self.consumer.subscribe(topics, listener=Listener(self.consumer, assigned, revoked))
        # Else it may join before it has heard of the partitions, and join again when it has.
        for topic in topics:
            self.consumer.partitions_for_topic(topic)

    @guarded
    def poll(self, seconds):
        batches = self.consumer.poll(timeout_ms=int(seconds * 1000))
        return [Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for batch in batches.values() for r in batch]

    @guarded
    def commit(self, offsets):
        self.consumer.commit({TopicPartition(*place): self.mark(*mark) for place, mark in offsets.items()})

    @staticmethod
    def mark(offset, metadata):
        return OffsetAndMetadata(offset, metadata, -1)

    @guarded
    def committed(self, topic, partition):
        found = self.consumer.committed(TopicPartition(topic, partition), metadata=True)
        return found.offset, found.metadata

    def close(self):
        self.consumer.close()


class Adapter(base.Library):
    """Its producer refuses a record without key and value, and headers without a value."""

    without_writing = ("null-pairs", "null-headers")
    consumer_type = Consumer
    about_groups = "its members ask for the topic's partitions before they poll: else one may join before it knows them, and again when it does"

    def __init__(self, bootstrap):
        super().__init__(bootstrap)
        self.admin_client = None

    @property
    def admin(self):
        if self.admin_client is None:
            self.admin_client = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        return self.admin_client

    def producer(self, codec="none", acks=None, idempotent=None, murmur2=False):
        return Producer(bootstrap_servers=self.bootstrap, **given(compression_type=None if codec == "none" else codec, acks=acks, enable_idempotence=self.idempotence(acks, idempotent)))

    @staticmethod
    def idempotence(acks, idempotent):
        """It insists that acks other than all are asked for without idempotence, which is its default."""
        return False if acks in (0, 1) else idempotent

    def consumer(self, group=None, reset="earliest", session_ms=None, instance=None, assignor=None):
        wanted = given(group_id=group, session_timeout_ms=session_ms, group_instance_id=instance, partition_assignment_strategy=assignor and [self.assignor(assignor)])
        return self.consumer_type(bootstrap_servers=self.bootstrap, auto_offset_reset=reset, enable_auto_commit=False, **wanted)

    @staticmethod
    def assignor(name):
        from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
        from kafka.coordinator.assignors.range import RangePartitionAssignor
        from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

        return {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "cooperative": CooperativeStickyAssignor}[name]

    @guarded
    def cluster(self):
        answer = self.admin.describe_cluster()
        return len(answer["brokers"]), answer["cluster_id"]

    @guarded
    def create_topic(self, name, partitions, configs):
        self.admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1, "configs": configs}})

    @guarded
    def delete_topic(self, name):
        self.admin.delete_topics([name])

    @guarded
    def topics(self):
        return self.admin.list_topics()

    @guarded
    def describe_topic(self, name):
        (topic,) = self.admin.describe_topics([name])
        if topic["error_code"]:
            raise for_code(topic["error_code"])()
        return {part["partition_index"]: len(part["replica_nodes"]) for part in topic["partitions"]}

    @guarded
    def configs(self, topic):
        from kafka.admin import ConfigResource

        found = self.admin.describe_configs([ConfigResource("TOPIC", topic)], config_filter="all")
        return {name: entry["value"] for name, entry in found["topic"][topic].items()}

    @guarded
    def alter_config(self, topic, name, value):
        from kafka.admin import ConfigResource

        entry = ("DELETE", None) if value is None else ("SET", value)
        answer = self.admin.alter_configs([ConfigResource("TOPIC", topic, {name: entry})])
        if answer["topic"][topic] != "OK":
            raise Failure(None, answer)

    @guarded
    def add_partitions(self, topic, total):
        self.admin.create_partitions({topic: total})

    @guarded
    def delete_records(self, topic, partition, before):
        self.admin.delete_records({TopicPartition(topic, partition): before})

    @guarded
    def groups(self):
        return [group["group_id"] for group in self.admin.list_groups()]

    @guarded
    def describe_group(self, group):
        found = self.admin.describe_groups([group])[group]
        members = [member["member_assignment"]["assigned_partitions"] for member in found["members"]]
        return found["group_state"], [[(part["topic"], number) for part in parts for number in part["partitions"]] for parts in members]

    @guarded
    def delete_group(self, group):
        answer = self.admin.delete_groups([group])[group]
        if answer != "OK":
            raise getattr(kafka.errors, answer)()

    @guarded
    def alter_group_offsets(self, group, offsets):
        marks = {TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()}
        for error in self.admin.alter_group_offsets(group, marks).values():
            if error.errno:
                raise error()

    @guarded
    def topic_bytes(self, topic):
        (broker,) = self.admin.describe_log_dirs([topic])
        found = [entry for place in broker["log_dirs"] for entry in place["topics"] if entry["name"] == topic]
        return sum(part["partition_size"] for entry in found for part in entry["partitions"])
