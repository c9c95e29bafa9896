# shellcheck shell=bash
# Shared by scripts/ and perf/, sourced by them: checks and their count, free ports, a temporary directory that goes away,
# brokers (monolog, or Apache Kafka to compare with) started and stopped in it, and Kafka's own tools run by class.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
JAVA_CLIENTS=$ROOT/tests/clients/java
MONOLOG=${MONOLOG:-$ROOT/target/release/monolog}
PASSED=0 FAILED=0 SKIPPED=0
STARTED=() # every process started here and not yet waited for

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# --- Checks -----------------------------------------------------------------------------------------------------------

# check TITLE COMMAND...: runs it here with its output kept; the last line it prints is the evidence. No `set -e` inside.
check() {
    local title=$1 log=$WORK/checks/$((PASSED + FAILED + 1)).log begun=$SECONDS
    shift
    mkdir -p "$WORK/checks"
    if "$@" >"$log" 2>&1; then
        PASSED=$((PASSED + 1))
        printf 'ok      %s: %s [%ds]\n' "$title" "$(tail -n 1 "$log" | cut -c 1-200)" $((SECONDS - begun))
    else
        FAILED=$((FAILED + 1))
        printf 'FAILED  %s [%ds]\n' "$title" $((SECONDS - begun))
        tail -n "${FAIL_LINES:-25}" "$log" | sed 's/^/        | /'
    fi
}

# skip TITLE HOW_TO_GET_IT: says so by name; under CI=true a skip is a failure.
skip() {
    if [ "${CI:-}" = true ]; then
        FAILED=$((FAILED + 1)); printf 'FAILED  %s: cannot run here: %s\n' "$1" "$2"
    else
        SKIPPED=$((SKIPPED + 1)); printf 'skip    %s: %s\n' "$1" "$2"
    fi
}

have() { command -v "$1" >/dev/null 2>&1; }

# The plain closing line, and the exit status that goes with it.
summary() {
    if [ "$SKIPPED" -gt 0 ]; then say "$PASSED passed, $FAILED failed, $SKIPPED skipped"; else say "$PASSED passed, $FAILED failed"; fi
    [ "$FAILED" -eq 0 ]
}

# expect_same WHAT WANT GOT
expect_same() {
    if [ "$2" == "$3" ]; then say "$1: ${3//$'\n'/ / }"; else printf '%s:\n  want: %s\n  got:  %s\n' "$1" "$2" "$3"; return 1; fi
}

# expect_match WHAT REGEX TEXT: prints the first line that matches.
expect_match() {
    grep -m 1 -E -- "$2" <<<"$3" && return 0
    printf '%s: nothing matches %s in:\n%s\n' "$1" "$2" "$3"; return 1
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || { say "waited in vain for: $what"; return 1; }
        sleep 0.1
    done
}

# --- Processes and places ---------------------------------------------------------------------------------------------

# A temporary directory $WORK for this script; it and every started process are gone when the script ends, however it ends.
# KEEP=1 leaves the directory.
begin_work() {
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/monolog-$1.XXXXXX")
    trap end_work EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

end_work() {
    local status=$? pid
    trap - EXIT
    for pid in "${STARTED[@]}"; do kill -KILL "$pid" 2>/dev/null; done
    wait 2>/dev/null
    if [ -n "${KEEP:-}" ]; then say "kept: $WORK"; else rm -rf "$WORK"; fi
    exit "$status"
}

# own PID: end_work will see to it.
own() { STARTED+=("$1"); }

# reap PID: wait for one of ours and forget it; its exit status is ours.
reap() {
    local pid status=0 rest=()
    wait "$1" 2>/dev/null || status=$?
    for pid in "${STARTED[@]}"; do [ "$pid" = "$1" ] || rest+=("$pid"); done
    STARTED=("${rest[@]}")
    return $status
}

alive() { kill -0 "$1" 2>/dev/null; }

# A port that nobody listens on, below the range of outgoing connections so that none of them takes it later.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { say $port; return; }
    done
}

# --- Kafka's tools and server, from Maven Central ----------------------------------------------------------------------

