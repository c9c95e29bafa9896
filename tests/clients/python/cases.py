"""The cases of ../cases.tsv that a client plays by itself, written once for all libraries. Each returns its evidence,
or raises what went wrong."""

import statistics
import threading
import time
from pathlib import Path

import base
from base import Failure, Impossible

CASES = {}


def case(name):
    def register(function):
        CASES[name] = function
        return function

    return register


def expect(what, wanted, got):
    if wanted != got:
        raise AssertionError(f"{what}: wanted {wanted!r}, got {got!r}"[:300])


def refused(what, code, call, *args):
    try:
        result = call(*args)
    except Failure as failure:
        expect(f"{what}: error code", code, failure.code)
        return
    raise AssertionError(f"{what}: no error but {result!r}")


def until(what, seconds, ready):
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Sent:
    """What became of the records that a producer was given."""

    def __init__(self):
        self.places, self.failures = {}, {}

    def to(self, number):
        def done(failure, partition=None, offset=None):
            if failure is None:
                self.places[number] = (partition, offset)
            else:
                self.failures[number] = failure

        return done

    def all_acked(self, count):
        if self.failures:
            raise next(iter(self.failures.values()))
        expect("records acked", count, len(self.places))


def made(library, topic, partitions, configs):
    """A new topic, served: Apache Kafka does so a little after it has said that it is made."""
    library.create_topic(topic, partitions, configs)
    consumer = library.consumer()

    def served():
        try:
            consumer.ends_of_all(topic, partitions)
            return not offers(library, "describe_topic") or len(library.describe_topic(topic)) == partitions
        except Failure:
            return False

    until("the topic is served", 30, served)
    consumer.close()


def send(library, topic, values, partition=0, options=None, **fields):
    """Sends the values and returns [(partition, offset)]."""
    producer, sent = library.producer(**(options or {})), Sent()
    for number, value in enumerate(values):
        producer.send(topic, value, partition=partition, done=sent.to(number), **{name: of(number) for name, of in fields.items()})
    producer.flush()
    producer.close()
    sent.all_acked(len(values))
    return [sent.places[number] for number in range(len(values))]


def read(consumer, count, seconds=30):
    """So many records, and not one more in the poll that had the last."""
    got, deadline = [], time.monotonic() + seconds
    while len(got) < count and time.monotonic() < deadline:
        consumer.wanted = count - len(got)
        got += consumer.poll(1)
    consumer.wanted = None
    expect("records read", count, len(got))
    return got


def read_from(library, topic, count, start="earliest", partitions=(0,)):
    consumer = library.consumer()
    consumer.assign({(topic, partition): start for partition in partitions})
    got = read(consumer, count)
    consumer.close()
    return got


def offers(library, call):
    return getattr(type(library), call) is not getattr(base.Library, call)


def numbered(count):
    return [b"value-%d" % number for number in range(count)]


@case("connect.versions")
def versions(library, prefix):
    brokers, cluster = library.cluster()
    expect("brokers", 1, brokers)
    if cluster is None:
        return "1 broker -- it shows no id of the cluster"
    expect("an id of the cluster", True, bool(cluster))
    return "1 broker, an id of the cluster"


@case("topics.create")
def create(library, prefix):
    made(library, prefix + "create", 3, {})
    expect("partitions and replicas", {0: 1, 1: 1, 2: 1}, library.describe_topic(prefix + "create"))
    return "3 partitions"


@case("topics.errors")
def errors(library, prefix):
    library.create_topic(prefix + "errors", 1, {})
    refused("made again", base.TOPIC_EXISTS, library.create_topic, prefix + "errors", 1, {})
    refused("a name with a space", base.INVALID_TOPIC, library.create_topic, prefix + "a b", 1, {})
    refused("no partitions", base.INVALID_PARTITIONS, library.create_topic, prefix + "zero", 0, {})
    if library.describing_creates:
        return "36, 17, 37 -- its admin client asks for metadata in the way that makes a missing topic"
    refused("described when it is not there", base.UNKNOWN_TOPIC, library.describe_topic, prefix + "missing")
    return "36, 17, 37, 3" + (library.about_errors and f" -- {library.about_errors}")


