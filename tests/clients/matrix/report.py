"""What came of a run: logs held against those of Apache Kafka, results kept for the report card, the closing line."""

import re
import time
from collections import Counter

from programs import HERE, projects

REPORT = HERE / "report"
# How libraries mark a warning or an error: by a word, by librdkafka's syslog level, by a level in JSON.
LEVEL = re.compile(r'\b(?:WARN|WARNING|ERROR|FATAL|CRITICAL)\b|^%[0-4]\||"level":"?(?:WARN|ERROR|40|50)|\[(?:WARN|ERROR)\]')
# Clients whose log says nothing that could be judged, and why.
NO_LEVELS = "its log has no levels: nothing in it tells a warning from what is usual"
UNJUDGED = {
    "platformatic": "it writes no log: what goes wrong is thrown or emitted, and its cases see it",
    "sarama": NO_LEVELS,
    "sarama-1-0": NO_LEVELS,
    "sarama-2-8": NO_LEVELS,
}
# Topics, groups and members carry the name of the client that they were made by, or for.
NAMES = "|".join(sorted((re.escape(name) for clients in projects().values() for name, _ in clients), key=len, reverse=True))
MASKS = [
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"0x[0-9a-f]+"), "ID"),
    # The id of a topic, as librdkafka writes it between the topic's name and a partition.
    (re.compile(r"\([\w+/-]{20,24}\)(?=\[)"), "(ID)"),
    (re.compile(rf"(?:{NAMES})-[\w.-]*\w"), "CLIENT"),
    (re.compile(r"\b\d+(?:[.:,T-]\d+)*Z?\b"), "N"),
    (re.compile(r"\d+"), "N"),
    (re.compile(r"(N[,; ]+)+N\b"), "N"),
    (re.compile(r"/tmp/[\w./-]+"), "PATH"),
    # What is met when a broker goes away: which of the client's connections it was (as librdkafka calls them, and Java and kafka-python),
    # which request was on its way, and how the system told of it.
    (re.compile(r"\b(?:N/(?:bootstrap|N)|GroupCoordinator(?:/N|: N)?)(?=[\]:])"), "BROKER"),
    (re.compile(r"\b[Nn]ode(?: |_id=)(?:[+-]|coordinator-)?N\b"), "node N"),
    (re.compile(r"\b\w+Request(?:_vN)?\b"), "REQUEST"),
    (re.compile(r"BROKER: (?:Disconnected|Connect to \S+ failed)\b.*"), "BROKER: LOST"),
    (re.compile(r"(?:\[Errno N\] |N )?(?:\b[Cc]onnection (?:reset by peer|refused)|\b[Bb]roken pipe|\bunexpected EOF|\bECONN\w+|\bsocket disconnected)"), "LOST"),
    # The same said of several partitions.
    (re.compile(r"(\S[^,;]{2,80})(?:[,;] ?\1)+"), r"\1"),
]
FORM_LENGTH = 200
# What a form that was cut ends with. It stands for all that begin with it; one that was cut later takes its place.
CUT = "…"
KEPT_LENGTH = 200
# What stands before a phase in which clients were made to run into races.
RACES = "races in "


def form(text):
    """A line of a log without what differs from run to run."""
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    text = text.strip()
    return text if len(text) <= FORM_LENGTH else text[:FORM_LENGTH].rstrip() + CUT


def forms(matrix, client):
    """(phase, form) of all warnings and errors of a client, with how often each came."""
    found = Counter()
    with matrix.lock:
        logs_now = [(of, phase, list(paths)) for (of, phase), paths in matrix.logs.items()]
    for of, phase, paths in logs_now:
        if of == client:
            for path in paths:
                found.update((phase, form(line)) for line in path.read_text(errors="replace").splitlines() if LEVEL.search(line))
    return found


def logs(matrix):
    """log.clean of each client; a run against Apache Kafka says what is known."""
    if not matrix.wants("log.clean"):
        return
    for client in matrix.clients:
        found = forms(matrix, client)
        if client.name in UNJUDGED:
            matrix.result(client, "log.clean", "skip", UNJUDGED[client.name])
        elif matrix.kind == "kafka":
            matrix.result(client, "log.clean", "ok", f"{len(found)} forms of warnings and errors")
        else:
            matrix.result(client, "log.clean", *clean(client.name, found))


def clean(name, found):
    """The outcome of log.clean: what was logged must be known from Apache Kafka."""
    new = sorted(f"({phase}) {text}" for phase, text in unknown(name, found))
    if new:
        return "FAIL", f"{len(new)} forms: {'; '.join(new[:3])}"
    return "ok", f"{len(found)} forms of warnings and errors, all logged with Apache Kafka too"


def unknown(name, found):
    """Those of (phase, form) that a client did not log with Apache Kafka. What was logged there only while the broker was killed and came
    back is known only of that phase; all else is known of every phase."""
    with_kafka = [row[1:] for row in known("kafka.logs") if row[0] == name]
    anywhere = {text for _, text in with_kafka}
    steady = {text for phase, text in with_kafka if not phase.endswith("restart")}

    def is_known(phase, text):
        seen = anywhere if phase == "restart" else steady
        return text in seen or any(stands_for(one, text) for one in seen)

    return {(phase, text) for phase, text in found if not is_known(phase, text)}


def stands_for(known_form, text):
    return known_form.endswith(CUT) and text.startswith(known_form.removesuffix(CUT))


