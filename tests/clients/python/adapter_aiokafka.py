"""aiokafka: its coroutines run in a loop of a thread of their own, so that heartbeats go on while a case does something else."""

import asyncio
import functools
import os
import threading

import aiokafka
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError, for_code

import base
from base import Failure, Impossible, Record

LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()


def version():
    return aiokafka.__version__


def wait(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, LOOP).result()


def failure(error):
    return Failure(getattr(error, "errno", None), f"{type(error).__name__} {error}")


def guarded(call):
    """The coroutine run in the loop, its errors as ours."""

    @functools.wraps(call)
    def wrapper(*args, **kwargs):
        try:
            return wait(call(*args, **kwargs))
        except KafkaError as error:
            raise failure(error) from None

    return wrapper


def check(code):
    if code:
        raise for_code(code)()


def given(**options):
    return {name: value for name, value in options.items() if value is not None}


class Producer(base.Producer):
    def __init__(self, **conf):
        self.producer = self._start(conf)

    @guarded
    async def _start(self, conf):
        producer = AIOKafkaProducer(**conf)
        await producer.start()
        return producer

    def send(self, topic, value, key=None, headers=None, partition=None, timestamp_ms=None, done=None):
        async def hand_over():
            try:
                future = await self.producer.send(topic, value, key=key, partition=partition, timestamp_ms=timestamp_ms, headers=headers or [])
            except KafkaError as error:
                done(failure(error), None, None)
                return
            future.add_done_callback(lambda future: self._done(done, future))

        wait(hand_over())

    @staticmethod
    def _done(done, future):
        error = future.exception()
        if error:
            done(failure(error), None, None)
        else:
            place = future.result()  # nothing with acks=0
            done(None, place and place.partition, place and place.offset)

    @guarded
    async def flush(self):
        await self.producer.flush()
        await asyncio.sleep(0)  # the callbacks of what was flushed come first

    @guarded
    async def close(self):
        await self.producer.stop()


class Listener(ConsumerRebalanceListener):
    def __init__(self, consumer, assigned, revoked):
        self.consumer, self.assigned, self.revoked = consumer, assigned, revoked

    def on_partitions_assigned(self, _):
        self.assigned(self.consumer.assignment())

    def on_partitions_revoked(self, parts):
        self.revoked(parts)


class Consumer(base.Consumer):
    def __init__(self, library, **conf):
        self.owner, self.group = library, conf.get("group_id")
        self.consumer = self._start(conf)

    @guarded
    async def _start(self, conf):
        consumer = AIOKafkaConsumer(**conf)
        await consumer.start()
        return consumer

    @guarded
    async def assign(self, starts):
        self.consumer.assign([TopicPartition(*place) for place in starts])
        for to in ("earliest", "latest"):
            places = [TopicPartition(*place) for place, start in starts.items() if start == to]
            if places:
                await (self.consumer.seek_to_beginning if to == "earliest" else self.consumer.seek_to_end)(*places)
        for place, start in starts.items():
            if not isinstance(start, str):
                self.consumer.seek(TopicPartition(*place), start)

    @guarded
    async def seek(self, topic, partition, to):
        place = TopicPartition(topic, partition)
        if to == "earliest":
            await self.consumer.seek_to_beginning(place)
        elif to == "latest":
            await self.consumer.seek_to_end(place)
        else:
            self.consumer.seek(place, to)

    @guarded
    async def ends(self, topic, partition):
        place = TopicPartition(topic, partition)
        return (await self.consumer.beginning_offsets([place]))[place], (await self.consumer.end_offsets([place]))[place]

    @guarded
    async def offset_at(self, topic, partition, ms):
        place = TopicPartition(topic, partition)
        found = (await self.consumer.offsets_for_times({place: ms}))[place]
        return found and found.offset

    @guarded
    async def subscribe(self, topics, assigned, revoked):
        self.consumer.subscribe(topics, listener=Listener(self.consumer, assigned, revoked))

    @guarded
    async def poll(self, seconds):
        batches = await self.consumer.getmany(timeout_ms=int(seconds * 1000))
        return [Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for batch in batches.values() for r in batch]

    @guarded
    async def commit(self, offsets):
        await self.consumer.commit({TopicPartition(*place): mark for place, mark in offsets.items()})

    @guarded
    async def committed(self, topic, partition):
        found = (await (await self.owner.admin()).list_consumer_group_offsets(self.group))[TopicPartition(topic, partition)]
        return found.offset, found.metadata

    @guarded
    async def close(self):
        await self.consumer.stop()


