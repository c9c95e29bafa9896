#!/usr/bin/env bash
# The HTTP API beside the load of Kafka's port: p50, p99 and max of GET /api/topics with many topics, idle, while MB_PER_S are
# produced, and with slow-loris connections on top (and what these do to the produces); then pages of 100 messages at random
# offsets and timestamps out of many.
#   TOPICS=1000 MB_PER_S=50 SECONDS_EACH=20 SLOW=200 MESSAGES=10000000 RUNS=1 perf/http.sh
set -uo pipefail
RUNS=${RUNS:-1}
source "$(dirname "$0")/lib.sh"
TOPICS=${TOPICS:-1000}
MB_PER_S=${MB_PER_S:-50}
SECONDS_EACH=${SECONDS_EACH:-20}
SLOW=${SLOW:-200}
MESSAGES=${MESSAGES:-10000000}
MESSAGE_BYTES=${MESSAGE_BYTES:-20}
TOPIC_LIST=/api/topics

get() {
    local name=$1 path=$2
    shift 2
    "$LOADGEN" http-get -url "http://127.0.0.1:$HTTP_PORT$path" "$@" >"$WORK/figures" || die "$name failed"
    record_lines "$name" <"$WORK/figures"
}

# beside NAME FLAG...: the list of topics while a producer writes MB_PER_S in batches of 64 KiB, and what the producer saw.
beside() {
    local name=$1 rate=$((MB_PER_S * 1000000 / 1000))
    shift
    produce "produce-$name" 4.3.1 load $((rate * (SECONDS_EACH + 10))) 1000 "$rate" acks=all batch.size=65536 linger.ms=5 &
    sleep 5
    get "topics-$name" $TOPIC_LIST -seconds "$SECONDS_EACH" "$@"
    wait $! || die "the producer failed"
}

begin_perf http
for RUN in $(seq "$RUNS"); do
    fresh_broker monolog
    for number in $(seq "$TOPICS"); do
        printf 'url = "http://127.0.0.1:%s/api/topics"\ndata = "{\\"name\\":\\"topic-%s\\"}"\noutput = /dev/null\n' "$HTTP_PORT" "$number"
        [ "$number" = "$TOPICS" ] || echo next
    done >"$WORK/topics"
    curl -sf -K "$WORK/topics" || die "the topics cannot be made"
    create_topic load
    get topics-alone $TOPIC_LIST -seconds "$SECONDS_EACH"
    beside loaded
    beside slow-loris -slow "$SLOW"
    record topics-slow-loris p99-ratio "$(times "$(figure topics-slow-loris p99)" "$(figure topics-loaded p99)")" x
    record produce-slow-loris p99-ratio "$(times "$(figure produce-slow-loris p99)" "$(figure produce-loaded p99)")" x
    record_memory topics
    create_topic many
    first=$(date +%s%3N)
    produce fill 4.3.1 many "$MESSAGES" "$MESSAGE_BYTES" -1 acks=all batch.size=65536 linger.ms=5
    last=$(date +%s%3N)
    get pages-by-offset "/api/topics/many/messages?limit=100&offset={}" -below "$MESSAGES" -seconds "$SECONDS_EACH"
    get pages-by-time "/api/topics/many/messages?limit=100&timestamp={}" -from "$first" -below $((last - first)) -seconds "$SECONDS_EACH"
    get pages-of-10000 "/api/topics/many/messages?limit=10000&offset={}" -below "$MESSAGES" -seconds "$SECONDS_EACH"
    record_memory pages
    gone_broker
done
end_perf