@case("topics.list")
def topic_list(library, prefix):
    made(library, prefix + "list", 1, {})
    if prefix + "list" not in library.topics():
        raise AssertionError("not among the topics")
    return "among the topics"


@case("topics.delete")
def delete(library, prefix):
    if not offers(library, "delete_topic"):
        raise Impossible("it has no call that deletes topics")
    made(library, prefix + "delete", 1, {})
    library.delete_topic(prefix + "delete")
    until("gone from the list", 30, lambda: prefix + "delete" not in library.topics())
    refused("deleted again", base.UNKNOWN_TOPIC, library.delete_topic, prefix + "delete")
    return "gone; 3"


@case("topics.auto")
def auto(library, prefix):
    send(library, prefix + "auto", [b"first"])
    expect("read", [b"first"], [record.value for record in read_from(library, prefix + "auto", 1)])
    return "made by its first record"


@case("produce.default")
def default(library, prefix):
    topic, values = prefix + "default", numbered(100)
    send(library, topic, values, key=lambda number: b"key-%d" % number, headers=lambda number: [("h", b"%d" % number)])
    got = read_from(library, topic, 100)
    expect("values", values, [record.value for record in got])
    expect("keys", [b"key-%d" % number for number in range(100)], [record.key for record in got])
    if "headers" not in library.without_reading + library.without_writing:
        expect("headers", [[("h", b"%d" % number)] for number in range(100)], [list(record.headers) for record in got])
    expect("offsets", list(range(100)), [record.offset for record in got])
    return "100 records"


@case("produce.codecs")
def codecs(library, prefix):
    for codec in library.codecs:
        values = [b"value %d " % number * 20 for number in range(500)]
        send(library, prefix + codec, values, options={"codec": codec})
        expect(codec, values, [record.value for record in read_from(library, prefix + codec, 500)])
    lacking = [codec for codec in base.CODECS if codec not in library.codecs]
    return " ".join(library.codecs) + (f" -- it lacks {' '.join(lacking)}" if lacking else "")


@case("produce.acks")
def acks(library, prefix):
    topic, values = prefix + "acks", numbered(10)
    for number, level in enumerate((1, "all", 0)):
        places = send(library, topic, values, options={"acks": level})
        got = read_from(library, topic, 10, start=10 * number)
        expect(f"acks={level}", values, [record.value for record in got])
        if level != 0 and places[0][1] is not None:
            expect(f"offsets of acks={level}", [offset for _, offset in places], [record.offset for record in got])
    return "0, 1, all" + (library.about_acks and f" -- {library.about_acks}")


@case("produce.idempotent")
def idempotent(library, prefix):
    topic = prefix + "idempotent"
    made(library, topic, 3, {})
    producer, sent = library.producer(idempotent=True), Sent()
    for number in range(1000):
        place = {"partition": number % 3} if library.chooses_partitions else {"key": b"%d" % (number % 30)}
        producer.send(topic, b"%d" % number, done=sent.to(number), **place)
    producer.flush()
    producer.close()
    sent.all_acked(1000)
    got = read_from(library, topic, 1000, partitions=range(3))
    parts = [[int(record.value) for record in got if record.partition == partition] for partition in range(3)]
    if library.chooses_partitions:
        expect("values by partition", [list(range(partition, 1000, 3)) for partition in range(3)], parts)
        return "1,000 over 3 partitions, once and in order"
    expect("values", list(range(1000)), sorted(value for part in parts for value in part))
    expect("each partition has some, in order", [True] * 3, [part == sorted(part) and len(part) > 0 for part in parts])
    return "1,000 over 3 partitions, once and in order -- by keys: its producer chooses no partition"


@case("keys.partitioner")
def partitioner(library, prefix):
    made(library, prefix + "keys", 7, {})
    rows = (Path(__file__).parent.parent / "keys.tsv").read_text().splitlines()[1:]
    wanted = [(key, int(partition)) for key, partition in (row.split("\t") for row in rows)]
    keys = [key.encode() for key, _ in wanted]
    places = send(library, prefix + "keys", numbered(len(keys)), partition=None, options={"murmur2": True}, key=lambda number: keys[number])
    if all(partition is None for partition, _ in places):  # its producer does not say
        got = {record.key: record.partition for record in read_from(library, prefix + "keys", len(keys), partitions=range(7))}
        places = [(got.get(key), None) for key in keys]
    expect("partitions", wanted, [(key, partition) for (key, _), (partition, _) in zip(wanted, places)])
    return f"{len(keys)} keys"


