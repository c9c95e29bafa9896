"""The cases of groups: members of one client join, leave, die and come back; and members of two languages share a group.
What members said is held against the commits that were acked."""

import itertools
import re
import signal
import time

from programs import Fault, Program, Skip, everyone, wait_until

PARTITIONS = 6
SESSION_MS = 6_000
# Above what anybody waits for here: whose partitions are given away before that has left.
LONG_SESSION_MS = 90_000
# How fast producers send.
PER_SECOND = 100
# By how much what one member says may be heard later than what another says after it.
LATE_SECONDS = 5
# Every client's default is a heartbeat in three seconds or less: so long before the end of its session a member may be gone already.
HEARTBEAT_SECONDS = 3
REBALANCING = re.compile("rebalanc|generation", re.IGNORECASE)
# Each leads a group that the next joins, which is of another language: so each is a partner of one, too.
RING = (
    "java-4", "franz-go", "confluent-kafka", "java-3", "sarama", "kafkajs", "kafka-go", "kafka-python-2-0", "sarama-1-0",
    "java-2", "kcat", "tools-4", "sarama-2-8", "confluent-js", "kafka-python", "tools-3", "rdkafka", "aiokafka", "platformatic",
)  # fmt: skip
# The subscriptions of these end behind the user data, and they read no further in those of others.
SHORT = {"kafka-go", "kafka-python-2-0", "aiokafka", "kafkajs", "platformatic"}
# Their own faults, by which not all can share a group with them.
MIXED_NOTES = {
    "kafka-go": "only with subscriptions that end as its own, which says version 1 and lacks what that has; "
    "as leader it refuses others (0.4.51, consumergroup.go, makeMemberProtocolMetadata)",
    "platformatic": "it joins only leaders who do not look: its subscription says version 1 and lacks what that has "
    "(1.35.0, clients/consumer/consumer.ts, #encodeProtocolSubscriptionMetadata)",
}


def numbers(names):
    return {int(name.rsplit("-", 1)[1]) for name in names if name}


def owned(member):
    """What it owns now, by partition number; None before its first rebalance."""
    parts = None
    for line in member.lines:
        word, *names = line.text.split(" ")
        if word == "assigned":
            parts = numbers(names)
        elif word == "revoked" and parts:
            parts -= numbers(names)
    return parts


def shared_by(members):
    parts = [owned(member) or set() for member in members]
    each = PARTITIONS // len(members)
    return all(len(part) == each for part in parts) and len(set.union(*parts)) == PARTITIONS


def read_values(members):
    return [int(text.split()[2]) for member in members for text in member.said("record")]


class Reading:
    """How far the members of a group have read and committed, as they tell it."""

    def __init__(self, commits_shown, late_commits):
        self.commits_shown, self.late_commits = commits_shown, late_commits
        self.acked, self.tried, self.read_to, self.position = {}, {}, {}, {}
        # For late commits: {member that is committing: whether it was assigned anew since}, {partition: what was committed before a late
        # one}, and whether one was read on at.
        self.spans, self.before_late, self.late = {}, {}, False

    def wrong(self, member, words):
        """What is wrong with a line after those before it, if anything is."""
        if words[0] != "record":
            return None
        part, offset = int(words[1]), int(words[2])
        next_own, rebalanced = self.position.get((member, part), (None, True))
        committed = {self.acked.get(part, 0), self.before_late.get(part)} | self.tried.get(part, set())
        allowed = {next_own} | committed if rebalanced else {next_own}
        if self.commits_shown and offset not in allowed:
            return f"partition {part} was read on at {offset}, not at {sorted(a for a in allowed if a is not None)}"
        if offset > self.read_to.get(part, 0):
            return f"partition {part} was read on at {offset}, behind {self.read_to.get(part, 0)}: a gap"
        return None

    def hear(self, member, words):
        if words[0] == "assigned":
            self.spans = {of: spans or of == member for of, spans in self.spans.items()}
            for at in [at for at in self.position if at[0] == member]:
                self.position[at] = (self.position[at][0], True)
        elif words[0] in ("committing", "committed"):
            part, offset = int(words[1]), int(words[2])
            if words[0] == "committed":
                self.before_late.pop(part, None)
                if self.spans.pop(member, False) and self.late_commits:
                    self.before_late[part] = self.acked.get(part, 0)
                self.acked[part] = offset
                self.tried[part] = {to for to in self.tried.get(part, ()) if to > offset}
            else:
                self.spans[member] = False
                self.tried.setdefault(part, set()).add(offset)
        elif words[0] == "record":
            part, offset = int(words[1]), int(words[2])
            self.late = self.late or self.before_late.get(part) == offset
            self.read_to[part] = max(self.read_to.get(part, 0), offset + 1)
            self.position[member, part] = (offset + 1, False)


