#!/usr/bin/env bash
# Memory and sleep: resident memory and wake-ups of an idle broker 60 s after its start, and again 60 s after all loads; the peak
# (VmHWM) after each of them on one broker.
#   IDLE_SECONDS=60 WATCH_SECONDS=20 RECORDS=1000000 SECONDS_EACH=20 BROKERS="monolog kafka" perf/memory.sh
set -uo pipefail
source "$(dirname "$0")/lib.sh"
IDLE_SECONDS=${IDLE_SECONDS:-60}
WATCH_SECONDS=${WATCH_SECONDS:-20}
RECORDS=${RECORDS:-1000000}
SECONDS_EACH=${SECONDS_EACH:-20}

switches() { cat /proc/"$BROKER_PID"/task/*/status | awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n }'; }

# idle CASE: nobody is connected. A thread that wakes gives the processor up again: its voluntary switches count wake-ups.
# strace then names the system calls, if there are any; those of its first second are of its own making (it interrupts sleepers).
idle() {
    local before
    sleep "$IDLE_SECONDS"
    record "$1" resident "$(awk '/VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$BROKER_PID/status")" MiB
    before=$(switches)
    sleep "$WATCH_SECONDS"
    record "$1" wake-ups $(($(switches) - before)) "in $WATCH_SECONDS s"
    if have strace; then
        timeout "$WATCH_SECONDS" strace -f -q -ttt -p "$BROKER_PID" -o "$WORK/strace" 2>/dev/null
        awk 'NR == 1 { begun = $2 } $2 > begun + 1 && !/detached/' "$WORK/strace" >"$WORK/calls"
        record "$1" system-calls "$(wc -l <"$WORK/calls")" "in $WATCH_SECONDS s"
        [ ! -s "$WORK/calls" ] || head -n "${CALLS:-5}" "$WORK/calls" | sed 's/^/    /'
    else
        say "    (no strace: apt-get install strace)"
    fi
}

begin_perf memory
for kind in ${BROKERS:-monolog kafka}; do
    fresh_broker "$kind"
    idle idle
    record_memory start
    create_topic one
    create_topic six 6
    produce paced 4.3.1 one "$RECORDS" 500 100000 acks=all
    record_memory paced
    produce default-batch 4.3.1 one "$RECORDS" 1024 -1 acks=all
    record_memory default-batch
    produce big-batch 4.3.1 six "$RECORDS" 1024 -1 acks=all batch.size=131072 linger.ms=5
    record_memory big-batch
    for topic in one six; do
        TOOL_SECONDS=300 kafka 4.3.1 consumer-perf-test --topic $topic --num-records "$RECORDS" --timeout 20000 >"$WORK/read" 2>&1 || die "no read-back"
    done
    record_memory read-back
    for n in 10 100; do
        "$LOADGEN" sync-producers -addr "$BOOTSTRAP" -topic sync -producers $n -seconds "$SECONDS_EACH" >"$WORK/figures" || die "the producers failed"
        record_memory "sync-$n"
    done
    record_memory all
    idle after-loads
    gone_broker
done
end_perf
