#!/usr/bin/env bash
# The forerunner's durability protocol: ten producers of 500 records a second each, kill -9 after 5 to 14 seconds, restart, count.
# Every acked record must be there once, in order, at the offset of its ack, and nothing twice. In every other round the
# producers live on and retry over the restart. At the end the topics of all rounds are counted once more.
#   ROUNDS=30 BROKERS=monolog perf/durability.sh
set -uo pipefail
source "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-30}

# one_round: sets the lists of acks in $WORK/acked-RUN.
one_round() {
    local writer flush=0 after=$((5 + RANDOM % 10))
    [ $((RUN % 2)) -eq 1 ] || flush=30s
    "$LOADGEN" durable-write -addr "$BOOTSTRAP" -topic "round-$RUN" -out "$WORK/acked-$RUN" -flush $flush >"$WORK/written" 2>&1 &
    writer=$!
    own $writer
    sleep $after
    kill_broker
    if [ $flush = 0 ]; then kill -TERM $writer; reap $writer || true; fi
    start_broker "$kind" "$WORK/$kind" || die "$kind does not come back after kill -9"
    if [ $flush != 0 ]; then sleep 2; kill -TERM $writer; reap $writer || { cat "$WORK/written"; die "the producers failed"; }; fi
    [ -s "$WORK/acked-$RUN" ] || { cat "$WORK/written"; die "nothing was acked"; }
}

count() { # CASE ROUND
    "$LOADGEN" durable-check -addr "$BOOTSTRAP" -topic "round-$2" "$WORK/acked-$2" >"$WORK/figures" 2>"$WORK/verdict" || { FAILED=$((FAILED + 1)); cat "$WORK/verdict"; }
    grep -E '^(acked|lost|moved|duplicates|reordered|foreign|gaps)' "$WORK/figures" | record_lines "$1"
}

begin_perf durability
for kind in ${BROKERS:-monolog}; do
    fresh_broker "$kind"
    for RUN in $(seq "$ROUNDS"); do
        one_round
        count kill-9 "$RUN"
    done
    for RUN in $(seq "$ROUNDS"); do count at-the-end "$RUN" >/dev/null; done
    gone_broker
done
end_perf
[ "$FAILED" -eq 0 ] || die "$FAILED counts found something wrong"
