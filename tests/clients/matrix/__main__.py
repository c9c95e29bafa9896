"""Runs the clients of the projects in tests/clients through cases.tsv. Started by scripts/clients, which owns the broker and
does what is asked of it through two pipes; tests/clients/README.md is the protocol that the projects speak."""

import argparse
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import cross
import groups
import restart
import report
from broker import Broker
from programs import Fault, Matrix, Skip, cases, everyone, topics_for

# Clients that are played with at the same time: most of their time is waiting.
AT_ONCE = 4


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/clients", usage="%(prog)s [OPTION...] [NAME...], as its first lines say")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--projects", action="store_true", help="say which projects are wanted, and end")
    parser.add_argument("--judge-logs", action="store_true")
    parser.add_argument("--broker", choices=["monolog", "kafka"], default="monolog")
    parser.add_argument("--tier", choices=["short", "full"], default="full")
    parser.add_argument("--case", type=pattern, default=re.compile(""))
    parser.add_argument("--without", action="append", default=[])
    parser.add_argument("--work", type=Path)
    parser.add_argument("--store", action="store_true")
    parser.add_argument("--races", action="store_true")
    parser.add_argument("--failed", type=int, default=0)
    parser.add_argument("--skipped", type=int, default=0)
    args = parser.parse_args()
    if args.races and args.store and args.broker != "kafka":
        parser.error("--races --store keeps what is logged with Apache Kafka: --broker kafka")
    args.clients = chosen(parser, args.names)
    if args.races and any(client.project != "python" for client in args.clients):
        parser.error("--races is for clients of the project python: name them")
    if not wanted_cases(args.tier, args.case):
        parser.error(f"no case of the tier {args.tier} matches {args.case.pattern}; tests/clients/cases.tsv has them")
    return args


def pattern(text):
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text} is no regular expression: {error}") from None


def chosen(parser, names):
    """The clients that the names mean: projects or clients, all of them without a name."""
    known = {client.name for client in everyone()} | {client.project for client in everyone()}
    strange = [name for name in names if name not in known]
    if strange:
        parser.error(f"no project or client is called {' '.join(strange)}; there are: {' '.join(sorted(known))}")
    return [client for client in everyone() if not names or client.name in names or client.project in names]


def wanted_cases(tier, matching):
    return [case for case in cases() if (tier == "full" or case.tier == "short") and matching.search(case.name)]


def own_cases(matrix, client):
    """The cases that a client plays by itself, in one run of its program."""
    names = [case.name for case in matrix.cases if case.by == ("client" if client in matrix.players else client.name)]
    outcome, detail = matrix.outcome(run_own, matrix, client, names)
    if outcome == "FAIL":
        for name in names:
            if (client, name) not in matrix.results:
                matrix.result(client, name, outcome, detail)


def run_own(matrix, client, names):
    if names:
        failed = matrix.collect(client, names, begun(matrix, client, names), again=matrix.again)
        if failed:
            matrix.collect(client, list(failed), begun(matrix, client, list(failed), "again-"), first=failed)
        if "many.partitions" in names:
            # Apache Kafka has a file open for each partition there is, and no more than its limit allows.
            outcome, detail = matrix.outcome(matrix.broker.delete_topic, f"{client.name}-many")
            if outcome != "ok" and matrix.results[client, "many.partitions"].outcome == "ok":
                matrix.result(client, "many.partitions", outcome, detail)


def begun(matrix, client, names, prefix=""):
    """The client's program, with the topics there that it cannot make itself."""
    for topic, partitions, configs in topics_for(client, names):
        matrix.broker.create_topic(f"{client.name}-{prefix}{topic}", partitions, configs)
    return matrix.program(client, "cases", "cases", cases=names, prefix=prefix)


def second_address(matrix, client):
    """From another host, and at the same time from this one, nothing said to the broker about addresses."""
    if os.environ.get("SECOND_WHY"):
        raise Skip(os.environ["SECOND_WHY"])
    here = matrix.program(client, "second", "cases", cases=["produce.default"], prefix="here")
    there = matrix.program(client, "second", "cases", cases=["produce.default"], prefix="there", second=True)
    for where, program in (("127.0.0.1", here), (os.environ["SECOND_BOOTSTRAP"], there)):
        code = program.ends(120)
        said = [line.text for line in program.lines]
        if code != 0 or not any(text.startswith("CASE produce.default ok") for text in said):
            raise Fault(f"by {where}: {said[-1] if said else f'ended with {code}'}")
    return f"by 127.0.0.1 and {os.environ['SECOND_BOOTSTRAP'].rsplit(':')[0]} at once"


def one_client(matrix, client):
    own_cases(matrix, client)
    if client in matrix.players:
        groups.play(matrix, client)
        matrix.play(client, "address.second", second_address, matrix, client)


def every(matrix, clients, what):
    """Does it for all clients, and keeps what is there after each: a run may be stopped."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in as_completed([pool.submit(what, matrix, client) for client in clients]):
            done.result()
            if matrix.keeps:
                report.store(matrix)


def main():
    args = arguments()
    if args.projects:
        print("\n".join(sorted({client.project for client in args.clients})))
        return 0
    if args.judge_logs:
        report.judge_logs_again()
        return 0
    clients = [client for client in args.clients if client.project not in args.without]
    broker = Broker(args.work)
    matrix = Matrix(args.broker, args.tier, wanted_cases(args.tier, args.case), broker, args.work, clients)
    matrix.keeps, matrix.races = args.store, args.races
    if args.broker == "monolog":
        matrix.as_with_kafka, matrix.was_ok = report.against_kafka(), report.stored_ok()
    matrix.versions()
    if args.broker == "kafka":
        broker.coordinates()
    every(matrix, clients, one_client)
    cross.play(matrix, every)
    restart.play(matrix)
    report.logs(matrix)
    if matrix.keeps:
        report.store(matrix)
    return report.summary(matrix, args.failed, args.skipped)


if __name__ == "__main__":
    sys.exit(main())
