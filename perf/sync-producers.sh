#!/usr/bin/env bash
# Producers that wait for each ack before they send the next record (franz-go, 512 B, one record a request): ten, and a hundred.
#   RUNS=3 SECONDS_EACH=60 MANY=100 BROKERS="monolog kafka kafka-synced" perf/sync-producers.sh
set -uo pipefail
source "$(dirname "$0")/lib.sh"
SECONDS_EACH=${SECONDS_EACH:-60}

sync_producers() { # CASE PRODUCERS SECONDS
    "$LOADGEN" sync-producers -addr "$BOOTSTRAP" -topic "sync-$1" -producers "$2" -seconds "$3" >"$WORK/figures" || die "$1: the producers failed at $BROKER_KIND"
    record_lines "$1" <"$WORK/figures"
}

begin_perf sync-producers
for RUN in $(seq "$RUNS"); do
    for kind in ${BROKERS:-monolog kafka kafka-synced}; do
        fresh_broker "$kind"
        sync_producers warm-up 10 $((SECONDS_EACH / 6 + 1)) # the JVM of Kafka compiles what is hot
        sync_producers ten 10 "$SECONDS_EACH"
        sync_producers many "${MANY:-100}" $((SECONDS_EACH / 3 + 1))
        record_memory all
        gone_broker
    done
done
end_perf
