"""kcat, the command: a run of it for what is produced, a run that goes on for what is read. It has no calls for
admins: the topics that its cases begin with are made by the matrix (../topics.tsv)."""

import json
import os
import queue
import re
import signal
import subprocess
import threading
import time

import base
from base import Failure, Impossible, Record

# Delimiters that stand in no record.
KEY_ENDS, RECORD_ENDS = b"<:key:>", b"<:record:>"
WHERE = {"earliest": "beginning", "latest": "end"}


def version():
    said = subprocess.run(["kcat", "-V"], capture_output=True, text=True).stdout
    return "{} (librdkafka {})".format(*re.search(r"Version (\S+) .*librdkafka (\S+)", said).groups())


def words(*flags, **properties):
    """A command line; None leaves a property out."""
    given = [f"{name.replace('_', '.')}={value}" for name, value in properties.items() if value is not None]
    return ["kcat", *flags, *[word for property in given for word in ("-X", property)]]


class Producer(base.Producer):
    """What is sent goes out with flush(), by one run for each partition: kcat reports a whole run, not a record."""

    def __init__(self, bootstrap, properties):
        self.bootstrap, self.properties, self.waiting = bootstrap, properties, {}

    def send(self, topic, value, key=None, headers=None, partition=None, timestamp_ms=None, done=None):
        shape = (topic, partition, tuple(headers or ()), None in (key, value), key is None and value is not None)
        waiting = self.waiting.setdefault((topic, partition), [])
        if waiting and waiting[0][0] != shape:
            self._run(waiting)
            waiting.clear()
        waiting.append((shape, key, value, done))

    def flush(self):
        while self.waiting:
            self._run(self.waiting.pop(next(iter(self.waiting))))

    def _run(self, waiting):
        (topic, partition, headers, null, bare), *_ = waiting[0]
        flags = ["-P", "-b", self.bootstrap, "-t", topic, "-D", RECORD_ENDS.decode()]
        flags += [] if partition is None else ["-p", str(partition)]
        flags += [] if bare else ["-K", KEY_ENDS.decode()]
        flags += ["-Z"] if null and not bare else []
        for name, data in headers:
            flags += ["-H", name.encode() + (b"" if data is None else b"=" + data)]
        text = b"".join((b"" if bare else (key or b"") + KEY_ENDS) + (value or b"") + RECORD_ENDS for _, key, value, _ in waiting)
        run = subprocess.run(words(*flags, **self.properties), input=text, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        os.write(2, run.stderr)
        said = run.stderr.decode(errors="replace")
        failure = None
        if run.returncode != 0 or "Delivery failed" in said:
            failure = Failure(base.MESSAGE_TOO_LARGE if "Message size too large" in said else None, said)
        for *_, done in waiting:
            if done:
                done(failure, partition, None)

    def close(self):
        self.flush()


class Run:
    """A kcat that goes on reading."""

    def __init__(self, command, heard=None):
        # Killed with the program that started it, as one that is a client by itself.
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.records, self.heard = queue.Queue(), heard
        self.threads = [threading.Thread(target=of, daemon=True) for of in (self._read, self._listen)]
        for thread in self.threads:
            thread.start()

    def _read(self):
        for line in self.process.stdout:
            row = json.loads(line.decode(errors="surrogateescape"))
            data = lambda text: None if text is None else text.encode(errors="surrogateescape")  # noqa: E731
            flat = row.get("headers", [])
            headers = [(name, data(value)) for name, value in zip(flat[::2], flat[1::2])]
            self.records.put(Record(row["topic"], row["partition"], row["offset"], row["ts"], data(row["key"]), data(row["payload"]), headers))
        self.records.put(None)

    def _listen(self):
        self.said = ""
        for line in self.process.stderr:
            os.write(2, line)
            self.said = line.decode(errors="replace")
            if self.heard:
                self.heard(self.said)

    def poll(self, seconds):
        got, deadline = [], time.monotonic() + seconds
        while not got and (left := deadline - time.monotonic()) > 0:
            try:
                got.append(self.records.get(timeout=left))
            except queue.Empty:
                return []
        while not self.records.empty():
            got.append(self.records.get())
        if None in got:
            self.records.put(None)
            got.remove(None)
            if not got:
                raise Failure(None, self.said)
        return got

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        for thread in self.threads:
            thread.join()


class Consumer(base.Consumer):
    def __init__(self, bootstrap, group, properties):
        self.bootstrap, self.group, self.properties, self.runs = bootstrap, group, properties, {}

    def assign(self, starts):
        """One partition, or all of a topic from the same place: that is how kcat is asked."""
        if len(starts) > 1:
            [topic], [start] = {topic for topic, _ in starts}, set(starts.values())
            self.runs[topic] = self._follow([topic], start)
        else:
            for (topic, partition), start in starts.items():
                self.runs[topic, partition] = self._follow([topic, "-p", str(partition)], start)

    def _follow(self, place, start):
        flags = ["-C", "-b", self.bootstrap, "-t", *place, "-o", WHERE.get(start, str(start)), "-J", "-u", "-q"]
        return Run(words(*flags, **self.properties))

    def seek(self, topic, partition, to):
        self.runs.pop((topic, partition)).close()
        self.assign({(topic, partition): to})

    def _query(self, topic, partition, ms):
        run = subprocess.run(words("-Q", "-b", self.bootstrap, "-t", f"{topic}:{partition}:{ms}"), capture_output=True, text=True)
        return int(run.stdout.rsplit(" ", 1)[1])

    def ends(self, topic, partition):
        return self._query(topic, partition, -2), self._query(topic, partition, -1)

    def offset_at(self, topic, partition, ms):
        offset = self._query(topic, partition, ms)
        return None if offset < 0 else offset

    def subscribe(self, topics, assigned, revoked, only=None):
        """With `only`, it ends by itself after so many records, with the next one committed."""
        owned = set()

        def heard(line):
            match = re.search(r"rebalanced.*?(assigned|revoked|incremental assignment|incremental revoke)[^\[]*: ?(.*)", line)
            if not match:
                return
            places = {(name, int(number)) for name, number in re.findall(r"([^\s,]+) \[(\d+)\]", match[2])}
            if "assign" in match[1]:
                owned.difference_update(() if match[1].startswith("incremental") else set(owned))
                owned.update(places)
                assigned(owned)
            else:
                owned.difference_update(places)
                revoked(places)

        ends = ["-c", str(only)] if only else []
        self.runs["group"] = Run(words("-G", self.group, "-b", self.bootstrap, "-J", "-u", "-E", *ends, *topics, **self.properties), heard)

    def poll(self, seconds):
        if len(self.runs) == 1:
            return next(iter(self.runs.values())).poll(seconds)
        return [record for run in self.runs.values() for record in run.poll(seconds / len(self.runs))]

    def rest(self):
        return [record for run in self.runs.values() for record in iter(run.records.get, None)]

    def commit(self, offsets):
        raise Impossible("it commits by itself, what it has printed, without metadata")

    def close(self):
        for run in self.runs.values():
            run.close()


class Adapter(base.Library):
    without_writing = ("timestamps",)
    sends_at_once = False
    commits = False
    about_seek = "by another run that begins there"
    about_acks = "an ack is known by the end of its run, without an offset"
    cannot = {"poll.idle": "it prints what comes: there is no call to poll"}

    def cluster(self):
        run = subprocess.run(words("-L", "-J", "-b", self.bootstrap), capture_output=True, text=True)
        if run.returncode != 0:
            raise Failure(None, run.stderr)
        return len(json.loads(run.stdout)["brokers"]), None

    def topics(self):
        run = subprocess.run(words("-L", "-J", "-b", self.bootstrap), capture_output=True, text=True)
        return [topic["topic"] for topic in json.loads(run.stdout)["topics"]]

    def create_topic(self, name, partitions, configs):
        """Those that a case begins with are there."""
        if name not in self.topics():
            raise Impossible("it has no call that creates topics")

    def producer(self, codec="none", acks=None, idempotent=None, murmur2=False):
        properties = {"compression_codec": None if codec == "none" else codec, "acks": acks, "enable_idempotence": "true" if idempotent else None}
        return Producer(self.bootstrap, {**properties, "topic_partitioner": "murmur2_random" if murmur2 else None})

    def consumer(self, group=None, reset="earliest", session_ms=None, instance=None, assignor=None):
        assignors = {"range": "range", "roundrobin": "roundrobin", "cooperative": "cooperative-sticky", None: None}
        properties = {"auto_offset_reset": "error" if reset == "none" else reset, "session_timeout_ms": session_ms, "group_instance_id": instance}
        return Consumer(self.bootstrap, group, {**properties, "partition_assignment_strategy": assignors[assignor]})
