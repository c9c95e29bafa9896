#!/usr/bin/env bash
# From exec to the first Metadata answer: on an empty directory, with 2 GB of data after an orderly stop, and after kill -9
# under load.
# PARTITIONS more lie beside them, in topics of 1,000.
#   RUNS=5 MEGABYTES=2000 PARTITIONS=0 BROKERS="monolog kafka" perf/startup.sh
set -uo pipefail
RUNS=${RUNS:-5}
source "$(dirname "$0")/lib.sh"
MEGABYTES=${MEGABYTES:-2000}
PARTITIONS=${PARTITIONS:-0}

load_then_kill() {
    local JAVA pid
    java_command 4.3.1 producer-perf-test
    "${JAVA[@]}" --bootstrap-server "$BOOTSTRAP" --topic data --num-records 100000000 --record-size 500 --throughput -1 --command-property acks=all \
        --reporting-interval 500 >"$WORK/load" 2>&1 &
    pid=$!
    own $pid
    wait_for 30 'the load' grep -q 'records sent' "$WORK/load" || die "no load on $kind"
    sleep 3
    kill_broker
    kill -KILL $pid
    reap $pid || true
}

begin_perf startup
for kind in ${BROKERS:-monolog kafka}; do
    fresh_broker "$kind"
    create_topic data 6
    for more in $(seq $((PARTITIONS / 1000))); do create_topic "more-$more" 1000; done
    stop_broker
    for RUN in $(seq "$RUNS"); do
        timed_start empty data
        stop_broker
    done
    start_broker "$kind" "$WORK/$kind" || die "$kind does not start"
    produce fill 4.3.1 data $((MEGABYTES * 1000)) 1000 -1 acks=all batch.size=131072 linger.ms=5
    stop_broker
    for RUN in $(seq "$RUNS"); do
        timed_start stopped data
        stop_broker
    done
    for RUN in $(seq "$RUNS"); do
        start_broker "$kind" "$WORK/$kind" || die "$kind does not start"
        load_then_kill
        timed_start killed data
        stop_broker
    done
    start_broker "$kind" "$WORK/$kind" || die "$kind does not start"
    gone_broker
done
end_perf
