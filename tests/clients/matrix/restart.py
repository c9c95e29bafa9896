"""The broker is killed and comes back while producers send and groups read, a few clients at a time."""

import time

import report
from groups import PER_SECOND, Group, owned, resumed_at_committed
from programs import Fault, Skip, wait_until

AT_ONCE = 10
PARTITIONS = 3
# How long nobody listens: every client meets a refused connection, and its back-off.
CLOSED_SECONDS = 2
# So long after the port is open again a producer may tell of what it gave up while it was closed: a client that looks at its queues
# now and then only; and of records that it was handed before, on a machine with much to do.
SOON_SECONDS, LATE_SECONDS = 1, 10


class Riders:
    """A client's producer and two members of a group, before, during and after."""

    def __init__(self, matrix, client):
        self.client = client
        self.group = Group(matrix, client, "restart", PARTITIONS, phase="restart")
        self.begun = time.monotonic()
        self.producer = self.group.producer()
        self.members = [self.group.member(), self.group.member()]
        self.trouble = {}

    def try_to(self, part, function):
        """What fails is said of the part (producer or group), and the part is left alone from then on."""
        if part not in self.trouble:
            try:
                function()
            except (Fault, Skip) as trouble:
                self.trouble[part] = trouble

    def acked(self):
        return [int(number) for number in self.producer.said("acked")]

    def flow(self, count):
        """So many more are acked, and read by the group."""
        target = len(self.acked()) + count
        self.try_to("producer", lambda: wait_until(90, f"{count} more records acked", lambda: len(self.acked()) >= target, [self.producer]))
        if "producer" not in self.trouble:
            mark = self.acked()[-1]
            self.try_to("group", lambda: wait_until(90, f"record {mark} read", lambda: self.has_read(mark), self.members))

    def has_read(self, value):
        return any(text.endswith(f" {value}") for member in self.members for text in member.said("record"))

    def settled(self):
        """Both members have something to read."""
        ready = lambda: all(owned(member) for member in self.members)  # noqa: E731
        told = lambda: f"two members share three partitions; they own {[sorted(owned(member) or ()) for member in self.members]}"  # noqa: E731
        self.try_to("group", lambda: wait_until(60, told, ready, self.members))

    def end(self):
        self.try_to("producer", lambda: self.producer.closes(60))
        acked = set(self.acked())
        unread = lambda: acked - {int(text.split()[2]) for member in self.members for text in member.said("record")}  # noqa: E731
        self.try_to("group", lambda: wait_until(90, f"all of {len(acked)} acked records read", lambda: not unread(), self.members))
        if self.trouble.get("group") and unread() and not isinstance(self.trouble["group"], Skip):
            self.trouble["group"] = Fault(f"{self.trouble['group']}; {len(unread())} of {len(acked)} acked records were not read")
        self.try_to("group", lambda: resumed_at_committed(self.members))
        self.try_to("group", self.group.close)

    def producer_evidence(self, closed, opened):
        """Errors count as faults unless they came of retries that were used up while the port was closed."""
        if "producer" in self.trouble:
            raise self.trouble["producer"]
        errors = [line for line in self.producer.lines if line.text.startswith("error")]
        late = [line for line in errors if not closed <= line.at <= opened + self.grace(line, opened)]
        if late:
            raise Fault(f"{len(late)} errors while the broker was there: {late[0].text}")
        given_up = " -- it gave up records while the port was closed, by its own defaults" if errors else ""
        return f"{len(self.acked())} acked, {len(errors)} not{given_up}"

    def grace(self, line, opened):
        """How long after the port was open again this error may be told."""
        handed_over = PER_SECOND * (opened - self.begun) + 1  # at most, by then
        return LATE_SECONDS if int(line.text.split()[1]) <= handed_over else SOON_SECONDS

    def group_evidence(self):
        if "group" in self.trouble:
            raise self.trouble["group"]
        return f"{sum(len(member.said('record')) for member in self.members)} records read, {len(set(self.acked()))} acked"


def ride(matrix, clients, first_try):
    """What there is another try for: {client: {case: what was said of it}}. In the second, first_try has what was said in the first."""
    riders = [Riders(matrix, client) for client in clients]
    for rider in riders:
        rider.settled()
    for rider in riders:
        rider.flow(50)
    closed = time.monotonic()
    matrix.broker.ask("kill")
    time.sleep(CLOSED_SECONDS)
    matrix.broker.ask("start")
    opened = time.monotonic()
    for rider in riders:
        rider.flow(100)
    failed = {}
    for rider in riders:
        begun = time.monotonic()
        rider.end()
        for case, evidence in (("restart.producer", lambda: rider.producer_evidence(closed, opened)), ("restart.group", rider.group_evidence)):
            before = first_try.get(rider.client, {})
            if not matrix.wants(case) or before and case not in before:
                continue
            outcome, detail = matrix.outcome(evidence)
            if outcome == "FAIL" and matrix.again and not before and not matrix.as_with_kafka(rider.client, case, detail):
                failed.setdefault(rider.client, {})[case] = detail
                continue
            if outcome == "ok" and case in before:
                detail += f" -- at the second try; the first: {before[case]}"
            matrix.result(rider.client, case, outcome, detail, time.monotonic() - begun)
        rider.group.__exit__()
        rider.producer.ends(0)
    return failed


def play(matrix):
    if matrix.wants("restart.producer") or matrix.wants("restart.group"):
        failed = {}
        for first in range(0, len(matrix.players), AT_ONCE):
            failed |= ride(matrix, matrix.players[first:first + AT_ONCE], {})
            if matrix.keeps:
                report.store(matrix)
        if failed:
            ride(matrix, list(failed), failed)
