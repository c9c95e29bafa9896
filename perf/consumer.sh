#!/usr/bin/env bash
# Reading back 1,000,000 x 1 KB with kafka-consumer-perf-test: "fetch" is its fetch.MB.sec (joining the group left out), "whole"
# its MB.sec.
#   RUNS=3 RECORDS=1000000 BROKERS="monolog kafka" perf/consumer.sh
set -uo pipefail
source "$(dirname "$0")/lib.sh"
RECORDS=${RECORDS:-1000000}

read_back() {
    TOOL_SECONDS=300 kafka 4.3.1 consumer-perf-test --topic read --num-records "$RECORDS" --timeout 20000 >"$WORK/read" 2>&1
    awk -F ', ' -v want="$RECORDS" '/^20[0-9][0-9]-/ { n = $5; whole = $4; fetch = $(NF - 1) } END {
        if (n != want) exit 1
        printf "fetch\t%.1f\tMiB/s\nwhole\t%.1f\tMiB/s\n", fetch, whole }' "$WORK/read" >"$WORK/figures" || { tail -n 5 "$WORK/read"; die "not all records were read"; }
    record_lines read <"$WORK/figures"
}

begin_perf consumer
for RUN in $(seq "$RUNS"); do
    for kind in ${BROKERS:-monolog kafka}; do
        fresh_broker "$kind"
        create_topic read
        produce write 4.3.1 read "$RECORDS" 1024 -1 acks=all
        read_back
        read_back
        record_memory all
        gone_broker
    done
done
end_perf