# The own fault of these: a commit that a rebalance refuses is sent again in the next generation, when its partition is another's, who may
# have asked for the committed offset by then.
LATE_COMMITS = {
    "platformatic": "read on one commit earlier, where one that a rebalance refused was sent again in the next generation "
    "(1.35.0, clients/consumer/consumer.ts, #commit)"
}


def resumed_at_committed(members, late_commits=False):
    """Goes through what the members read, in order: without gaps, and behind each rebalance exactly at the committed offset. Whether that
    was the one before a late commit."""
    events = sorted((line.order, index, line.at, line.text.split()) for index, member in enumerate(members) for line in member.lines)
    return judge([(member, at, words) for _, member, at, words in events], late_commits)


def judge(events, late_commits):
    """Lines of a member are in order, but of two members the one that spoke first may be heard last, on a machine with much to do: a
    line that would be wrong waits for what others say within LATE_SECONDS."""
    reading = Reading(any(words[0] == "committing" for _, _, words in events), late_commits)
    while events:
        trouble, waiting = None, set()
        for index, (member, at, words) in enumerate(events):
            if at > events[0][1] + LATE_SECONDS:
                raise Fault(trouble)
            if member in waiting:
                continue
            wrong = reading.wrong(member, words)
            if not wrong:
                reading.hear(member, words)
                del events[index]
                break
            trouble = trouble or wrong
            waiting.add(member)
        else:
            raise Fault(trouble)
    return reading.late


def last_reader(members):
    """Some producers send to one partition for long: who reads at the moment has something to lose."""
    return max(members, key=lambda member: max((line.order for line in member.lines if line.text.startswith("record ")), default=0))


def taken_over(members, parts, mark):
    """{partition: the first offset that one of these members read of it behind the mark}, of these partitions."""
    first, later = {}, lambda line: line.order > mark
    for line in sorted(line for member in members for line in itertools.takewhile(later, reversed(member.lines)) if line.text.startswith("record ")):
        part, offset, _ = map(int, line.text.split()[1:])
        if part in parts:
            first.setdefault(part, offset)
    return first


def read_on_at(committed, first):
    """What a member had that was killed is read on by others exactly where the broker has it committed."""
    for part, offset in first.items():
        if offset != committed.get(part, 0):
            raise Fault(f"partition {part} of the member that was killed was read on at {offset}, committed is {committed.get(part, 0)}")


def errors(member):
    """What it told of errors; but not of a commit that came into a rebalance, which every library tells its program when the partitions
    are no longer its own: it was committing, and the next that it says is that it is assigned anew, not that another commit was acked.
    One commit has one error."""
    found, waiting, committing = [], [], False
    for line in member.lines:
        word = line.text.split(" ", 1)[0]
        if word == "error":
            (waiting if committing and REBALANCING.search(line.text) else found).append(line)
        elif word == "committed":
            found, waiting = found + waiting, []
        elif word == "assigned":
            waiting = []
        if word in ("committing", "committed", "record", "error"):
            committing = word == "committing"
    return found + waiting