class Adapter(base.Library):
    without_writing = ("null-pairs",)  # it refuses a record without key and value
    describing_creates = True

    def __init__(self, bootstrap):
        super().__init__(bootstrap)
        self.admin_client = None

    async def admin(self):
        if self.admin_client is None:
            self.admin_client = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
            await self.admin_client.start()
        return self.admin_client

    def producer(self, codec="none", acks=None, idempotent=None, murmur2=False):
        return Producer(bootstrap_servers=self.bootstrap, **given(compression_type=None if codec == "none" else codec, acks=acks, enable_idempotence=idempotent))

    def consumer(self, group=None, reset="earliest", session_ms=None, instance=None, assignor=None):
        if assignor == "cooperative":
            raise Impossible("it has no cooperative assignor")
        assignors = {"range": [RangePartitionAssignor], "roundrobin": [RoundRobinPartitionAssignor], None: None}[assignor]
        wanted = given(group_id=group, session_timeout_ms=session_ms, group_instance_id=instance, partition_assignment_strategy=assignors)
        if "RACES" in os.environ:
            wanted["metadata_max_age_ms"] = 10
        return Consumer(self, bootstrap_servers=self.bootstrap, auto_offset_reset=reset, enable_auto_commit=False, **wanted)

    @guarded
    async def cluster(self):
        answer = await (await self.admin()).describe_cluster()
        return len(answer["brokers"]), answer["cluster_id"]

    @guarded
    async def create_topic(self, name, partitions, configs):
        for _, code, *_ in (await (await self.admin()).create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])).topic_errors:
            check(code)

    @guarded
    async def delete_topic(self, name):
        for _, code, *_ in (await (await self.admin()).delete_topics([name])).topic_error_codes:
            check(code)

    @guarded
    async def topics(self):
        return await (await self.admin()).list_topics()

    @guarded
    async def describe_topic(self, name):
        (topic,) = await (await self.admin()).describe_topics([name])
        check(topic["error_code"])
        return {part["partition"]: len(part["replicas"]) for part in topic["partitions"]}

    @guarded
    async def configs(self, topic):
        (answer,) = await (await self.admin()).describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        (resource,) = answer.resources
        return {entry[0]: entry[1] for entry in resource[4]}

    @guarded
    async def alter_config(self, topic, name, value):
        """It replaces all that the topic has set: what is left out is taken back."""
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={} if value is None else {name: value})
        for answer in await (await self.admin()).alter_configs([resource]):
            for code, *_ in answer.resources:
                check(code)

    @guarded
    async def add_partitions(self, topic, total):
        await (await self.admin()).create_partitions({topic: NewPartitions(total)})

    @guarded
    async def delete_records(self, topic, partition, before):
        await (await self.admin()).delete_records({TopicPartition(topic, partition): RecordsToDelete(before)})

    @guarded
    async def groups(self):
        return [group[0] for group in await (await self.admin()).list_consumer_groups()]

    @guarded
    async def describe_group(self, group):
        (answer,) = await (await self.admin()).describe_consumer_groups([group])
        code, _, state, _, _, members, *_ = answer.groups[0]
        check(code)
        assigned = [ConsumerProtocolMemberAssignment.decode(member[-1]).assignment if member[-1] else [] for member in members]
        return state, [[(topic, number) for topic, numbers in parts for number in numbers] for parts in assigned]