# kafka_libs VERSION: the jars of tests/clients/java/kafka-VERSION, fetched when missing or when the pom has changed.
kafka_libs() {
    local dir=$JAVA_CLIENTS/kafka-$1 stamp
    stamp=$(cksum <"$dir/pom.xml")
    [ "$(cat "$dir/target/stamp" 2>/dev/null)" != "$stamp" ] || return 0
    have mvn || { say "no mvn: scripts/install-deps"; return 1; }
    rm -rf "$dir/target"
    (cd "$dir" && mvn -B -q -ntp dependency:copy-dependencies) >&2 || return 1
    say "$stamp" >"$dir/target/stamp"
}

# java_program NAME: compiles tests/clients/java/NAME.java against the 4.3.1 clients, once.
java_program() {
    local out=$JAVA_CLIENTS/kafka-4.3.1/target/classes
    [ ! "$out/$1.class" -nt "$JAVA_CLIENTS/$1.java" ] || return 0
    javac -d "$out" -cp "$JAVA_CLIENTS/kafka-4.3.1/target/libs/*" "$JAVA_CLIENTS/$1.java"
}

# kafka_class VERSION TOOL: the class behind Kafka's kafka-TOOL.sh.
kafka_class() {
    case "$1 $2" in
        *' topics') say org.apache.kafka.tools.TopicCommand ;;
        '3.'*' console-producer') say kafka.tools.ConsoleProducer ;;
        *' console-producer') say org.apache.kafka.tools.ConsoleProducer ;;
        *' console-consumer') say org.apache.kafka.tools.consumer.ConsoleConsumer ;;
        *' consumer-groups') say org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
        *' get-offsets') say org.apache.kafka.tools.GetOffsetShell ;;
        *' producer-perf-test') say org.apache.kafka.tools.ProducerPerformance ;;
        *' consumer-perf-test') say org.apache.kafka.tools.ConsumerPerformance ;;
        *) say "$2" ;; # a class of our own, from java_program
    esac
}

# java_command VERSION TOOL: sets the array JAVA to the command, to run it in the background. JAVA_LOG is the level of its log.
java_command() {
    local dir=$JAVA_CLIENTS/kafka-$1 memory=(-Xmx256M -XX:+UseSerialGC)
    case $2 in *-perf-test) memory=(-Xmx512M -XX:+UseG1GC) ;; esac
    JAVA=(java "${memory[@]}" -Dkafka.log.level="${JAVA_LOG:-WARN}" -Dlog4j2.configurationFile="$JAVA_CLIENTS/log4j2.xml" -cp "$dir/target/libs/*:$dir/target/classes" "$(kafka_class "$1" "$2")")
}

# kafka VERSION TOOL ARG...: one of Kafka's tools against $BOOTSTRAP, at most TOOL_SECONDS long (default 120).
kafka() {
    local JAVA version=$1 tool=$2
    shift 2
    java_command "$version" "$tool"
    case "$version $tool" in
        '3.'*' producer-perf-test') set -- "$@" "bootstrap.servers=$BOOTSTRAP" ;; # its --producer-props come last
        *) set -- --bootstrap-server "$BOOTSTRAP" "$@" ;;
    esac
    timeout --foreground -k 5 "${TOOL_SECONDS:-120}" "${JAVA[@]}" "$@"
}

# property VERSION TOOL: the flag that gives a client property.
property() {
    case "$1 $2" in
        '3.'*' producer-perf-test') say --producer-props ;;
        '3.'*producer*) say --producer-property ;;
        '3.'*) say --consumer-property ;;
        *) say --command-property ;;
    esac
}

# --- Brokers ------------------------------------------------------------------------------------------------------------

# choose_ports: the ports of the broker to come; a restart keeps them.
choose_ports() {
    PORT=$(free_port) HTTP_PORT=$(free_port)
    BOOTSTRAP=127.0.0.1:$PORT
}

