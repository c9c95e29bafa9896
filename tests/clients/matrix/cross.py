"""Who writes and who reads: records of all shapes by each client with each codec, read by each client."""

import base64
import json
import time

from programs import Fault

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def encoded(data):
    return None if data is None else base64.b64encode(data).decode()


def records(now_ms):
    """All shapes; timestamps lie in the last hour, so that no retention has a reason to touch them."""
    shapes = [
        (b"key", b"value", []),
        (None, b"no key", []),
        (b"no value", None, []),
        (None, None, []),
        (b"", b"empty key", []),
        (b"empty value", b"", []),
        (b"headers", b"two", [("a", b"1"), ("b", b"2")]),
        (b"headers", b"the same key twice", [("a", b"1"), ("a", b"2"), ("a", b"1")]),
        (b"headers", b"null", [("null", None), ("after", b"x")]),
        (b"headers", b"empty", [("empty", b""), ("a name with spaces", b"x")]),
        ("ключ".encode(), "значение 日本語 🦀".encode(), [("ünï", "çödé".encode())]),
        (b"binary", bytes(range(256)), [("binary", bytes(range(255, 0, -1)))]),
        (b"long", b"0123456789abcdef" * 1024, []),
        (b"x" * 300, b"long key", []),
    ]
    shapes += [(b"key-%d" % i, b"value %d" % i, []) for i in range(36)]
    first = now_ms - 3_600_000
    return [
        {"key": encoded(key), "value": encoded(value), "headers": [[name, encoded(data)] for name, data in headers], "timestamp": first + 1_000 * i + i % 7}
        for i, (key, value, headers) in enumerate(shapes)
    ]


def packed_as_told(broker, client, codecs):
    """What the broker has is in the codec that the client was told, but for a batch that it would make no smaller; this is asked of the
    broker, as a reader does not see it."""
    for codec in codecs:
        number = CODECS.index(codec)
        found = broker.codecs_of(f"{client.name}-x-{codec}")
        if number not in found or not found <= {number, 0}:
            raise Fault(f"the batches of {codec} have {sorted(CODECS[of] for of in found)}")


def play(matrix, every):
    if not matrix.wants("cross.write"):
        return
    place = matrix.work / "cross"
    (place / "records.json").write_text(json.dumps(records(int(time.time() * 1000))))
    topics = []

    def write(matrix, client):
        program = matrix.program(client, "cross", "write")
        program.ends(120)
        outcome, detail = matrix.outcome(packed_as_told, matrix.broker, client, program.said("WROTE"))
        if outcome == "ok":
            matrix.collect(client, ["cross.write"], program, 120)
        else:
            matrix.result(client, "cross.write", outcome, detail)
        without = " ".join(program.said("WITHOUT")).split()
        for codec in program.said("WROTE"):
            topics.append({"topic": f"{client.name}-x-{codec}", "client": client.name, "codec": codec, "without": without})

    def read(matrix, client):
        matrix.collect(client, ["cross.read"], matrix.program(client, "cross", "read"), 180)

    every(matrix, matrix.players, write)
    topics.sort(key=lambda topic: topic["topic"])
    (place / "topics.json").write_text(json.dumps(topics))
    every(matrix, matrix.players, read)
