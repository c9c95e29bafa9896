"""The broker: killed and started by scripts/clients, which is asked by a pipe; and asked by hand for what the matrix holds against
what clients say. Used by all modules here."""

import os
import socket
import struct
import time
import zlib

from programs import Fault

LOADING = (14, 15, 16)  # COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR
ILLEGAL_GENERATION = 22


def text(value):
    """A string of the protocol."""
    return struct.pack(">h", -1) if value is None else struct.pack(">h", len(value)) + value.encode()


class Answer:
    """What is left to read of some bytes."""

    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, form):
        found = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return found[0] if len(found) == 1 else found

    def some(self, length):
        self.at += max(length, 0)
        return self.data[self.at - max(length, 0):self.at]

    def text(self):
        length = self.take("h")
        return None if length < 0 else self.some(length).decode()

    def varint(self):
        number, shift = 0, 0
        while True:
            byte = self.take("B")
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return (number >> 1) ^ -(number & 1)


class Broker:
    """Its state is one for all who play; what is asked by hand has a connection of its own."""

    def __init__(self, work):
        self.orders = open(work / "orders", "w")
        self.answers = open(work / "answers")
        self.address = os.environ["BOOTSTRAP"]

    def ask(self, order):
        self.orders.write(order + "\n")
        self.orders.flush()
        answer = self.answers.readline().strip()
        if answer != "ok":
            raise SystemExit(f"the broker: {order}: {answer or 'no answer'}")

    def create_topic(self, name, partitions, configs=()):
        """Asked for by hand, so that a client that cannot make topics plays like the others; there when the broker shows it."""
        body = struct.pack(">i", 1) + text(name) + struct.pack(">ihii", partitions, 1, 0, len(configs))
        body += b"".join(text(config) + text(value) for config, value in configs) + struct.pack(">i?", 30_000, False)
        answer = self.request(19, 2, body)
        error = struct.unpack(">h", answer[4 + 4 + 4 + 2 + len(name):][:2])[0]
        if error:
            raise Fault(f"the topic {name} was refused with code {error}")
        for _ in range(300):
            if self.shows(name, partitions):
                return
            time.sleep(0.1)
        raise Fault(f"the topic {name} does not come")

    def delete_topic(self, name):
        """By DeleteTopics 1. That there is none such is as good: who was to make it may have failed."""
        body = struct.pack(">i", 1) + text(name) + struct.pack(">i", 30_000)
        error = struct.unpack(">h", self.request(20, 1, body)[-2:])[0]
        if error not in (0, 3):
            raise Fault(f"the topic {name} was not deleted: code {error}")

    def shows(self, name, partitions):
        """By Metadata 4: the topic and all its partitions are named without an error. Each is 26 bytes long with one replica."""
        answer = self.request(3, 4, struct.pack(">i", 1) + text(name) + struct.pack(">?", False))
        row = struct.pack(">h", 0) + text(name) + struct.pack(">?i", False, partitions)
        _, found, rest = answer.partition(row)
        return bool(found) and all(rest[26 * part:26 * part + 2] == bytes(2) for part in range(partitions))

    def coordinates(self):
        """There when it coordinates a group, by FindCoordinator 0: Apache Kafka makes its topic of offsets for the first that asks, and some
        clients tell their program that it is not there."""
        for _ in range(600):
            if Answer(self.request(10, 0, text("matrix")), 4).take("h") == 0:
                self.committed("matrix", "matrix", 1)
                return
            time.sleep(0.1)
        raise Fault("no coordinator comes")

    def committed(self, group, topic, partitions):
        """{partition: committed offset} of those that have one, by OffsetFetch 1, as soon as the coordinator has loaded the group."""
        body = text(group) + struct.pack(">i", 1) + text(topic) + struct.pack(f">i{partitions}i", partitions, *range(partitions))
        for _ in range(600):
            answer = Answer(self.request(9, 1, body), 4 + 4 + 2 + len(topic) + 4)
            rows = [(*answer.take("iq"), answer.text(), answer.take("h")) for _ in range(partitions)]
            if not any(error in LOADING for *_, error in rows):
                break
            time.sleep(0.1)
        if any(error for *_, error in rows):
            raise Fault(f"the committed offsets of {group} come with errors: {rows}")
        return {part: offset for part, offset, *_ in rows if offset >= 0}

    def members(self, group):
        """The state of a group, and its members as (member id, group instance id), by DescribeGroups 4."""
        answer = Answer(self.request(15, 4, struct.pack(">i", 1) + text(group) + struct.pack(">?", False)), 4 + 4 + 4)
        error = answer.take("h")
        if error:
            raise Fault(f"the group {group} is not described: code {error}")
        _, state, _, _, count = answer.text(), answer.text(), answer.text(), answer.text(), answer.take("i")
        found = []
        for _ in range(count):
            member, instance, _, _ = answer.text(), answer.text(), answer.text(), answer.text()
            found.append((member, instance))
            answer.some(answer.take("i")), answer.some(answer.take("i"))
        return state, found

    def generation(self, group, instance):
        """The generation in which a static member is: of the heartbeats in its name all but one are of another. By Heartbeat 3."""
        state, members = self.members(group)
        ids = {named: member for member, named in members}
        if instance not in ids:
            raise Fault(f"the group {group} is {state} without the member {instance}")
        for generation in range(1, 100):
            error = Answer(self.request(12, 3, text(group) + struct.pack(">i", generation) + text(ids[instance]) + text(instance)), 4 + 4).take("h")
            if error == 0:
                return generation
            if error != ILLEGAL_GENERATION:
                raise Fault(f"the group {group} is {state}: code {error} to a heartbeat for {instance}")
        raise Fault(f"the member {instance} of {group} is in no generation below 100")

    def values(self, topic, partitions):
        """The values of all records, as numbers, by Fetch 4."""
        return [value for part in range(partitions) for value in self.values_of(topic, part)]

    def values_of(self, topic, part):
        offset, end, found = 0, None, []
        while offset != end:
            place = text(topic) + struct.pack(">iiqi", 1, part, offset, 1 << 20)
            answer = Answer(self.request(1, 4, struct.pack(">iiiibi", -1, 0, 0, 1 << 20, 0, 1) + place), 4 + 4 + 4 + 2 + len(topic) + 4 + 4)
            error, end, _, aborted, size = answer.take("hqqii")
            if error or aborted > 0:
                raise Fault(f"{topic}-{part} cannot be read back from offset {offset}: code {error}")
            begun = offset
            for offset, values in batches(answer.some(size)):
                found += values
            if offset == begun != end:
                raise Fault(f"{topic}-{part} has nothing at offset {offset}, and ends at {end}")
        return found

    def codecs_of(self, topic):
        """The codecs of the batches in its partition 0, by their numbers; by Fetch 10, the first that may bring zstd."""
        offset, end, found = 0, None, set()
        while offset != end:
            place = text(topic) + struct.pack(">iiiqqi", 1, 0, -1, offset, -1, 1 << 20) + struct.pack(">i", 0)
            head = struct.pack(">iiiibiii", -1, 0, 0, 1 << 20, 0, 0, -1, 1)
            answer = Answer(self.request(1, 10, head + place), 4 + 4 + 2 + 4 + 4 + 2 + len(topic) + 4 + 4)
            error, end, _, _, aborted, size = answer.take("hqqqii")
            if error or aborted > 0:
                raise Fault(f"{topic} cannot be read back from offset {offset}: code {error}")
            begun = offset
            for offset, codec, *_ in whole_batches(answer.some(size)):
                found.add(codec)
            if offset == begun != end:
                raise Fault(f"{topic} has nothing at offset {offset}, and ends at {end}")
        return found

    def request(self, api_key, version, body):
        """An answer behind its size, from its correlation id on."""
        request = struct.pack(">hhi", api_key, version, 1) + text("matrix") + body
        host, port = self.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), 30) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            stream = connection.makefile("rb")
            return stream.read(struct.unpack(">i", stream.read(4))[0])