# build_monolog: the release binary is that of the source, unless $MONOLOG names another.
build_monolog() {
    if [ "$MONOLOG" = "$ROOT/target/release/monolog" ]; then
        (cd "$ROOT" && cargo build --quiet --release) || die "it does not build"
    elif [ ! -x "$MONOLOG" ]; then
        die "no $MONOLOG, which \$MONOLOG names"
    fi
}

# spawn_broker KIND DIR [FLAG...]: starts it without waiting. KIND is monolog, kafka (as it comes) or kafka-synced (each
# append synced before its ack). Sets BROKER_PID, BROKER_KIND, BROKER_DIR; log in DIR.log. Flags go to monolog only, and so
# does LISTEN, where it listens if not at $BOOTSTRAP alone.
spawn_broker() {
    BROKER_KIND=$1 BROKER_DIR=$2
    KAFKA_STARTS=$(grep -c 'Kafka Server started' "$BROKER_DIR.log" 2>/dev/null)
    shift 2
    case $BROKER_KIND in
        monolog)
            "$MONOLOG" serve -kafka-addr "${LISTEN:-$BOOTSTRAP}" -http-addr "127.0.0.1:$HTTP_PORT" -data-dir "$BROKER_DIR" "$@" >>"$BROKER_DIR.log" 2>&1 &
            ;;
        kafka | kafka-synced)
            prepare_kafka || return 1
            java -Xmx1G -Xms1G -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent \
                -Djava.awt.headless=true -Dkafka.log.level=INFO -Dlog4j2.configurationFile="$JAVA_CLIENTS/log4j2.xml" \
                -cp "$JAVA_CLIENTS/kafka-4.3.1/target/libs/*" kafka.Kafka "$BROKER_DIR.properties" >>"$BROKER_DIR.log" 2>&1 &
            ;;
        *) die "no broker of the kind $BROKER_KIND" ;;
    esac
    BROKER_PID=$!
    own $BROKER_PID
}

# One KRaft node in $BROKER_DIR with Kafka's own defaults; replication factors are 1 because there is one node.
# KAFKA_PROPERTIES adds lines to its configuration.
prepare_kafka() {
    [ ! -e "$BROKER_DIR.properties" ] || return 0
    local controller synced=
    controller=127.0.0.1:$(free_port)
    [ "$BROKER_KIND" = kafka ] || synced=log.flush.interval.messages=1
    cat >"$BROKER_DIR.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=$controller
listeners=PLAINTEXT://$BOOTSTRAP,CONTROLLER://$controller
controller.listener.names=CONTROLLER
log.dirs=$BROKER_DIR
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
$synced
${KAFKA_PROPERTIES:-}
END
    java -Dlog4j2.configurationFile="$JAVA_CLIENTS/log4j2.xml" -cp "$JAVA_CLIENTS/kafka-4.3.1/target/libs/*" \
        kafka.tools.StorageTool format --standalone -t MkU3OEVBNTcwNTJENDM2Qg -c "$BROKER_DIR.properties" >>"$BROKER_DIR.log" 2>&1
}

broker_ready() {
    case $BROKER_KIND in
        monolog) curl -sf -m 2 -o "$WORK/readyz" "http://127.0.0.1:$HTTP_PORT/readyz" ;;
        *) [ "$(grep -c 'Kafka Server started' "$BROKER_DIR.log")" -gt "${KAFKA_STARTS:-0}" ] ;;
    esac
}

broker_ready_or_dead() { broker_ready || ! alive "$BROKER_PID"; }

# start_broker KIND DIR [FLAG...]: spawn_broker, and back when it is ready.
start_broker() {
    spawn_broker "$@" || return 1
    if wait_for 60 "$BROKER_KIND to be ready" broker_ready_or_dead && alive "$BROKER_PID"; then return 0; fi
    say "$BROKER_KIND did not start; its log ends:"
    tail -n 20 "$BROKER_DIR.log"
    return 1
}

# stop_broker: orderly; its exit status is ours. kill_broker: at once.
stop_broker() { kill -TERM "$BROKER_PID"; reap "$BROKER_PID"; }
kill_broker() { kill -KILL "$BROKER_PID"; reap "$BROKER_PID" || true; }
