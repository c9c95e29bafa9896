"""Kafka's own command line tools by class, of the versions of ../java/kafka-*: one process runs them one after the other (../tools/Tools.java),
members of groups have their own. What they are asked and what they say are words and lines. The verbs member and produce are Kafka's
VerifiableConsumer and VerifiableProducer (../tools/Verifiable.java)."""

import atexit
import json
import os
import re
import struct
import subprocess
import sys
import threading
from pathlib import Path

import adapter_kcat
import base
from base import Failure, Impossible, Record

NAME = sys.argv[1]
KAFKA = {"tools-4": "4.3.1", "tools-3": "3.9.1"}[NAME]
OLD = KAFKA.startswith("3.")
HERE = Path(__file__).resolve().parent.parent
JAVA = ["java", "-Xmx256M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={HERE}/java/log4j2.xml",
        "-cp", f"{HERE}/java/kafka-{KAFKA}/target/libs/*:{HERE}/tools/target/{KAFKA}"]  # fmt: skip
CLASSES = {
    "topics": "org.apache.kafka.tools.TopicCommand",
    "console-producer": "kafka.tools.ConsoleProducer" if OLD else "org.apache.kafka.tools.ConsoleProducer",
    "console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "configs": "kafka.admin.ConfigCommand",
    "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "cluster": "org.apache.kafka.tools.ClusterTool",
    "broker-api-versions": "kafka.admin.BrokerApiVersionsCommand" if OLD else "org.apache.kafka.tools.BrokerApiVersionsCommand",
}
# Separators that stand in no record, and how properties are given.
FIELD, HEADER, PAIR, END, NULL = "<:f:>", "<:h:>", "<:p:>", "<:end:>", "<:null:>"
READER, FORMATTER = ("--property", "--property") if OLD else ("--reader-property", "--formatter-property")
OF_PRODUCER, OF_CONSUMER = ("--producer-property", "--consumer-property") if OLD else ("--command-property", "--command-property")
CODES = {
    "OffsetOutOfRangeException": 1, "UnknownTopicOrPartitionException": 3, "RecordTooLargeException": 10, "InvalidTopicException": 17,
    "TopicExistsException": 36, "InvalidPartitionsException": 37, "GroupIdNotFoundException": 69, "does not exist as expected": 3, "must be greater than 0": 37,
}  # fmt: skip


def version():
    java = re.search(r'"(.*?)"', subprocess.run(["java", "-version"], capture_output=True, text=True).stderr)[1]
    return f"Kafka {KAFKA}, Java {java}"


def given(flag, properties):
    return [word for name, value in properties.items() if value is not None for word in (flag, f"{name}={value}")]


