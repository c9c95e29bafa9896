"""What the cases need of a library, and how it says that something failed or cannot be done. The adapters are subclasses;
a call that an adapter lacks is impossible for its library."""

from collections import namedtuple

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
# Headers are a list of (str, bytes or None).
Record = namedtuple("Record", "topic partition offset timestamp key value headers")

MESSAGE_TOO_LARGE, UNKNOWN_TOPIC, INVALID_TOPIC, TOPIC_EXISTS, INVALID_PARTITIONS, GROUP_ID_NOT_FOUND = 10, 3, 17, 36, 37, 69


class Failure(Exception):
    """The library reported an error; code is Kafka's, or None."""

    def __init__(self, code, text=""):
        super().__init__(f"{code}: {text}" if code is not None else str(text))
        self.code = code


class Impossible(Exception):
    """The library has no way to do it."""


def impossible(name):
    def call(*_, **__):
        raise Impossible(f"it has no call for this ({name})")

    return call


class Producer:
    """send() hands over a record and returns; done(failure or None, partition, offset) is called once, from any thread."""

    send = impossible("send")

    def flush(self):
        """Until all that was sent is done."""

    def close(self):
        pass


class Consumer:
    """poll(seconds) returns a list of records, empty when the time is up; it raises Failure."""

    wanted = None  # so many records are waited for, where a consumer has to be told

    assign = impossible("assign")  # {(topic, partition): offset, "earliest" or "latest"}
    seek = impossible("seek")  # topic, partition, offset, "earliest" or "latest"
    ends = impossible("offsets of partitions")  # topic, partition -> (earliest, latest)
    def ends_of_all(self, topic, partitions):
        for partition in range(partitions):
            self.ends(topic, partition)

    offset_at = impossible("offsets by time")  # topic, partition, ms -> offset or None
    subscribe = impossible("subscribe")  # topics, assigned([(topic, partition)] owned now), revoked([...])
    commit = impossible("commit")  # {(topic, partition): (offset, metadata)}
    committed = impossible("committed with metadata")  # topic, partition -> (offset, metadata) or None

    def rest(self):
        """What was read and not yet handed over when it closed."""
        return []

    def close(self):
        pass


class Library:
    """One client library at BOOTSTRAP."""

    without_writing = ()  # what of README's WITHOUT its producer cannot express
    without_reading = ()
    codecs = CODECS
    sends_at_once = True  # else with flush()
    chooses_partitions = True  # its producer sends where it is told
    about_acks = ""  # and of acks, where they come without offsets
    about_groups = ""  # of its members
    idle_seconds = (0.1, 0.35)  # what a poll of 200 ms may take
    about_idle = ""
    about_seek = ""
    about_errors = ""  # what the report says of the errors of topics
    cannot = {}  # why a case or a verb is impossible, where no call is missing
    commits = True  # whether a program says what is committed, and when
    describing_creates = False  # asked to describe a topic that is not there, its admin client lets the broker make it
    cluster = impossible("describe the cluster")  # -> (number of brokers, cluster id)
    create_topic = impossible("create topics")  # name, partitions, configs
    delete_topic = impossible("delete topics")
    topics = impossible("list topics")  # -> names
    describe_topic = impossible("describe topics")  # name -> {partition: number of replicas}
    configs = impossible("describe configs")  # topic -> {name: value}
    alter_config = impossible("alter configs")  # topic, name, value; None takes it back
    add_partitions = impossible("create partitions")  # topic, total
    delete_records = impossible("delete records")  # topic, partition, before
    groups = impossible("list groups")  # -> names
    describe_group = impossible("describe groups")  # group -> (state, [[(topic, partition)] of each member])
    delete_group = impossible("delete groups")
    alter_group_offsets = impossible("alter group offsets")  # group, {(topic, partition): offset}
    topic_bytes = impossible("describe log directories")  # topic -> bytes

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def producer(self, codec="none", acks=None, idempotent=None, murmur2=False):
        """None is the library's default."""
        raise NotImplementedError

    def consumer(self, group=None, reset="earliest", session_ms=None, instance=None, assignor=None):
        """reset: earliest, latest or none; assignor: range, roundrobin, cooperative or None."""
        raise NotImplementedError
