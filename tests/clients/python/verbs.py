"""The verbs write, read, member and produce for any library: what the matrix plays its own cases with."""

import base64
import json
import os
import signal
import threading
import time
from pathlib import Path

from base import Failure, Impossible

SAYING = threading.Lock()


def say(*words):
    with SAYING:
        print(*words, flush=True)


def one_line(error):
    return " ".join(f"{type(error).__name__} {error}".split())


def decoded(text):
    return None if text is None else base64.b64decode(text)


def cross():
    return Path(os.environ["CROSS"])


def records():
    rows = json.loads((cross() / "records.json").read_text())
    return [(decoded(row["key"]), decoded(row["value"]), [(name, decoded(data)) for name, data in row["headers"]], row["timestamp"]) for row in rows]


def write(library):
    done, wanted = [], records()
    if library.without_writing:
        say("WITHOUT", *library.without_writing)
    written = []
    for codec in library.codecs:
        topic = f"{os.environ['PREFIX']}x-{codec}"
        producer = library.producer(codec=codec)
        failures = []
        for key, value, headers, timestamp in wanted:
            if "null-pairs" in library.without_writing and key is None and value is None:
                value = b""
            if "null-headers" in library.without_writing:
                headers = [(name, data or b"") for name, data in headers]
            producer.send(topic, value, key=key, headers=headers, partition=0, timestamp_ms=timestamp, done=lambda failure, *_: failures.append(failure))
        producer.flush()
        producer.close()
        bad = [failure for failure in failures if failure]
        if bad or len(failures) != len(wanted):
            say(f"CASE cross.write FAIL {codec}: {len(failures)} of {len(wanted)} done, {len(bad)} refused: {one_line(bad[0]) if bad else ''}")
            return
        written.append(codec)
    done = f"{len(wanted)} records each: {' '.join(written)}"
    say("CASE cross.write ok", done)
    for codec in written:
        say("WROTE", codec)


def blurred(record, without, pair):
    """A record less what cannot be expressed."""
    key, value, headers, timestamp = record
    if "null-keys" in without or "empty-keys" in without or pair:
        key = key or b""
    if "null-values" in without or "empty-values" in without or pair:
        value = value or b""
    if "null-headers" in without or "empty-headers" in without:
        headers = [(name, data or b"") for name, data in headers]
    return (key, value, [] if "headers" in without else headers, None if "timestamps" in without else timestamp)


def difference(library, topic, wanted):
    without = set(topic["without"]) | set(library.without_reading)
    consumer = library.consumer()
    consumer.assign({(topic["topic"], 0): "earliest"})
    got, deadline = [], time.monotonic() + 30
    while len(got) < len(wanted) and time.monotonic() < deadline:
        consumer.wanted = len(wanted) - len(got)
        got += consumer.poll(1)
    consumer.close()
    if len(got) != len(wanted):
        return f"{len(got)} of {len(wanted)} records"
    for number, (have, want) in enumerate(zip(got, wanted)):
        pair = "null-pairs" in without and want[0] is None and want[1] is None
        have = (have.key, have.value, list(have.headers), have.timestamp)
        if blurred(have, without, pair) != blurred(want, without, pair):
            return f"record {number} is {have}, wrote {want}"[:200]
    return None


def read(library):
    topics = json.loads((cross() / "topics.json").read_text())
    if library.without_reading:
        say("WITHOUT", *library.without_reading)
    wanted, bad = records(), []
    for topic in topics:
        if topic["codec"] not in library.codecs:
            continue
        differs = difference(library, topic, wanted)
        if differs:
            bad.append(f"{topic['topic']}: {differs}")
    readable = [topic for topic in topics if topic["codec"] in library.codecs]
    writers = len({topic["client"] for topic in readable})
    say(f"CASE cross.read FAIL {len(bad)} of {len(readable)}: {'; '.join(bad)}" if bad else f"CASE cross.read ok {len(readable)} topics of {writers} writers")


def until_terminated():
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return stop


def member(library, group, topic, *options):
    stop = until_terminated()
    options = dict(option.split("=", 1) for option in options)
    session = options.get("session")
    owned = lambda parts: " ".join(f"{name}-{number}" for name, number in sorted(parts))  # noqa: E731
    try:
        consumer = library.consumer(group=group, session_ms=session and int(session), instance=options.get("instance"), assignor=options.get("assignor"))
        consumer.subscribe([topic], lambda parts: say("assigned", owned(parts)), lambda parts: say("revoked", owned(parts)))
    except Impossible as reason:
        say("skip", reason)
        return
    while not stop.is_set():
        try:
            records = consumer.poll(0.2)
        except Failure as failure:
            say("error", one_line(failure))
            continue
        for record in records:
            say("record", record.partition, record.offset, record.value.decode())
        ends = {(record.topic, record.partition): (record.offset + 1, "") for record in records}
        if ends and library.commits:
            for (_, partition), (offset, _) in ends.items():
                say("committing", partition, offset)
            if "RACES" in os.environ:
                time.sleep(0.02)
            try:
                consumer.commit(ends)
            except Failure as failure:
                say("error", one_line(failure))
                continue
            for (_, partition), (offset, _) in ends.items():
                say("committed", partition, offset)
    consumer.close()
    for record in consumer.rest():
        say("record", record.partition, record.offset, record.value.decode())
    say("closed")


def produce(library, topic, per_second):
    stop = until_terminated()
    producer = library.producer()
    room = threading.Semaphore(1000)

    def done(number, failure):
        room.release()
        say(*(("acked", number) if failure is None else ("error", number, one_line(failure))))

    number, next_at = 0, time.monotonic()
    while not stop.is_set():
        number += 1
        room.acquire()
        producer.send(topic, str(number).encode(), done=lambda failure, *_, number=number: done(number, failure))
        if not library.sends_at_once:
            producer.flush()
        next_at += 1 / float(per_second)
        stop.wait(max(0, next_at - time.monotonic()))
    producer.flush()
    producer.close()
    say("closed")
