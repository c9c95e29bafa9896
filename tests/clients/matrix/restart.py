"""The broker is killed and comes back while producers send and groups read, a few clients at a time."""

import math
import re
import signal
import time

import report
from groups import PER_SECOND, Group, last_reader, owned, read_on_at, taken_over
from programs import Fault, Program, Skip, as_fault, wait_until

CASES = ("restart.producer", "restart.group")
AT_ONCE = 10
PARTITIONS = 3
# Long enough for all members to be heard again after the broker has come back, and short enough to wait for.
SESSION_MS = 10_000
# How long nobody listens: every client meets a refused connection, and its back-off.
CLOSED_SECONDS = 2
# So long after the port is open again a producer may tell of records that it was handed before and gave up, on a machine with much to
# do; and so long a member that was there may tell of the broker that went away.
LATE_SECONDS = 10
# The clients whose producer gives up within seconds, by its own defaults: after a few tries, or when no broker can be reached.
GIVE_UP = {"sarama", "sarama-1-0", "sarama-2-8", "kafka-go", "kafkajs", "platformatic", "kcat", "kafka-python-2-0", "tools-4", "tools-3"}
# What an error says that came of a broker that is away, and what none says that did.
AWAY = re.compile(
    r"connect|transport|brokers? (?:are |is )?down|AllBrokersDown|available brokers|\bEOF\b|time[d-]? ?out|expired|broken ?pipe|reset by peer|refused"
    r"|\bECONN|\bEPIPE|retries|coordinator|not available|circuit breaker|^error KafkaJSNonRetriableError$",
    re.IGNORECASE,
)
NEVER = re.compile(r"sequence|epoch|unknown.?server|unexpected server|unknown.?error|corrupt|malformed|schema|version of API|fenced|producer.?id|out of ?range|storage", re.IGNORECASE)
# A member that is not heard in time is dropped: so its commit is refused. Its session begins anew when the broker is back.
DROPPED = re.compile(r"unknown.?member", re.IGNORECASE)
DROPPED_SECONDS = CLOSED_SECONDS + SESSION_MS / 1000
# Apache Kafka opens its port before it leads its partitions.
NOT_LEADING = re.compile(r"not the leader|NotLeader|not_leader|leaderless|LeaderNotAvailable", re.IGNORECASE)


def tells_of_lost_broker(kind, text):
    return bool(AWAY.search(text) or kind == "kafka" and NOT_LEADING.search(text)) and not NEVER.search(text)


