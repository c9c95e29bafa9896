"""The programs of the projects as the matrix runs them: their lines as they come, how they end, and what a case came to.
Used by all modules here."""

import os
import re
import signal
import subprocess
import threading
import time
from collections import namedtuple
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
Case = namedtuple("Case", "name tier by shows")
Line = namedtuple("Line", "order at text")
Result = namedtuple("Result", "outcome detail seconds")


class Fault(Exception):
    """What was wanted did not happen."""


class Skip(Exception):
    """The client cannot do it."""


class Client(namedtuple("Client", "project name title")):
    """A client of a project."""


def cases():
    rows = (HERE / "cases.tsv").read_text().splitlines()
    return [Case(*row.split("\t")) for row in rows if not row.startswith("#")]


def topics_for(client, wanted):
    """The topics of topics.tsv that cases of a client begin with: (name behind the prefix, partitions, [(config, value)])."""
    rows = [row.split("\t") for row in (HERE / "topics.tsv").read_text().splitlines() if not row.startswith("#")]
    return [(topic, int(partitions), [tuple(config.split("=")) for config in configs.split()]) for name, case, topic, partitions, configs in rows if name == client.name and case in wanted]


def projects():
    """The projects with their clients: {project: [(name, title)]}."""
    found = {}
    for path in sorted(HERE.glob("*/clients")):
        found[path.parent.name] = [tuple(row.split("\t")) for row in path.read_text().splitlines() if row.strip()]
    return found


def everyone():
    """All clients of all projects."""
    return [Client(project, name, title) for project, clients in projects().items() for name, title in clients]


def as_fault(function, *args):
    """What it returns; what it raises is a Fault of the case that is played, never the end of the run: a broker that is asked by hand can go
    away, or answer what cannot be read."""
    try:
        return function(*args)
    except (Fault, Skip):
        raise
    except Exception as broken:
        raise Fault(f"{type(broken).__name__}: {broken}") from broken