def judge_logs_again():
    """log.clean of the stored results, after logs have grown: those of runs in pieces are kept with the results."""
    path = REPORT / "monolog.tsv"
    results = {row[:2]: row for row in rows(path)}
    logged = known("monolog.logs")
    for name in [name for name, case in results if case == "version"]:
        outcome, detail = ("skip", UNJUDGED[name]) if name in UNJUDGED else clean(name, [row[1:] for row in logged if row[0] == name])
        results[name, "log.clean"] = (name, "log.clean", outcome, kept(detail) if outcome != "ok" else "")
    write(path, results.values())


def rows(path):
    return [tuple(row.split("\t")) for row in path.read_text().splitlines()] if path.exists() else []


def in_line(detail):
    return re.sub(r"\s+", " ", detail).strip()


def kept(detail):
    """As a detail is kept: the beginning, in one line."""
    return in_line(detail)[:KEPT_LENGTH].strip()


def known(name):
    """A file of what was seen with Apache Kafka: rows of client, phase or case, and form. It grows from run to run."""
    return {tuple(row.split("\t", 2)) for row in (REPORT / name).read_text().splitlines()} if (REPORT / name).exists() else set()


def write(path, found):
    path.write_text("".join("\t".join(row) + "\n" for row in sorted(found)))


def grow(name, found):
    before = known(name)
    replaced = {old for old in before for row in found if old[:2] == row[:2] and stands_for(old[2], row[2])}
    write(REPORT / name, before - replaced | found)


def named_faults():
    """The rows of faults.tsv: client, case, all that is said when the fault is met as a pattern, source."""
    return [row for row in rows(HERE / "faults.tsv") if not row[0].startswith("#")]


def against_kafka():
    """as_with_kafka of a run: faults.tsv names the clients' own faults, by all that is said when they are met. One excuses nothing
    unless a run against Apache Kafka met it too: kafka.faults has what was said then."""
    met = known("kafka.faults")
    named = {}
    for name, case, pattern, _ in named_faults():
        if any(row[:2] == (name, case) and re.fullmatch(pattern, row[2]) for row in met):
            named.setdefault((name, case), []).append(pattern)
    return lambda client, case, detail: any(re.fullmatch(pattern, in_line(detail)) for pattern in named.get((client.name, case), ()))


def grow_faults(found):
    """Faults that come now and then are kept: what failed with Apache Kafka, once in each form."""
    before = known("kafka.faults")
    forms_before = {(*row[:2], form(row[2])) for row in before}
    write(REPORT / "kafka.faults", before | {row for row in found if (*row[:2], form(row[2])) not in forms_before})


def stored_ok():
    """was_ok of a run: what is ok in the report cannot be skipped where everything must be there."""
    passed = {row[:2] for row in rows(REPORT / "monolog.tsv") if row[2] == "ok"}
    return lambda client, case: (client.name, case) in passed


def store(matrix):
    """The results of this run beside those of clients and cases that it left out. Evidence is kept only where it explains."""
    if matrix.races:
        store_races(matrix)
        return
    path = REPORT / f"{matrix.kind}.tsv"
    with matrix.lock:
        fresh = dict(matrix.results)
    results = {row[:2]: row for row in rows(path)}
    for client, version in matrix.version.items():
        results[client.name, "version"] = (client.name, "version", client.title, version)
    for (client, case), result in fresh.items():
        note = result.detail.partition(" -- ")[2] if result.outcome == "ok" else result.detail
        results[client.name, case] = (client.name, case, result.outcome, kept(note))
    REPORT.mkdir(exist_ok=True)
    if matrix.kind == "kafka":
        grow("kafka.logs", {(client.name, *found) for client in matrix.clients for found in forms(matrix, client)})
        grow_faults({(client.name, case, kept(result.detail)) for (client, case), result in fresh.items() if result.outcome == "FAIL"})
    else:
        played = {(client.name, phase) for client, phase in list(matrix.logs) if client in matrix.clients}
        others = {row for row in known("monolog.logs") if row[:2] not in played}
        write(REPORT / "monolog.logs", others | {(client.name, *found) for client in matrix.clients for found in forms(matrix, client)})
    write(path, results.values())


def store_races(matrix):
    """Of what clients logged that were made to run into races with Apache Kafka: what is not known yet, under a phase that says so."""
    new = {(client.name, f"{RACES}{phase}", text) for client in matrix.clients for phase, text in unknown(client.name, forms(matrix, client))}
    grow("kafka.logs", new)


def summary(matrix, failed, skipped):
    outcomes = Counter(result.outcome for result in matrix.results.values())
    faults = sorted((client.name, case, result.detail) for (client, case), result in matrix.results.items() if result.outcome == "FAIL")
    for name, case, detail in faults:
        print(f"FAILED  {name} {case}: {detail}")
    for (client, case), first in sorted(matrix.second_tries.items()):
        print(f"AGAIN   {client.name} {case} passed at the second try; the first: {first}")
    print(f"{len(matrix.clients)} clients, {time.monotonic() - matrix.begun:.0f} s; {outcomes['skip']} cases are impossible for their client, {outcomes['as-kafka']} end as with Apache Kafka")
    left_out = f", {skipped} skipped" if skipped else ""
    again = f", {len(matrix.second_tries)} at the second try" if matrix.second_tries else ""
    print(f"{outcomes['ok']} passed, {outcomes['FAIL'] + failed} failed{left_out}{again}", flush=True)
    return 1 if outcomes["FAIL"] + failed else 0