class Group:
    """A topic and a group of one case."""

    number = itertools.count(1)

    def __init__(self, matrix, client, name, partitions=PARTITIONS, phase="groups"):
        self.matrix, self.client, self.phase, self.partitions = matrix, client, phase, partitions
        self.topic = self.group = f"{client.name}-{name}-{next(Group.number)}"
        self.everyone, self.late = [], False
        matrix.broker.create_topic(self.topic, partitions)

    def member(self, client=None, **options):
        words = [f"{name}={value}" for name, value in options.items()]
        started = self.matrix.program(client or self.client, self.phase, "member", self.group, self.topic, *words)
        self.everyone.append(started)
        return started

    def alone(self, **options):
        """Its first member, when it owns all."""
        first = self.member(**options)
        wait_until(60, "the first member owns all", lambda: shared_by([first]), [first])
        return first

    def becomes_shared_by(self, members, seconds=60):
        told = lambda: f"{PARTITIONS} partitions shared by {len(members)}; they own {[sorted(owned(m) or ()) for m in members]}"  # noqa: E731
        wait_until(seconds, told, lambda: shared_by(members), members)

    def send(self, count, client=None):
        """The values that were acked, from a producer that stops after about so many."""
        producer = self.producer(client)
        wait_until(60, f"{count} records acked", lambda: len(producer.said("acked")) >= count, [producer])
        producer.closes(60)
        if producer.said("error"):
            raise Fault(f"a record was not acked: {producer.said('error')[0]}")
        return [int(number) for number in producer.said("acked")]

    def producer(self, client=None):
        return self.matrix.program(client or self.client, self.phase, "produce", self.topic, PER_SECOND)

    def committed(self):
        return self.matrix.broker.committed(self.group, self.topic, self.partitions)

    def last_committed(self, parts):
        """Of a member that was killed: its last commit may be on its way still."""
        before, now = None, {part: at for part, at in self.committed().items() if part in parts}
        while now != before:
            time.sleep(0.5)
            before, now = now, {part: at for part, at in self.committed().items() if part in parts}
        return now

    def all_read(self, values, members, seconds=60):
        missing = lambda: set(values) - set(read_values(members))  # noqa: E731
        alive = [member for member in members if member.process.poll() is None]
        told = lambda: f"all of {len(values)} acked records read, all but {sorted(missing())[:5]}"  # noqa: E731
        wait_until(seconds, told, lambda: not missing(), alive)
        self.resumed()

    def resumed(self):
        self.late = resumed_at_committed(self.everyone, self.client.name in LATE_COMMITS)

    def note(self):
        return f" -- {LATE_COMMITS[self.client.name]}" if self.late else ""

    def once(self, values, members):
        self.all_read(values, members)
        read = read_values(members)
        if sorted(read) != sorted(values):
            raise Fault(f"{len(values)} sent, {len(read)} read: {len(read) - len(set(read))} twice")

    def close(self, excused=lambda member, line: False):
        """All leave in order; and none told of an error."""
        for member in self.everyone:
            if member.process.poll() is None:
                member.closes()
            elif not member.signalled:
                raise Fault(f"a member ended by itself with {member.process.returncode}: {member.tail()}")
        told = [line.text for member in self.everyone for line in errors(member) if not excused(member, line)]
        if told:
            raise Fault(f"{len(told)} errors of members: {'; '.join(dict.fromkeys(told))}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self.everyone:
            member.signal(signal.SIGKILL)
            member.ends(10)


def join(matrix, client):
    with Group(matrix, client, "join") as group:
        members = [group.alone(), group.member(), group.member()]
        group.becomes_shared_by(members)
        sent = group.send(60)
        group.once(sent, members)
        group.close()
        return f"1, then 3 members with two partitions each; {len(sent)} records, each read once"


def leave(matrix, client):
    with Group(matrix, client, "leave") as group:
        first, second = group.alone(session=LONG_SESSION_MS), group.member(session=LONG_SESSION_MS)
        group.becomes_shared_by([first, second])
        sent = group.producer()
        wait_until(60, "50 records read", lambda: len(read_values([first, second])) > 50, [first, second, sent])
        # Some producers send to one partition for long: who leaves has something to go on from.
        leaving, stays = (second, first) if second.said("record") else (first, second)
        mark, left = Program.order, owned(leaving)
        leaving.closes()
        had = left & {int(text.split()[0]) for text in leaving.said("record")}
        group.becomes_shared_by([stays])
        wait_until(60, f"one of {sorted(had)} read on", lambda: had & taken_over([stays], left, mark).keys(), [stays, sent])
        sent.closes(60)
        group.all_read(acked_only(sent), [first, second])
        taken = taken_over([stays], left, mark)
        if not leaving.said("committing"):
            went_on_behind(leaving, taken)
        group.close()
        return f"{len(sent.said('acked'))} records read over it, {len(taken)} of its partitions on from where it stopped{group.note()}"


def went_on_behind(member, taken):
    """Of a member that does not tell of its commits: what it read before it left in order is not read again."""
    ends = {}
    for text in member.said("record"):
        part, offset, _ = map(int, text.split())
        ends[part] = offset + 1
    for part, offset in taken.items():
        if offset != ends.get(part, offset):
            raise Fault(f"partition {part} of the member that left at {ends[part]} was read on at {offset}")


def acked_only(producer):
    if producer.said("error"):
        raise Fault(f"a record was not acked: {producer.said('error')[0]}")
    return [int(number) for number in producer.said("acked")]


def crash(matrix, client):
    with Group(matrix, client, "crash") as group:
        first, second = group.alone(session=SESSION_MS), group.member(session=SESSION_MS)
        group.becomes_shared_by([first, second])
        sent = group.producer()
        wait_until(60, "50 records read", lambda: len(read_values([first, second])) > 50, [first, second, sent])
        lost = last_reader([first, second])
        rest = [member for member in (first, second) if member is not lost]
        killed = time.monotonic()
        lost.signal(signal.SIGKILL)
        lost.ends(10)
        mark, left = Program.order, owned(lost)
        committed = group.last_committed(left)
        group.becomes_shared_by(rest)
        not_too_soon(rest, left, killed)
        wait_until(60, f"one of {sorted(left)} read on", lambda: taken_over(rest, left, mark), [*rest, sent])
        sent.closes(60)
        group.all_read(acked_only(sent), [first, second])
        taken = taken_over(rest, left, mark)
        read_on_at(committed, taken)
        group.close()
        return f"{len(sent.said('acked'))} records read over it, {len(taken)} of its partitions on from its commits{group.note()}"


def not_too_soon(rest, left, killed):
    """A member that was killed has its partitions until its session runs out, which its last heartbeat began."""
    first = min(line.at for member in rest for line in member.lines if line.text.startswith("assigned ") and numbers(line.text.split()[1:]) & left and line.at > killed)
    if first - killed < SESSION_MS / 1000 - HEARTBEAT_SECONDS - 0.5:
        raise Fault(f"{sorted(left)} were given away {first - killed:.1f} s after the kill, with a session of {SESSION_MS / 1000:.0f} s")


def static(matrix, client):
    with Group(matrix, client, "static") as group:
        first, second = group.alone(instance="one"), group.member(instance="two")
        group.becomes_shared_by([first, second])
        before, kept, generation = owned(second), owned(first), matrix.broker.generation(group.group, "one")
        second.closes()
        mark, again = len(first.lines), group.member(instance="two")
        wait_until(60, "it is back", lambda: owned(again), [first, again])
        # Four seconds of records: the answer to a heartbeat has told of a rebalance by then.
        sent = group.send(400)
        group.all_read(sent, [first, again])
        told = [line.text for line in first.lines[mark:] if line.text.split()[0] in ("assigned", "revoked")]
        now = matrix.broker.generation(group.group, "one")
        if now != generation or told:
            raise Fault(f"the other member saw a rebalance: it was in generation {generation}, is in {now}, and was told {told}")
        if (owned(first), owned(again)) != (kept, before):
            raise Fault(f"it had {sorted(before)} and has {sorted(owned(again))}; the other had {sorted(kept)} and has {sorted(owned(first))}")
        group.close()
        return f"back with {sorted(before)}, the other stayed in generation {generation}"


def cooperative(matrix, client):
    with Group(matrix, client, "cooperative") as group:
        option = {"assignor": "cooperative"}
        first, second = group.alone(**option), group.member(**option)
        group.becomes_shared_by([first, second])
        marks = {member: (owned(member), len(member.lines)) for member in (first, second)}
        third = group.member(**option)
        group.becomes_shared_by([first, second, third])
        for member, (before, mark) in marks.items():
            only_one_moved(before, [line.text for line in member.lines[mark:]], owned(member))
        sent = group.send(60)
        group.once(sent, [first, second, third])
        group.close()
        return "a third took one partition of each of two"


def only_one_moved(before, said, after):
    """What a member of three partitions was told while a third took one of them."""
    moved, revoked = before - after, []
    for word, *names in (text.split(" ") for text in said):
        if word == "assigned" and len(numbers(names) & before) < 2:
            raise Fault(f"a member of {sorted(before)} had only {sorted(numbers(names) & before)} of them meanwhile")
        if word == "revoked":
            revoked += numbers(names)
    if len(moved) != 1 or revoked != list(moved):
        raise Fault(f"a member of {sorted(before)} has {sorted(after)}, and {revoked} were taken from it")


def can_lead(leader, member):
    """Whether it reads what the member subscribes with."""
    return (member in SHORT or leader != "kafka-go") and (leader in SHORT or member not in MIXED_NOTES)


def partners(matrix, client):
    """The next in the ring first; those that are installed, whether or not the run is about them."""
    named, place = {one.name: one for one in everyone()}, RING.index(client.name) if client.name in RING else 0
    for name in RING[place + 1:] + RING[:place]:
        if named[name].project != client.project and can_lead(client.name, name) and matrix.has(named[name]):
            yield named[name]


def mixed(matrix, client):
    """With the next client of another language that has groups."""
    for other in partners(matrix, client):
        with Group(matrix, client, "mixed") as group:
            first, second = group.alone(assignor="roundrobin"), group.member(other, assignor="roundrobin")
            try:
                group.becomes_shared_by([first, second])
            except Skip:
                continue
            sent = group.send(60)
            group.once(sent, [first, second])
            group.close()
            note = f" -- {MIXED_NOTES[client.name]}" if client.name in MIXED_NOTES else ""
            return f"with {other.name}: {len(sent)} records, each read once{note}"
    raise Skip("no client of another language is installed")


def play(matrix, client):
    for name, function in (("join", join), ("leave", leave), ("crash", crash), ("static", static), ("cooperative", cooperative), ("mixed", mixed)):
        matrix.play(client, f"groups.{name}", function, matrix, client)