@case("sizes.limit")
def limit(library, prefix):
    topic = prefix + "limit"
    made(library, topic, 1, {"max.message.bytes": "10000"})
    # A batch of one record without key and headers is its value and 72 bytes.
    send(library, topic, [b"x" * 9928])
    refused("one byte more", base.MESSAGE_TOO_LARGE, send, library, topic, [b"x" * 9929])
    expect("latest", (0, 1), library.consumer().ends(topic, 0))
    return "10,000 bytes taken, 10,001 refused"


@case("sizes.large")
def large(library, prefix):
    value = b"0123456789" * 90_000
    send(library, prefix + "large", [value])
    expect("read back", True, read_from(library, prefix + "large", 1)[0].value == value)
    return "900,000 bytes"


@case("many.partitions")
def many(library, prefix):
    topic = prefix + "many"
    made(library, topic, 1000, {})
    producer, sent = library.producer(), Sent()
    for number in range(0, 1000, 100):
        place = {"partition": number} if library.chooses_partitions else {"key": b"%d" % number}
        producer.send(topic, b"%d" % number, done=sent.to(number), **place)
    producer.flush()
    producer.close()
    sent.all_acked(10)
    got = read_from(library, topic, 10, partitions=range(1000))
    if not library.chooses_partitions:
        expect("keys and values", sorted((b"%d" % number,) * 2 for number in range(0, 1000, 100)), sorted((record.key, record.value) for record in got))
        expect("partitions", 10, len({record.partition for record in got}))
        return "10 records of 1,000 partitions -- by keys: its producer chooses no partition"
    expect("partitions", [(number, b"%d" % number) for number in range(0, 1000, 100)], sorted((record.partition, record.value) for record in got))
    return "10 records of 1,000 partitions"


@case("offsets.ends")
def ends(library, prefix):
    empty, written = (prefix + "ends", 0), (prefix + "ends", 1)
    made(library, prefix + "ends", 2, {})
    if not library.chooses_partitions:
        written = (prefix + "ends-written", 0)
        made(library, written[0], 1, {})
    send(library, written[0], numbered(7), partition=written[1])
    consumer = library.consumer()
    expect("empty", (0, 0), consumer.ends(*empty))
    expect("written", (0, 7), consumer.ends(*written))
    consumer.close()
    return "0 to 0, 0 to 7"


@case("offsets.seek")
def seek(library, prefix):
    topic = prefix + "seek"
    send(library, topic, numbered(20))
    consumer = library.consumer()
    consumer.assign({(topic, 0): "earliest"})
    expect("first", 0, read(consumer, 20)[0].offset)
    consumer.seek(topic, 0, 13)
    expect("middle", list(range(13, 20)), [record.offset for record in read(consumer, 7)])
    consumer.seek(topic, 0, "earliest")
    expect("beginning", list(range(20)), [record.offset for record in read(consumer, 20)])
    consumer.seek(topic, 0, 5)
    consumer.seek(topic, 0, "latest")
    expect("end", [], consumer.poll(1))
    send(library, topic, [b"new"])
    expect("behind the end", [20], [record.offset for record in read(consumer, 1)])
    consumer.close()
    return "13, beginning, end" + (library.about_seek and f" -- {library.about_seek}")


@case("offsets.time")
def by_time(library, prefix):
    topic, first = prefix + "time", int(time.time() * 1000) - 600_000
    if "timestamps" in library.without_writing:  # its producer takes none: they are those of the clock
        for value in numbered(3):
            send(library, topic, [value])
            time.sleep(0.02)
        times = [record.timestamp for record in read_from(library, topic, 3)]
    else:
        send(library, topic, numbered(3), timestamp_ms=lambda number: first + 1000 * number)
        times = [first, first + 1000, first + 2000]
    consumer = library.consumer()
    asked = [times[0] - 5000, times[0], times[0] + 1, times[1] - 1, times[2], times[2] + 1]
    expect("offsets", [0, 0, 1, 1, 2, None], [consumer.offset_at(topic, 0, at) for at in asked])
    consumer.close()
    return "before all, exactly, between, after all"


