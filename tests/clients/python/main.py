"""run NAME VERB ARG... of ../README.md for the Python clients: chooses the adapter and plays the verb."""

import importlib
import logging
import os
import sys
import traceback

import verbs
from base import Impossible
from cases import CASES

ADAPTERS = {
    "confluent-kafka": "adapter_confluent",
    "kafka-python": "adapter_kafka_python",
    "kafka-python-2-0": "adapter_kafka_python_2_0",
    "aiokafka": "adapter_aiokafka",
    "kcat": "adapter_kcat",
    "tools-4": "adapter_tools",
    "tools-3": "adapter_tools",
}


def play_cases(library):
    for name in os.environ["CASES"].split():
        try:
            if name in library.cannot:
                raise Impossible(library.cannot[name])
            verdict = f"ok {CASES[name](library, os.environ['PREFIX'])}"
        except Impossible as reason:
            verdict = f"skip {reason}"
        except Exception as fault:  # a case never stops those after it
            at = traceback.extract_tb(fault.__traceback__)[-1]
            verdict = f"FAIL {type(fault).__name__} {' '.join(str(fault).split())} ({os.path.basename(at.filename)}:{at.lineno})"
        print(f"CASE {name} {verdict}", flush=True)


def main():
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if "RACES" in os.environ:
        sys.setswitchinterval(1e-6)  # threads take turns as often as they can
    name, verb, *rest = sys.argv[1:]
    adapter = importlib.import_module(ADAPTERS[name])
    if verb == "version":
        print(adapter.version())
        return
    library = adapter.Adapter(os.environ["BOOTSTRAP"])
    if verb == "cases":
        play_cases(library)
    elif verb in library.cannot:
        print("CASE cross.write skip" if verb == "write" else "skip", library.cannot[verb], flush=True)
    elif hasattr(library, verb):
        getattr(library, verb)(*rest)
    else:
        getattr(verbs, verb)(library, *rest)


main()
