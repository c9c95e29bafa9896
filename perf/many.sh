#!/usr/bin/env bash
# Many partitions: COUNT topics of one partition, and one topic of COUNT partitions. How long it takes to make them a hundred a
# request, to answer Metadata of all, to be back after an orderly stop, and what the broker then holds in memory.
#   RUNS=3 COUNT=10000 IDLE_SECONDS=60 BROKERS=monolog perf/many.sh
set -uo pipefail
source "$(dirname "$0")/lib.sh"
COUNT=${COUNT:-10000}
IDLE_SECONDS=${IDLE_SECONDS:-60}

# back CASE TOPIC: stops the broker, starts it again with a stopwatch that waits for TOPIC, and looks at it when it has been idle.
back() {
    stop_broker
    timed_start "$1" "$2"
    sleep "$IDLE_SECONDS"
    record "$1" resident "$(awk '/VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$BROKER_PID/status")" MiB
}

begin_perf many
for RUN in $(seq "$RUNS"); do
    for kind in ${BROKERS:-monolog}; do
        for shape in topics partitions; do
            fresh_broker "$kind"
            "$LOADGEN" many -addr "$BOOTSTRAP" -topic all -shape $shape -count "$COUNT" >"$WORK/figures" || die "$shape could not be made"
            record_lines $shape <"$WORK/figures"
            if [ $shape = topics ]; then back $shape all-00000; else back $shape all; fi
            gone_broker
        done
    done
done
end_perf