@case("offsets.range")
def out_of_range(library, prefix):
    topic = prefix + "range"
    send(library, topic, numbered(10))
    consumer = library.consumer(reset="earliest")
    consumer.assign({(topic, 0): 1000})
    expect("earliest", 0, read(consumer, 10)[0].offset)
    consumer.close()
    consumer = library.consumer(reset="latest")
    consumer.assign({(topic, 0): 1000})
    got, tries = [], 0
    while not got and tries < 20:
        tries += 1
        send(library, topic, [b"new"])
        got = consumer.poll(1)
    expect("latest", True, bool(got) and got[0].offset >= 10)
    consumer.close()
    consumer = library.consumer(reset="none")
    consumer.assign({(topic, 0): 1000})
    try:
        for _ in range(20):
            expect("none", [], consumer.poll(0.5))
    except Failure as failure:
        consumer.close()
        return f"earliest, latest, error ({failure})"[:120]
    raise AssertionError("no error with auto.offset.reset=none")


def subscribed(library, group, topic):
    consumer = library.consumer(group=group)
    consumer.subscribe([topic], lambda _: None, lambda _: None)
    return consumer


@case("commits.resume")
def resume(library, prefix):
    topic = group = prefix + "resume"
    send(library, topic, numbered(20))
    if library.commits:
        consumer = subscribed(library, group, topic)
        expect("first", 0, read(consumer, 20)[0].offset)
        consumer.commit({(topic, 0): (7, "")})
    else:  # by itself, what it has handed over
        consumer = library.consumer(group=group)
        consumer.subscribe([topic], lambda _: None, lambda _: None, only=7)
        expect("first", list(range(7)), [record.offset for record in read(consumer, 7)])
    consumer.close()
    consumer = subscribed(library, group, topic)
    expect("resumed", list(range(7, 20)), [record.offset for record in read(consumer, 13)])
    consumer.close()
    return "at 7 of 20" + (library.about_groups and f" -- {library.about_groups}")


@case("commits.metadata")
def metadata(library, prefix):
    topic = group = prefix + "metadata"
    send(library, topic, numbered(10))
    consumer = subscribed(library, group, topic)
    read(consumer, 10)
    consumer.commit({(topic, 0): (5, "a note")})
    expect("committed", (5, "a note"), consumer.committed(topic, 0))
    consumer.close()
    return "read with its offset"


@case("commits.reset")
def reset(library, prefix):
    topic = group = prefix + "reset"
    if not (library.commits or offers(library, "alter_group_offsets")):
        raise Impossible("it has no call that sets a group's offsets")
    send(library, topic, numbered(10))
    consumer = subscribed(library, group, topic)
    read(consumer, 10)
    if library.commits:
        consumer.commit({(topic, 0): (10, "")})
    consumer.close()
    until("the group is empty", 30, lambda: library.describe_group(group)[0] == "Empty")
    if offers(library, "alter_group_offsets"):
        library.alter_group_offsets(group, {(topic, 0): 3})
        how = ""
    else:
        consumer = library.consumer(group=group)
        consumer.assign({(topic, 0): "latest"})
        consumer.commit({(topic, 0): (3, "")})
        consumer.close()
        how = " -- its admin client has no call for it: a consumer that is no member commits it"
    consumer = subscribed(library, group, topic)
    expect("started at", 3, read(consumer, 7)[0].offset)
    consumer.close()
    return f"from 10 to 3{how}"


@case("poll.idle")
def idle(library, prefix):
    topic = prefix + "idle"
    send(library, topic, [b"one"])
    consumer = library.consumer()
    consumer.assign({(topic, 0): "earliest"})
    read(consumer, 1)
    took = []
    for _ in range(10):
        begun = time.monotonic()
        expect("records", [], consumer.poll(0.2))
        took.append(time.monotonic() - begun)
    consumer.close()
    least, most = library.idle_seconds
    if not least < statistics.median(took) < most:
        raise AssertionError(f"a poll of 200 ms took {statistics.median(took) * 1000:.0f} ms")
    return "on time" + (library.about_idle and f" -- {library.about_idle}")