class Tools:
    """The process that runs them."""

    def __init__(self, bootstrap):
        self.bootstrap, self.process, self.lock = bootstrap, None, threading.Lock()

    def run(self, tool, *words, stdin=b""):
        """(exit status, what it said on stdout, what on stderr)."""
        command = [CLASSES[tool], *map(str, words)]
        at = 2 if tool == "cluster" else 1  # behind its subcommand
        command[at:at] = ["--bootstrap-server", self.bootstrap]
        with self.lock:
            if self.process is None:
                self.process = subprocess.Popen([*JAVA, "Tools"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                atexit.register(self.process.stdin.close)
            order = struct.pack(">i", len(command))
            for part in (*[word.encode() for word in command], stdin):
                order += struct.pack(">i", len(part)) + part
            self.process.stdin.write(order)
            self.process.stdin.flush()
            status = self._number()
            said, told = (self.process.stdout.read(self._number()) for _ in range(2))
        return status, said, told.decode(errors="replace")

    def _number(self):
        return struct.unpack(">i", self.process.stdout.read(4))[0]

    def lines(self, tool, *words):
        """What it says where nothing goes wrong."""
        status, said, told = self.run(tool, *words)
        said = said.decode()
        if status != 0 or "Error" in said or re.search(r"\bERROR\b|Exception", told):
            raise failure(said + told)
        return said.splitlines()


def failure(text):
    found = [code for words, code in CODES.items() if words in text]
    return Failure(found[0] if found else None, " ".join(text.split())[:300])


class Producer(base.Producer):
    """What is sent goes out with flush(), as the lines of one run of the console producer."""

    def __init__(self, tools, codec, properties):
        self.tools, self.codec, self.properties, self.waiting = tools, codec, properties, []

    def send(self, topic, value, key=None, headers=None, partition=None, timestamp_ms=None, done=None):
        if partition:
            raise Impossible("the console producer chooses no partition")
        self.waiting.append((topic, value, key, headers, done))

    def flush(self):
        if not self.waiting:
            return
        topic, _, key, headers, _ = self.waiting[0]
        words = ["--topic", topic, "--compression-codec", self.codec, *given(OF_PRODUCER, self.properties)]
        words += given(READER, {"parse.key": "true", "key.separator": FIELD} if key is not None else {})
        words += given(READER, {"parse.headers": "true", "headers.delimiter": FIELD, "headers.separator": HEADER, "headers.key.separator": PAIR} if headers else {})
        text = b""
        for _, value, key, headers, _ in self.waiting:
            parts = [HEADER.encode().join(name.encode() + PAIR.encode() + data for name, data in headers)] if headers else []
            text += FIELD.encode().join([*parts, *([] if key is None else [key]), value]) + b"\n"
        status, _, told = self.tools.run("console-producer", *words, stdin=text)
        failed = failure(told) if status != 0 or "ERROR" in told else None
        sent, self.waiting = self.waiting, []
        for *_, done in sent:
            if done:
                done(failed, None, None)

    def close(self):
        self.flush()


def records(topic, text):
    """What the console consumer prints, by the formatter's properties below."""
    got = []
    for entry in text.split(END.encode())[:-1]:
        time, partition, offset, headers, key, value = entry.split(FIELD.encode(), 5)
        number = lambda field: int(field.rsplit(b":", 1)[1])  # noqa: E731
        data = lambda field: None if field == NULL.encode() else field  # noqa: E731
        pairs = [] if headers == b"NO_HEADERS" else [pair.split(b":", 1) for pair in headers.split(HEADER.encode())]
        got.append(Record(topic, number(partition), number(offset), number(time), data(key), data(value), [(name.decode(), data(of)) for name, of in pairs]))
    return got


SHOWN = given(FORMATTER, {f"print.{what}": "true" for what in ("timestamp", "partition", "offset", "headers", "key", "value")})
SHOWN += given(FORMATTER, {"key.separator": FIELD, "line.separator": END, "headers.separator": HEADER, "null.literal": NULL})


class Run(adapter_kcat.Run):
    """A console consumer that goes on reading, in a process of its own."""

    def __init__(self, topic, command):
        self.topic = topic
        super().__init__(command)

    def _read(self):
        text = b""
        while piece := self.process.stdout.read1():
            whole, end, text = (text + piece).rpartition(END.encode())
            for record in records(self.topic, whole + end):
                self.records.put(record)
        self.records.put(None)


class Consumer(base.Consumer):
    def __init__(self, tools, group, reset):
        self.tools, self.group, self.reset, self.process = tools, group, reset, None

    def _process(self, topic, *words):
        words = ["--bootstrap-server", self.tools.bootstrap, "--topic", topic, *words, *SHOWN]
        self.process = Run(topic, [*JAVA, CLASSES["console-consumer"], *words])

    def assign(self, starts):
        [topic] = {topic for topic, _ in starts}
        if len(starts) > 1:  # all of a topic, which is read from its beginning
            self._process(topic, "--from-beginning")
            return
        [((_, self.partition), start)] = starts.items()
        self.topic = topic
        if self.reset == "latest" and isinstance(start, int):  # what is sent while it runs is to come
            self._process(topic, "--partition", str(self.partition), "--offset", str(start), *given(OF_CONSUMER, {"auto.offset.reset": "latest"}))
        else:
            self.seek(topic, self.partition, start)

    def seek(self, topic, partition, to):
        self.next = to
        self.end = self.ends(topic, partition)[1] if to == "latest" else None

    def subscribe(self, topics, assigned, revoked, only=None):
        ends = ["--max-messages", str(only)] if only else []
        self._process(topics[0], "--group", self.group, "--from-beginning", *ends)

    def poll(self, seconds):
        if self.process:
            return self.process.poll(seconds)
        ends = ["--max-messages", str(self.wanted), "--timeout-ms", "20000"] if self.wanted else ["--timeout-ms", str(int(seconds * 1000))]
        reset = given(OF_CONSUMER, {"auto.offset.reset": self.reset if isinstance(self.next, int) else None})
        where = ["--topic", self.topic, "--partition", str(self.partition), "--offset", str(self.next)]
        _, said, told = self.tools.run("console-consumer", *where, *ends, *reset, *SHOWN)
        if "Exception" in told and "TimeoutException" not in told:
            raise failure(told)
        got = records(self.topic, said)
        if got:
            self.next = got[-1].offset + 1
        elif self.next == "latest":
            self.next = self.end
        return got

    def _offset(self, topic, partition, time):
        lines = self.tools.lines("get-offsets", "--topic", topic, "--partitions", partition, "--time", time)
        found = re.search(rf"^{re.escape(topic)}:{partition}:(\d+)$", "\n".join(lines), re.MULTILINE)
        return found and int(found[1])

    def ends(self, topic, partition):
        ends = self._offset(topic, partition, -2), self._offset(topic, partition, -1)
        if None in ends:
            raise Failure(None, f"no offsets of {topic} {partition}")
        return ends

    def ends_of_all(self, topic, partitions):
        lines = self.tools.lines("get-offsets", "--topic", topic, "--time", -1)
        if len(lines) != partitions:
            raise Failure(None, f"offsets of {len(lines)} of {partitions} partitions")

    def offset_at(self, topic, partition, ms):
        return self._offset(topic, partition, ms)

    def commit(self, offsets):
        raise Impossible("the console consumer commits by itself, what it has printed, without metadata")

    def close(self):
        if self.process:
            self.process.close()


ASSIGNORS = {"range": "RangeAssignor", "roundrobin": "RoundRobinAssignor", "cooperative": "CooperativeStickyAssignor"}
VERIFIABLE = "org.apache.kafka.tools.Verifiable"


def becomes(*words):
    """This process is that of the tool from now on, so that signals are for it."""
    os.execvp(JAVA[0], [*JAVA, "Verifiable", *map(str, words)])


class Adapter(base.Library):
    without_writing = ("timestamps",)
    without_reading = ()
    sends_at_once = False
    commits = False
    chooses_partitions = False
    about_seek = "by another run that begins there"
    about_acks = "an ack is known by the end of its run, without an offset"
    idle_seconds = (0.2, 5)
    about_idle = "a poll is a run of the console consumer with --timeout-ms 200, its start counted too"
    about_errors = "no partitions are refused by the tool itself"
    about_groups = "by the console consumer; the cases of groups and of the restart are played by VerifiableConsumer and VerifiableProducer"
    cannot = {"write": "the console producer takes lines, and records hold ends of lines"}

    def __init__(self, bootstrap):
        super().__init__(bootstrap)
        self.tools = Tools(bootstrap)

    def cluster(self):
        brokers = [line for line in self.tools.lines("broker-api-versions") if "-> (" in line]
        [said] = self.tools.lines("cluster", "cluster-id")
        return len(brokers), said.partition("Cluster ID: ")[2]

    def create_topic(self, name, partitions, configs):
        configs = [word for config in configs.items() for word in ("--config", "=".join(config))]
        self.tools.lines("topics", "--create", "--topic", name, "--partitions", partitions, *configs)

    def delete_topic(self, name):
        self.tools.lines("topics", "--delete", "--topic", name)

    def topics(self):
        return self.tools.lines("topics", "--list")

    def describe_topic(self, name):
        found = re.findall(r"\tPartition: (\d+)\t.*Replicas: (\S+)", "\n".join(self.tools.lines("topics", "--describe", "--topic", name)))
        return {int(partition): len(replicas.split(",")) for partition, replicas in found}

    def configs(self, topic):
        lines = self.tools.lines("configs", "--describe", "--all", "--entity-type", "topics", "--entity-name", topic)
        return dict(re.findall(r"^ +(\S+?)=(.*?) sensitive=", "\n".join(lines), re.MULTILINE))

    def alter_config(self, topic, name, value):
        change = ["--delete-config", name] if value is None else ["--add-config", f"{name}={value}"]
        self.tools.lines("configs", "--alter", "--entity-type", "topics", "--entity-name", topic, *change)

    def add_partitions(self, topic, total):
        self.tools.lines("topics", "--alter", "--topic", topic, "--partitions", total)

    def delete_records(self, topic, partition, before):
        path = Path(os.environ["WORK"], "records.json")
        path.write_text(json.dumps({"partitions": [{"topic": topic, "partition": partition, "offset": before}], "version": 1}))
        self.tools.lines("delete-records", "--offset-json-file", path)

    def groups(self):
        return self.tools.lines("consumer-groups", "--list")

    def describe_group(self, group):
        state = "\n".join(self.tools.lines("consumer-groups", "--describe", "--group", group, "--state"))
        state = re.search(r"\b(Stable|Empty|Dead|PreparingRebalance|CompletingRebalance)\b", state)[1]
        members = {}
        status, said, _ = self.tools.run("consumer-groups", "--describe", "--group", group)
        for topic, partition, member in re.findall(rf"^{re.escape(group)} +(\S+) +(\d+)(?: +(?:\d+|-)){{3}} +(\S+)", said.decode(), re.MULTILINE):
            members.setdefault(member, []).append((topic, int(partition)))
        return state, [members[member] for member in members if member != "-"]

    def delete_group(self, group):
        self.tools.lines("consumer-groups", "--delete", "--group", group)

    def alter_group_offsets(self, group, offsets):
        for (topic, partition), offset in offsets.items():
            self.tools.lines("consumer-groups", "--group", group, "--reset-offsets", "--topic", f"{topic}:{partition}", "--to-offset", offset, "--execute")

    def topic_bytes(self, topic):
        [said] = [line for line in self.tools.lines("log-dirs", "--describe", "--topic-list", topic) if line.startswith("{")]
        found = [part for broker in json.loads(said)["brokers"] for place in broker["logDirs"] for part in place["partitions"]]
        return sum(part["size"] for part in found)

    def producer(self, codec="none", acks=None, idempotent=None, murmur2=False):
        return Producer(self.tools, codec, {"acks": acks, "enable.idempotence": "true" if idempotent else None})

    def consumer(self, group=None, reset="earliest", session_ms=None, instance=None, assignor=None):
        return Consumer(self.tools, group, reset)

    def member(self, group, topic, *options):
        options = dict(option.split("=", 1) for option in options)
        words = ["--bootstrap-server", self.bootstrap, "--topic", topic, "--group-id", group, "--verbose"]
        words += ["--session-timeout", options["session"]] if "session" in options else []
        words += ["--group-instance-id", options["instance"]] if "instance" in options else []
        words += ["--assignment-strategy", f"org.apache.kafka.clients.consumer.{ASSIGNORS[options['assignor']]}"] if "assignor" in options else []
        becomes(f"{VERIFIABLE}Consumer", *words)

    def produce(self, topic, per_second):
        becomes(f"{VERIFIABLE}Producer", "--bootstrap-server", self.bootstrap, "--topic", topic, "--throughput", per_second)
