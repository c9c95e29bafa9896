#!/usr/bin/env bash
# Producing with Kafka's own tool: 1,000,000 x 500 B at 100,000/s on a cold and on a warm broker, MonKafka's own command with a
# console consumer following live (tools of 3.9.1), and 1 KB records as fast as they go with the default batch, to one partition and to six:
# all of them, and those after the first half, in which the tool's own code is being compiled.
#   RUNS=3 RECORDS=1000000 THROUGHPUT=100000 BROKERS="monolog kafka kafka-synced" CASES="paced unthrottled six" perf/producer.sh
set -uo pipefail
source "$(dirname "$0")/lib.sh"
RECORDS=${RECORDS:-1000000}
THROUGHPUT=${THROUGHPUT:-100000}
CASES=${CASES:-paced unthrottled six}

follow_live() { # the consumer counts while the producer runs
    local JAVA consumer
    create_topic titi
    java_command 3.9.1 console-consumer
    (timeout 300 "${JAVA[@]}" --bootstrap-server "$BOOTSTRAP" --topic titi --from-beginning --max-messages "$RECORDS" 2>"$WORK/consumer.err" | wc -l >"$WORK/followed") &
    consumer=$!
    own $consumer
    sleep 3 # until it is there
    produce monkafka 3.9.1 titi "$RECORDS" 500 "$THROUGHPUT" acks=1 batch.size=16384 linger.ms=5
    reap $consumer || true
    record monkafka followed "$(cat "$WORK/followed")" records
}

paced() { # not for Kafka where it syncs: it does not keep up
    [ "$1" != kafka-synced ] || return 0
    create_topic perf
    produce cold 4.3.1 perf "$RECORDS" 500 "$THROUGHPUT" acks=all
    produce warm 4.3.1 perf "$RECORDS" 500 "$THROUGHPUT" acks=all
    follow_live
}

unthrottled() {
    create_topic unthrottled
    produce unthrottled 4.3.1 unthrottled "$RECORDS" 1024 -1 acks=all --warmup-records $((RECORDS / 2))
}

six() {
    create_topic unthrottled-six 6
    produce six 4.3.1 unthrottled-six "$RECORDS" 1024 -1 acks=all --warmup-records $((RECORDS / 2))
}

begin_perf producer
for RUN in $(seq "$RUNS"); do
    for kind in ${BROKERS:-monolog kafka kafka-synced}; do
        fresh_broker "$kind"
        for name in $CASES; do "$name" "$kind"; done
        record_memory all
        gone_broker
    done
done
end_perf
