#!/usr/bin/env bash
# Space that comes back. "deletion": a cold topic is deleted while another is produced to; how long that takes, what the
# producer feels of it against a run before, and the file against what lives, two intervals of storage.gc_interval later.
# "retention": the largest size of the file under steady load, against the most that lived. "burst": the largest size of it
# while BURST_MB are written at full speed into a topic that keeps 100 MB.
#   CASES="deletion retention burst" COLD_MB=5000 RATE_MB=20 PACED_SECONDS=60 GC_SECONDS=60 STEADY_SECONDS=180 STEADY_MB=200 \
#   BURST_MB=1000 RUNS=1 perf/space.sh
set -uo pipefail
RUNS=${RUNS:-1}
source "$(dirname "$0")/lib.sh"
COLD_MB=${COLD_MB:-5000}
RATE_MB=${RATE_MB:-20}
CASES=${CASES:-deletion retention burst}
PACED_SECONDS=${PACED_SECONDS:-60}
GC_SECONDS=${GC_SECONDS:-60}
STEADY_SECONDS=${STEADY_SECONDS:-180}
STEADY_MB=${STEADY_MB:-200}
BURST_MB=${BURST_MB:-1000}

file_bytes() { stat -c %s "$BROKER_DIR/monolog.db"; }

# paced CASE COMMAND...: produces at the rate; the command runs beside it from the third second on.
paced() {
    local name=$1 tool
    shift
    (sleep 3 && "$@" >"$WORK/beside" 2>&1) &
    tool=$!
    own $tool
    produce "$name" 4.3.1 live $((RATE_MB * 1000 * PACED_SECONDS)) 1000 $((RATE_MB * 1000)) acks=all --warmup-records $((RATE_MB * 2000))
    reap $tool || { cat "$WORK/beside"; die "$name: the tool failed"; }
}

# live_bytes TOPIC: what a topic of 1,000-byte records holds.
live_bytes() {
    local earliest latest
    earliest=$(kafka 4.3.1 get-offsets --topic "$1" --time earliest | awk -F : '{ n += $3 } END { print n }')
    latest=$(kafka 4.3.1 get-offsets --topic "$1" --time latest | awk -F : '{ n += $3 } END { print n }')
    say $(((latest - earliest) * 1000))
}

wal_watch() { # the longest the write-ahead log has been
    local most=0 now
    while :; do
        now=$(stat -c %s "$BROKER_DIR/monolog.db-wal" 2>/dev/null || say 0)
        [ "$now" -le "$most" ] || { most=$now; say "$most" >"$WORK/wal"; }
        sleep 0.2
    done
}

deletion() {
    local begun
    fresh_broker monolog -config "$WORK/config.yaml"
    create_topic cold
    create_topic live
    produce fill 4.3.1 cold $((COLD_MB * 1000)) 1000 -1 acks=all
    stop_broker
    # Nothing of it is in the page cache when it is deleted.
    dd if=/dev/null of="$BROKER_DIR/monolog.db" oflag=nocache conv=notrunc,fdatasync count=0 status=none
    start_broker monolog "$WORK/monolog" -config "$WORK/config.yaml" || die "monolog does not start"
    wal_watch &
    watch=$!
    own $watch
    create_topic nothing
    paced before "$LOADGEN" delete-topic -addr "$BOOTSTRAP" -topic nothing
    paced during "$LOADGEN" delete-topic -addr "$BOOTSTRAP" -topic cold
    record during p99-ratio "$(times "$(figure during-steady p99)" "$(figure before-steady p99)")" x
    record during max-ratio "$(times "$(figure during-steady max)" "$(figure before-steady max)")" x
    wait_for 300 'the deletion' grep -q 'deleted batches is free again' "$BROKER_DIR.log"
    record deletion seconds "$(sed -n 's/.*free again after \([0-9.]*\) s.*/\1/p' "$BROKER_DIR.log" | tail -n 1)" s
    begun=$(broker_cpu)
    sleep $((2 * GC_SECONDS + 2))
    record deletion shrink-cpu "$(awk -v a="$begun" -v b="$(broker_cpu)" 'BEGIN { print b - a }')" s
    record deletion file "$(times "$(file_bytes)" "$(live_bytes live)")" "x live"
    kill -KILL $watch
    reap $watch || true
    record deletion wal "$(times "$(cat "$WORK/wal")" 1048576)" MiB
    gone_broker
}

# Steady produces beside retention by bytes; sampled about every third second.
retention() {
    local most_file=0 most_live=0 JAVA producer now
    fresh_broker monolog -config "$WORK/config.yaml"
    kafka 4.3.1 topics --create --topic steady --config "retention.bytes=$((STEADY_MB * 1000000))" >/dev/null || die "no topic"
    java_command 4.3.1 producer-perf-test
    "${JAVA[@]}" --bootstrap-server "$BOOTSTRAP" --topic steady --num-records 1000000000 --record-size 1000 --throughput $((RATE_MB * 1000)) \
        --command-property acks=all --reporting-interval 1000 >"$WORK/load" 2>&1 &
    producer=$!
    own $producer
    local end=$((SECONDS + STEADY_SECONDS))
    while [ $SECONDS -lt $end ]; do
        now=$(live_bytes steady)
        [ "$now" -le "$most_live" ] || most_live=$now
        now=$(file_bytes)
        [ "$now" -le "$most_file" ] || most_file=$now
        sleep 1
    done
    kill -KILL $producer
    reap $producer || true
    record retention live "$(times "$most_live" 1000000)" MB
    record retention file "$(times "$most_file" "$most_live")" "x live"
    gone_broker
}

# At full speed, against a bound in bytes.
burst() {
    local most=0 now producer
    fresh_broker monolog -config "$WORK/config.yaml"
    kafka 4.3.1 topics --create --topic burst --config retention.bytes=100000000 >/dev/null || die "no topic"
    produce burst 4.3.1 burst $((BURST_MB * 1000)) 1000 -1 acks=all batch.size=131072 linger.ms=5 &
    producer=$!
    own $producer
    while alive $producer; do
        now=$(file_bytes)
        [ "$now" -le "$most" ] || most=$now
        sleep 0.1
    done
    reap $producer || die "the producer failed"
    record burst file "$(times "$most" 1000000)" MB
    record burst live "$(times "$(live_bytes burst)" 1000000)" MB
    gone_broker
}

begin_perf space
printf 'storage:\n  gc_interval: %ds\nretention:\n  check_interval: 5s\n' "$GC_SECONDS" >"$WORK/config.yaml"
for RUN in $(seq "$RUNS"); do
    for case in $CASES; do $case; done
done
end_perf