class Riders:
    """A client's producer and two members of a group, before, during and after: one of the two is killed too, and a third comes."""

    def __init__(self, matrix, client):
        self.client, self.broker, self.kind = client, matrix.broker, matrix.kind
        self.group = Group(matrix, client, "restart", PARTITIONS, phase="restart")
        self.begun = time.monotonic()
        self.producer = self.group.producer()
        self.trouble = {}
        self.lost = None
        self.try_to("group", self.joins)
        self.try_to("group", self.joins)

    def joins(self):
        self.group.member(session=SESSION_MS)

    def alive(self):
        return [member for member in self.group.everyone if member is not self.lost]

    def try_to(self, part, function):
        """What fails is said of the part (producer or group), and the part is left alone from then on."""
        if part not in self.trouble:
            try:
                as_fault(function)
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
            self.try_to("group", lambda: wait_until(90, f"record {mark} read", lambda: self.has_read(mark), self.alive()))

    def has_read(self, value):
        return any(text.endswith(f" {value}") for member in self.group.everyone for text in member.said("record"))

    def settled(self):
        """Both members have something to read."""
        ready = lambda: all(owned(member) for member in self.alive())  # noqa: E731
        told = lambda: f"two members share three partitions; they own {[sorted(owned(member) or ()) for member in self.alive()]}"  # noqa: E731
        self.try_to("group", lambda: wait_until(60, told, ready, self.alive()))

    def chooses(self):
        """Who is to be lost: the member that reads at the moment, when the broker has a commit of it."""
        self.lost = last_reader(self.group.everyone)
        for _ in range(300):
            self.left, self.before = owned(self.lost) or set(), self.group.committed()
            if any(map(self.before.get, self.left)):
                return
            time.sleep(0.1)
        raise Fault(f"nothing of {sorted(self.left)} is committed in 30 s; {self.lost.tail()}")

    def counts(self):
        """Who is in the group, before the broker is killed."""
        self.members = self.ids()

    def ids(self):
        return {member for member, _ in self.broker.members(self.group.group)[1]}

    def loses(self):
        """While the port is closed, so that nothing is committed behind the matrix's back."""
        self.lost.signal(signal.SIGKILL)
        self.lost.ends(10)
        self.mark = Program.order

    def comes_back(self):
        """The broker has the commits of the member that was lost, before anyone takes its partitions over: no session has run out yet."""
        said = [(word, *map(int, text.split())) for word in ("committing", "committed") for text in self.lost.said(word)]
        bounds = {}
        for part in self.left:
            least = max([self.before.get(part, 0), *(at for word, of, at in said if (word, of) == ("committed", part))])
            bounds[part] = least, max([least, *(at for _, of, at in said if of == part)]) if said else math.inf
        self.kept = self.group.committed()
        for part, (least, most) in bounds.items():
            if not least <= self.kept.get(part, 0) <= most:
                raise Fault(f"partition {part} was committed at {least} before the broker was killed, and is at {self.kept.get(part)} after it")
        self.there = self.ids()

    def was_there(self):
        """The member that was lost is out of the group by now; until its session had run out the group had it, after the restart too."""
        gone = self.members - self.ids()
        if not gone & self.there:
            raise Fault(f"after the broker was killed the group had the members {sorted(self.there)}, and of those before it {sorted(gone)} not")

    def taken_over(self):
        return taken_over(self.alive(), self.left, self.mark)

    def end(self, closed, opened):
        told = lambda: f"one of {sorted(self.left)} read on from its committed offset, of {self.kept}"  # noqa: E731
        self.try_to("group", lambda: wait_until(90, told, lambda: any(map(self.kept.get, self.taken_over())), self.alive()))
        self.try_to("producer", lambda: self.producer.closes(60))
        acked = set(self.acked())
        self.try_to("producer", lambda: self.all_there(acked))
        unread = lambda: acked - {int(text.split()[2]) for member in self.group.everyone for text in member.said("record")}  # noqa: E731
        self.try_to("group", lambda: wait_until(90, f"all of {len(acked)} acked records read", lambda: not unread(), self.alive()))
        if self.trouble.get("group") and unread() and not isinstance(self.trouble["group"], Skip):
            self.trouble["group"] = Fault(f"{self.trouble['group']}; {len(unread())} of {len(acked)} acked records were not read")
        self.try_to("group", lambda: read_on_at(self.kept, self.taken_over()))
        self.try_to("group", self.was_there)
        self.try_to("group", self.group.resumed)
        # Who was there when the broker went away tells of it; who came after it has nothing to tell.
        away = lambda member, line: member in self.group.everyone[:2] and self.of_lost_broker(line, closed, opened)  # noqa: E731
        self.try_to("group", lambda: self.group.close(away))

    def of_lost_broker(self, line, closed, opened):
        """What a member may tell of it."""
        lost = closed <= line.at <= opened + LATE_SECONDS and tells_of_lost_broker(self.kind, line.text)
        return lost or closed + DROPPED_SECONDS <= line.at <= opened + DROPPED_SECONDS + LATE_SECONDS and DROPPED.search(line.text)

    def all_there(self, acked):
        """Nothing acked is lost: read back from the broker, by no client."""
        missing = sorted(acked - set(self.broker.values(self.group.topic, PARTITIONS)))
        if missing:
            raise Fault(f"{len(missing)} of {len(acked)} acked records are not in the topic: {missing[:5]}")

    def producer_evidence(self, closed, opened):
        """Errors count as faults unless they came of retries that were used up while the port was closed."""
        if "producer" in self.trouble:
            raise self.trouble["producer"]
        errors = [line for line in self.producer.lines if line.text.startswith("error")]
        # At most so many were handed over before the port was open: what came later found a broker.
        handed_over = PER_SECOND * (opened - self.begun) + 1
        late = [line for line in errors if not closed <= line.at <= opened + LATE_SECONDS or int(line.text.split()[1]) > handed_over]
        if late:
            raise Fault(f"{len(late)} errors while the broker was there: {late[0].text}")
        strange = [line for line in errors if self.client.name not in GIVE_UP or not tells_of_lost_broker(self.kind, line.text)]
        if strange:
            raise Fault(f"{len(strange)} errors that no lost broker makes of its defaults: {strange[0].text}")
        given_up = " -- it gave up records while the port was closed, by its own defaults" if errors else ""
        return f"{len(self.acked())} acked, {len(errors)} not{given_up}"

    def group_evidence(self):
        if "group" in self.trouble:
            raise self.trouble["group"]
        at = ", ".join(f"{part} at {offset}" for part, offset in sorted(self.taken_over().items()))
        return f"{sum(len(member.said('record')) for member in self.group.everyone)} records read, {len(set(self.acked()))} acked; of the member that was killed {at}{self.group.note()}"


