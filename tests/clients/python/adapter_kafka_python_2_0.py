"""kafka-python 2.0: what it has not in common with 3. It knows no idempotent producers, no static members, no cooperative
assignor; its admin client answers with raw responses."""

from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka.errors import for_code
from kafka.structs import OffsetAndMetadata

import adapter_kafka_python as newer
import base
from adapter_kafka_python import guarded, version  # noqa: F401
from base import Impossible


class Consumer(newer.Consumer):
    @staticmethod
    def mark(offset, metadata):
        return OffsetAndMetadata(offset, metadata)


def config_resource(topic, configs=None):
    return ConfigResource(ConfigResourceType.TOPIC, topic, configs)


class Adapter(newer.Adapter):
    consumer_type = Consumer
    delete_records = base.Library.delete_records
    alter_group_offsets = base.Library.alter_group_offsets
    topic_bytes = base.Library.topic_bytes

    @staticmethod
    def idempotence(acks, idempotent):
        if idempotent:
            raise Impossible("it has no idempotent producer")

    def consumer(self, group=None, reset="earliest", session_ms=None, instance=None, assignor=None):
        if instance:
            raise Impossible("it has no static members")
        return super().consumer(group, reset, session_ms, None, assignor)

    @staticmethod
    def assignor(name):
        from kafka.coordinator.assignors.range import RangePartitionAssignor
        from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

        if name == "cooperative":
            raise Impossible("it has no cooperative assignor")
        return {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}[name]

    @guarded
    def create_topic(self, name, partitions, configs):
        self.admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])

    @guarded
    def describe_topic(self, name):
        (topic,) = self.admin.describe_topics([name])
        if topic["error_code"]:
            raise for_code(topic["error_code"])()
        return {part["partition"]: len(part["replicas"]) for part in topic["partitions"]}

    @guarded
    def configs(self, topic):
        (answer,) = self.admin.describe_configs([config_resource(topic)])
        (resource,) = answer.resources
        return {entry[0]: entry[1] for entry in resource[4]}

    @guarded
    def alter_config(self, topic, name, value):
        """It replaces all that the topic has set: what is left out is taken back."""
        for code, *_ in self.admin.alter_configs([config_resource(topic, {} if value is None else {name: value})]).resources:
            if code:
                raise for_code(code)()

    @guarded
    def add_partitions(self, topic, total):
        self.admin.create_partitions({topic: NewPartitions(total)})

    @guarded
    def groups(self):
        return [name for name, _ in self.admin.list_consumer_groups()]

    @guarded
    def describe_group(self, group):
        (found,) = self.admin.describe_consumer_groups([group])
        return found.state, [[(topic, number) for topic, numbers in member.member_assignment.assignment for number in numbers] for member in found.members]

    @guarded
    def delete_group(self, group):
        for _, error in self.admin.delete_consumer_groups([group]):
            if error.errno:
                raise error()