def whole_batches(data):
    """Of each whole batch: the offset behind it, its codec, how many records it has, and these as they are packed."""
    batch = Answer(data)
    while len(data) - batch.at > 12:
        base, length = batch.take("qi")
        if len(data) - batch.at < length:
            return
        head = Answer(batch.some(length))
        _, _, _, attributes, last, _, _, _, _, _, count = head.take("iBIhiqqqhii")
        yield base + last + 1, attributes & 7, count, head.some(length)


def batches(data):
    """The offset behind each whole batch, and the values in it."""
    for end, codec, count, packed in whole_batches(data):
        body = Answer({0: bytes, 1: lambda packed: zlib.decompress(packed, 31), 2: unsnapped}[codec](packed))
        values = []
        for _ in range(count):
            record = Answer(body.some(body.varint()))
            _, _, _, _ = record.take("b"), record.varint(), record.varint(), record.some(record.varint())
            values.append(int(record.some(record.varint())))
        yield end, values


def unsnapped(data):
    """A raw block of snappy, which one client's default makes of batches."""
    at = next(at for at, byte in enumerate(data) if byte < 128) + 1  # behind the length
    out = bytearray()
    while at < len(data):
        tag, at = data[at], at + 1
        if tag & 3 == 0:
            length, more = (tag >> 2) + 1, max((tag >> 2) - 59, 0)
            if more:
                length = int.from_bytes(data[at:at + more], "little") + 1
            out += data[at + more:at + more + length]
            at += more + length
            continue
        if tag & 3 == 1:
            length, back, more = (tag >> 2 & 7) + 4, tag >> 5 << 8 | data[at], 1
        else:
            more = 2 if tag & 3 == 2 else 4
            length, back = (tag >> 2) + 1, int.from_bytes(data[at:at + more], "little")
        at += more
        for _ in range(length):
            out.append(out[-back])
    return bytes(out)
