#!/usr/bin/env bash
# A backup of MEGABYTES beside RATE_MB a second of produces: how long it takes until the file is there, and what the producer
# feels of it against a run before. Then a broker starts from it.
#   MEGABYTES=2000 RATE_MB=20 PACED_SECONDS=30 RUNS=1 perf/backup.sh
set -uo pipefail
RUNS=${RUNS:-1}
source "$(dirname "$0")/lib.sh"
MEGABYTES=${MEGABYTES:-2000}
RATE_MB=${RATE_MB:-20}
PACED_SECONDS=${PACED_SECONDS:-30}
# With what the run before adds, and its warming up, that makes the size.
FILL_MB=$((MEGABYTES - RATE_MB * (PACED_SECONDS + 2)))

paced() { produce "$1" 4.3.1 beside $((RATE_MB * 1000 * PACED_SECONDS)) 1000 $((RATE_MB * 1000)) acks=all --warmup-records $((RATE_MB * 2000)); }

# copy: in the third second of the produces, when they have warmed up.
copy() {
    local begun
    sleep 3
    begun=${EPOCHREALTIME//[!0-9]/}
    "$MONOLOG" backup "$WORK/copy.db" "http://127.0.0.1:$HTTP_PORT" || return 1
    awk -v a="$begun" -v b="${EPOCHREALTIME//[!0-9]/}" 'BEGIN { printf "%.1f", (b - a) / 1e6 }' >"$WORK/seconds"
}

begin_perf backup
for RUN in $(seq "$RUNS"); do
    fresh_broker monolog
    create_topic data 6
    create_topic beside
    produce fill 4.3.1 data $((FILL_MB * 1000)) 1000 -1 acks=all batch.size=131072 linger.ms=5
    paced before
    copy >"$WORK/copied" 2>&1 &
    copier=$!
    own $copier
    paced during
    reap $copier || { cat "$WORK/copied"; die "no backup was made"; }
    record during p99-ratio "$(times "$(figure during-steady p99)" "$(figure before-steady p99)")" x
    record backup seconds "$(cat "$WORK/seconds")" s
    record backup size "$(stat -c %s "$WORK/copy.db" | awk '{ printf "%.0f", $1 / 1e6 }')" MB
    gone_broker
    mkdir "$WORK/monolog" && mv "$WORK/copy.db" "$WORK/monolog/monolog.db"
    start_broker monolog "$WORK/monolog" || die "no broker starts from the backup"
    kafka 4.3.1 get-offsets --topic data | awk -F : '{ n += $3 } END { print n }' >"$WORK/records"
    [ "$(cat "$WORK/records")" -eq $((FILL_MB * 1000)) ] || die "$(cat "$WORK/records") records are in the backup"
    gone_broker
done
end_perf