@case("poll.wakes")
def wakes(library, prefix):
    series = []
    while not series or series[-1][17] > 50:
        if len(series) == 3:
            raise AssertionError(f"ms after the ack: {series}")
        series.append(lateness(library, f"{prefix}wakes-{len(series)}", 20))
    return f"18 of 20 within 50 ms of the ack, in series {len(series)}" + (library.about_acks and f" -- {library.about_acks}")


def lateness(library, topic, rounds):
    """By how many ms after its ack each record is there, in order."""
    had, times, ready = {}, [], threading.Event()
    send(library, topic, [b"first"])
    consumer = library.consumer(reset="latest")  # which tells the console consumer to go on reading
    consumer.assign({(topic, 0): 0})

    def follow():
        while len(had) <= rounds:
            for record in consumer.poll(1):
                had[record.value] = time.monotonic()
                ready.set()

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    until("the first record is read", 30, ready.is_set)
    producer = library.producer()
    for number in range(rounds):
        acked, value = threading.Event(), b"%d" % number
        time.sleep(0.1)  # so that the fetch waits at the broker again
        producer.send(topic, value, partition=0, done=lambda failure, *_: (times.append(time.monotonic()), acked.set()))
        producer.flush()
        acked.wait(30)
        until("the record is read", 10, lambda: value in had)
    follower.join(10)
    producer.close()
    consumer.close()
    return sorted(round((had[b"%d" % number] - times[number]) * 1000) for number in range(rounds))


@case("admin.configs")
def configs(library, prefix):
    topic, name = prefix + "configs", "retention.ms"
    if not offers(library, "configs"):
        raise Impossible("it has no call that describes configs")
    made(library, topic, 1, {name: "3600000"})
    expect("read", "3600000", library.configs(topic)[name])
    library.alter_config(topic, name, "7200000")
    until("changed", 10, lambda: library.configs(topic)[name] == "7200000")
    library.alter_config(topic, name, None)
    until("taken back", 10, lambda: library.configs(topic)[name] not in ("3600000", "7200000"))
    return "read, changed, taken back"


@case("admin.partitions")
def partitions(library, prefix):
    topic = prefix + "partitions"
    if not offers(library, "add_partitions"):
        raise Impossible("it has no call that adds partitions")
    made(library, topic, 2, {})
    library.add_partitions(topic, 5)
    until("described", 10, lambda: len(library.describe_topic(topic)) == 5)
    refused("fewer", base.INVALID_PARTITIONS, library.add_partitions, topic, 3)
    return "2 to 5; fewer refused"


@case("admin.records")
def records(library, prefix):
    topic = prefix + "records"
    if not offers(library, "delete_records"):
        raise Impossible("it has no call that deletes records")
    send(library, topic, numbered(10))
    library.delete_records(topic, 0, 4)
    consumer = library.consumer()
    expect("ends", (4, 10), consumer.ends(topic, 0))
    consumer.close()
    expect("first", 4, read_from(library, topic, 6)[0].offset)
    return "earliest is 4"


@case("admin.groups")
def groups(library, prefix):
    topic = group = prefix + "groups"
    if not offers(library, "groups"):
        raise Impossible("it has no call that lists or describes groups")
    send(library, topic, numbered(3))
    consumer = subscribed(library, group, topic)
    read(consumer, 3)
    if library.commits:
        consumer.commit({(topic, 0): (3, "")})
    if group not in library.groups():
        raise AssertionError("not among the groups")
    expect("described", ("Stable", [[(topic, 0)]]), library.describe_group(group))
    consumer.close()
    until("empty", 10, lambda: library.describe_group(group)[0] == "Empty")
    if not offers(library, "delete_group"):
        return "listed, described -- it has no call that deletes groups"
    library.delete_group(group)
    refused("deleted again", base.GROUP_ID_NOT_FOUND, library.delete_group, group)
    return "listed, described, deleted; 69"


@case("admin.logdirs")
def logdirs(library, prefix):
    topic = prefix + "logdirs"
    if not offers(library, "topic_bytes"):
        raise Impossible("it has no call that describes log directories")
    send(library, topic, [b"x" * 5000])
    if not 5000 < library.topic_bytes(topic) < 6000:
        raise AssertionError(f"the topic has {library.topic_bytes(topic)} bytes")
    return "the topic's bytes"
