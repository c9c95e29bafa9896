# shellcheck shell=bash
# Shared by the scripts of perf/, sourced by them: which brokers take turns, how a figure is recorded, what a load is.
# From outside: BROKERS="monolog kafka kafka-synced", RUNS=3, PERF_OUT=file, and the sizes named at the head of each script.

PERF=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$PERF/../scripts/lib.sh"
LOADGEN=$PERF/loadgen/loadgen
RUNS=${RUNS:-3}
RUN=1

# begin_perf SUITE: tools, a place for brokers, and the file of results.
begin_perf() {
    SUITE=$1
    begin_work "perf-$SUITE"
    PERF_OUT=${PERF_OUT:-$PERF/results/$(date +%Y-%m-%d-%H%M%S).tsv}
    mkdir -p "$(dirname "$PERF_OUT")"
    [ -s "$PERF_OUT" ] || {
        say "# $(date -Iseconds), monolog $(git -C "$ROOT" rev-parse --short HEAD), $(nproc) x$(sed -n 's/^model name.*://p' /proc/cpuinfo | head -n 1), Linux $(uname -r)"
        printf '# suite\tcase\tbroker\trun\tmetric\tvalue\tunit\n'
    } >"$PERF_OUT"
    say "# $SUITE begins at $(date +%H:%M:%S), load average $(cut -d ' ' -f 1-3 /proc/loadavg)" >>"$PERF_OUT"
    kafka_libs 4.3.1 && kafka_libs 3.9.1 || die "Kafka's tools could not be fetched from Maven Central"
    build_monolog
    have go || die "install Go: the load generator in perf/loadgen needs it"
    (cd "$PERF/loadgen" && go build -o loadgen .) || die "perf/loadgen does not build"
}

# end_perf: what this suite found, as a table.
end_perf() {
    "$PERF/table" "$PERF_OUT" "$SUITE"
    say "results: $PERF_OUT"
}

# record CASE METRIC VALUE UNIT: one figure of this suite, broker and run.
record() {
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$SUITE" "$1" "$BROKER_KIND" "$RUN" "$2" "$3" "$4" >>"$PERF_OUT"
    printf '  %-22s %-12s run %s  %-14s %12s %s\n' "$1" "$BROKER_KIND" "$RUN" "$2" "$3" "$4"
}

# record_lines CASE: "metric TAB value TAB unit" lines from stdin.
record_lines() {
    local metric value unit
    while IFS=$'\t' read -r metric value unit; do record "$1" "$metric" "$value" "$unit"; done
}

# figure CASE METRIC: the last one of this suite and run. times A B: how many times B is A.
figure() { awk -F '\t' -v suite="$SUITE" -v name="$1" -v metric="$2" -v run="$RUN" '$1 == suite && $2 == name && $4 == run && $5 == metric { value = $6 } END { print value }' "$PERF_OUT"; }
times() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", (b > 0) ? a / b : 0 }'; }

# fresh_broker KIND [FLAG...]: a new broker in an empty directory. gone_broker: stops it, removes its data and lets the disk settle.
fresh_broker() {
    local kind=$1
    shift
    choose_ports
    start_broker "$kind" "$WORK/$kind" "$@" || die "$kind does not start"
}
gone_broker() {
    stop_broker
    rm -rf "${BROKER_DIR:?}" "$BROKER_DIR.log" "$BROKER_DIR.properties"
    sync
}

# timed_start CASE TOPIC: starts the broker with a stopwatch that waits for TOPIC; the stopwatch runs before the broker does.
timed_start() {
    local probe begun
    "$LOADGEN" first-answer -addr "$BOOTSTRAP" -topic "$2" >"$WORK/first" &
    probe=$!
    own $probe
    sleep 0.3
    begun=${EPOCHREALTIME//[!0-9]/}
    spawn_broker "$BROKER_KIND" "$BROKER_DIR"
    reap $probe || die "$BROKER_KIND did not answer"
    record "$1" first-answer "$(awk -v a="$begun" -v b="$(cat "$WORK/first")" 'BEGIN { printf "%.1f", (b - a) / 1000 }')" ms
    wait_for 60 "$BROKER_KIND to be ready" broker_ready >/dev/null
}

create_topic() { kafka 4.3.1 topics --create --topic "$1" --partitions "${2:-1}" >/dev/null || die "topic $1 cannot be made"; }

# perf_line: the last line of producer-perf-test as metric lines.
perf_line() {
    awk '/records sent.*99.9th/ { line = $0 } END {
        if (match(line, /[0-9.]+ records\/sec/)) printf "rate\t%.0f\trecords/s\n", substr(line, RSTART)
        if (match(line, /\([0-9.]+ MB\/sec/)) printf "throughput\t%.1f\tMiB/s\n", substr(line, RSTART + 1)
        if (match(line, /[0-9]+ ms 50th/)) printf "p50\t%d\tms\n", substr(line, RSTART)
        if (match(line, /[0-9]+ ms 99th/)) printf "p99\t%d\tms\n", substr(line, RSTART)
        if (match(line, /[0-9.]+ ms max/)) printf "max\t%d\tms\n", substr(line, RSTART)
    }'
}

# produce CASE VERSION TOPIC RECORDS BYTES THROUGHPUT PROPERTY...: producer-perf-test and what the broker spent on it, recorded.
# With --warmup-records what the tool says of the others (its "steady state") is recorded too, as CASE-steady.
# An error that the tool prints, or a record less than asked, ends the suite.
produce() {
    local name=$1 version=$2 topic=$3 records=$4 bytes=$5 throughput=$6 cpu
    shift 6
    cpu=$(broker_cpu)
    TOOL_SECONDS=900 kafka "$version" producer-perf-test --topic "$topic" --num-records "$records" --record-size "$bytes" --throughput "$throughput" \
        "$(property "$version" producer-perf-test)" "$@" >"$WORK/produced" 2>&1
    grep -q "^$records records sent" "$WORK/produced" || { tail -n 20 "$WORK/produced"; die "$name: not all records were acked by $BROKER_KIND"; }
    ! grep -E 'Exception' "$WORK/produced" || die "$name: errors at $BROKER_KIND"
    grep -v 'steady state' "$WORK/produced" | perf_line | record_lines "$name"
    grep 'steady state' "$WORK/produced" | perf_line | record_lines "$name-steady"
    record "$name" cpu "$(awk -v a="$cpu" -v b="$(broker_cpu)" -v bytes=$((records * bytes)) 'BEGIN { printf "%.1f", (b - a) / (bytes / 1e9) }')" 's/GB'
}

broker_cpu() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$BROKER_PID/stat"; }

# record_memory CASE: VmHWM, the peak of resident memory since the broker started.
record_memory() { record "$1" peak "$(awk '/VmHWM/ { printf "%.1f", $2 / 1024 }' "/proc/$BROKER_PID/status")" MiB; }