class Program:
    """A client's program; its lines are kept with the order in which they came, over all programs."""

    order = 0
    news = threading.Condition()

    def __init__(self, command, env, log):
        self.lines = []
        self.log = log
        self.signalled = False
        with open(log, "ab") as stderr:
            self.process = subprocess.Popen(command, env=env, cwd=env["WORK"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with open(self.log.with_suffix(".out"), "w") as kept:
            for text in self.process.stdout:
                if not text.endswith("\n"):
                    break  # cut off when it was killed
                with Program.news:
                    Program.order += 1
                    self.lines.append(Line(Program.order, time.monotonic(), text.rstrip("\n")))
                    Program.news.notify_all()
                kept.write(text)
        with Program.news:
            Program.news.notify_all()

    def said(self, word):
        """The rest of each line that starts with the word."""
        return [line.text[len(word):].strip() for line in self.lines if line.text.split(" ", 1)[0] == word]

    def refuses(self):
        for reason in self.said("skip"):
            raise Skip(reason)

    def signal(self, what):
        if self.process.poll() is None:
            self.signalled = True
            self.process.send_signal(what)

    def ends(self, seconds):
        """Its exit code; a program that takes longer is killed."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = f"no end after {seconds} s"
        self.reader.join()
        return code

    def closes(self, seconds=30):
        """SIGTERM, and in order."""
        self.signal(signal.SIGTERM)
        code = self.ends(seconds)
        if code != 0 or "closed" not in [line.text for line in self.lines[-1:]]:
            raise Fault(f"on SIGTERM it ended with {code}: {self.tail()}")

    def tail(self):
        log = self.log.read_text(errors="replace").splitlines()[-2:]
        return "; ".join([line.text for line in self.lines[-1:]] + log)[:300]


def wait_until(seconds, what, ready, programs=()):
    """Looks whenever a program says something; a program that ends meanwhile is a fault, or it refuses. What is waited for may be a
    function: the text is of when it did not come."""
    told = what if callable(what) else lambda: what
    deadline = time.monotonic() + seconds
    with Program.news:
        while not ready():
            for program in programs:
                program.refuses()
                if program.process.poll() is not None and not program.reader.is_alive():
                    raise Fault(f"ended with {program.process.returncode} before {told()}: {program.tail()}")
            if not Program.news.wait(min(1.0, deadline - time.monotonic())) and time.monotonic() > deadline:
                raise Fault(f"not within {seconds} s: {told()}; {'; '.join(program.tail() for program in programs)}")


class Matrix:
    """One run: what is played, and what came of it."""

    def __init__(self, kind, tier, wanted, broker, work, clients):
        self.kind, self.tier, self.cases, self.broker, self.work, self.clients = kind, tier, wanted, broker, work, clients
        # A client that cases.tsv names plays what it is named for, and nothing else.
        named = {case.by for case in cases()}
        self.players = [client for client in clients if client.name not in named]
        self.results, self.version, self.logs = {}, {}, {}
        self.lock = threading.Lock()
        self.count = 0
        self.was_ok = lambda *_: False  # whether it is ok in the stored results
        self.keeps, self.races = False, False
        # The short tier is there for every change: a time-out on a busy machine is given a second try, and is named.
        self.again = tier == "short"
        self.second_tries = {}  # {(client, case) that passed only so: what was said of the first}
        self.as_with_kafka = lambda *_: False  # whether Apache Kafka made the same of it
        self.begun = time.monotonic()
        (work / "cross").mkdir()

    def wants(self, case):
        return any(case == wanted.name for wanted in self.cases)

    def has(self, client):
        """Whether it can be played with; one that this run is not about may be installed all the same."""
        return client in self.clients or subprocess.run([HERE / client.project / "run", client.name, "version"], capture_output=True, timeout=60).returncode == 0

    def versions(self):
        for client in self.clients:
            run = subprocess.run([HERE / client.project / "run", client.name, "version"], capture_output=True, text=True, timeout=60)
            if run.returncode != 0:
                raise SystemExit(f"{client.name} has no version: {run.stderr}")
            self.version[client] = run.stdout.strip()

    def program(self, client, phase, *verb, cases=(), prefix="", second=False):
        """Starts `run NAME VERB...` in a directory of its own; its log counts for the phase."""
        with self.lock:
            self.count += 1
            place = self.work / f"{client.name}-{phase}-{self.count}"
        place.mkdir()
        log = place.with_suffix(".log")
        with self.lock:
            self.logs.setdefault((client, phase), []).append(log)
        env = dict(os.environ, TIER=self.tier, CASES=" ".join(cases), PREFIX=f"{client.name}-{prefix}", WORK=str(place), CROSS=str(self.work / "cross"))
        if self.races:
            env["RACES"] = "1"
        command = [str(HERE / client.project / "run"), client.name, *map(str, verb)]
        if second:
            env["BOOTSTRAP"] = os.environ["SECOND_BOOTSTRAP"]
            command = ["ip", "netns", "exec", os.environ["SECOND_NETNS"], *command]
        return Program(command, env, log)

    def result(self, client, case, outcome, detail, seconds=None):
        if outcome == "FAIL" and self.as_with_kafka(client, case, detail):
            outcome = "as-kafka"
        if outcome == "skip" and os.environ.get("CI") == "true" and self.was_ok(client, case):
            outcome, detail = "FAIL", f"cannot run here: {detail}"
        with self.lock:
            self.results[client, case] = Result(outcome, detail, seconds)
            took = "" if seconds is None else f" [{seconds:.0f}s]"
            print(f"{outcome:<8} {client.name} {case}: {detail[:250]}{took}", flush=True)

    def play(self, client, case, function, *args):
        """One case of the matrix's own: what the function returns is its evidence."""
        if not self.wants(case):
            return
        begun = time.monotonic()
        outcome, detail = self.outcome(function, *args)
        if self.has_second_try(client, case, outcome, detail):
            first, (outcome, detail) = detail, self.outcome(function, *args)
            detail = self.at_second_try(client, case, outcome, detail, first)
        self.result(client, case, outcome, detail, time.monotonic() - begun)

    def has_second_try(self, client, case, outcome, detail):
        return outcome == "FAIL" and self.again and not self.as_with_kafka(client, case, detail)

    def at_second_try(self, client, case, outcome, detail, first):
        """What is said of a case that was played again, and was this at first."""
        if outcome != "ok":
            return detail
        self.second_tries[client, case] = first
        return f"{detail} -- at the second try; the first: {first}"

    @staticmethod
    def outcome(function, *args):
        try:
            return "ok", as_fault(function, *args)
        except Skip as reason:
            return "skip", str(reason)
        except Fault as fault:
            return "FAIL", str(fault)

    def collect(self, client, names, program, seconds=420, again=False, first=None):
        """The CASE lines of a program that plays these cases by itself. With again, what failed is returned to be played again, with what
        was said of it: that is first then."""
        code = program.ends(seconds)
        found = {}
        for line in program.lines:
            match = re.fullmatch(r"CASE (\S+) (ok|FAIL|skip) ?(.*)", line.text)
            if match and match[1] in names:
                found[match[1]] = (match[2], match[3])
            elif line.text.split(" ")[0] not in ("WROTE", "WITHOUT"):
                found.setdefault("stray", ("FAIL", f"a line that is none of the protocol: {line.text}"))
        for name in names:
            found.setdefault(name, ("FAIL", f"nothing said of it; ended with {code}: {program.tail()}"))
        if "stray" in found:
            found[names[-1]] = found["stray"]
        elif code != 0 and all(found[name][0] != "FAIL" for name in names):
            found[names[-1]] = ("FAIL", f"ended with {code}: {program.tail()}")
        failed = {name: found[name][1] for name in names if again and found[name][0] == "FAIL"}
        for name in names:
            outcome, detail = found[name]
            if name not in failed:
                self.result(client, name, outcome, self.at_second_try(client, name, outcome, detail, first[name]) if first else detail)
        return failed