class Results:
    """Takes what came of the riders. In the first ride of the short tier it keeps what failed; then it is the earlier one of the second."""

    def __init__(self, matrix, earlier=None):
        self.matrix, self.earlier = matrix, earlier
        self.failed = {}  # {client: {case: what was said of it}}

    def cases(self, client):
        return self.earlier.failed[client] if self.earlier else list(filter(self.matrix.wants, CASES))

    def take(self, client, case, outcome, detail, seconds=None):
        if self.earlier:
            detail = self.matrix.at_second_try(client, case, outcome, detail, self.earlier.failed[client][case])
        elif self.matrix.has_second_try(client, case, outcome, detail):
            self.failed.setdefault(client, {})[case] = detail
            return
        self.matrix.result(client, case, outcome, detail, seconds)


def mounted(matrix, clients, results):
    riders = []
    for client in clients:
        try:
            riders.append(as_fault(Riders, matrix, client))
        except Fault as trouble:
            for case in results.cases(client):
                results.take(client, case, "FAIL", str(trouble))
    return riders


def ride(matrix, clients, results):
    riders = mounted(matrix, clients, results)
    for rider in riders:
        rider.settled()
    for rider in riders:
        rider.flow(50)
    for rider in riders:
        rider.try_to("group", rider.chooses)
    for rider in riders:
        rider.try_to("group", rider.counts)
    closed = time.monotonic()
    matrix.broker.ask("kill")
    time.sleep(CLOSED_SECONDS)
    for rider in riders:
        rider.try_to("group", rider.loses)
    matrix.broker.ask("start")
    opened = time.monotonic()
    for rider in riders:
        rider.try_to("group", rider.comes_back)
    for rider in riders:
        rider.try_to("group", rider.joins)
    for rider in riders:
        rider.settled()
    for rider in riders:
        rider.flow(100)
    for rider in riders:
        begun = time.monotonic()
        rider.end(closed, opened)
        evidence = {"restart.producer": lambda: rider.producer_evidence(closed, opened), "restart.group": rider.group_evidence}  # noqa: B023
        for case in results.cases(rider.client):
            results.take(rider.client, case, *matrix.outcome(evidence[case]), time.monotonic() - begun)
        rider.group.__exit__()
        rider.producer.ends(0)


def rides(matrix, clients, results):
    for at in range(0, len(clients), AT_ONCE):
        ride(matrix, clients[at:at + AT_ONCE], results)
        if matrix.keeps:
            report.store(matrix)


def play(matrix):
    if any(map(matrix.wants, CASES)):
        first = Results(matrix)
        rides(matrix, matrix.players, first)
        rides(matrix, list(first.failed), Results(matrix, first))
