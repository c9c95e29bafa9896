# shellcheck shell=bash
# The groups part of scripts/smoke, sourced by it: three members over six partitions join, leave, come back, die; static
# members, cooperative-sticky, and the broker's own restart. A member is tests/clients/java/GroupMember.java; what it says goes to
# $WORK/NAME.said, its log to $WORK/NAME.err.

declare -A MEMBER_PID

member() { # member NAME GROUP [property=value ...]
    local JAVA name=$1 group=$2
    shift 2
    JAVA_LOG=INFO java_command 4.3.1 GroupMember
    "${JAVA[@]}" --bootstrap-server "$BOOTSTRAP" "$group" six "$@" >>"$WORK/$name.said" 2>>"$WORK/$name.err" &
    MEMBER_PID[$name]=$!
    own $!
}

member_leaves() { kill -TERM "${MEMBER_PID[$1]}" && { reap "${MEMBER_PID[$1]}"; expect_same "$1 said" closed "$(tail -n 1 "$WORK/$1.said")"; }; }
member_dies() { kill -KILL "${MEMBER_PID[$1]}"; reap "${MEMBER_PID[$1]}"; say "$1 is dead"; }

assignment() { grep '^assigned' "$WORK/$1.said" | tail -n 1; } # "assigned GENERATION six-0 ..." of one member
owned() { assignment "$1" | cut -d ' ' -f 3-; }
generation() { assignment "$1" | cut -d ' ' -f 2; }
rebalances() { cat "${@/%/.said}" 2>/dev/null | grep -c -E '^(assigned|revoked|lost)'; } # of members given as paths without .said

# shared_by NAME...: together they own the six partitions, each by one, evenly, in one generation.
shared_by() {
    local name each=$((6 / $#)) all='' generations=''
    for name in "$@"; do
        [ "$(owned "$name" | wc -w)" -eq $each ] || return 1
        all+="$(owned "$name" | tr ' ' '\n')"$'\n'
        generations+="$(generation "$name")"$'\n'
    done
    [ "$(sort <<<"$all" | grep -c .)" -eq 6 ] && [ "$(sort -u <<<"$all" | grep -c .)" -eq 6 ] && [ "$(sort -u <<<"$generations" | grep -c .)" -eq 1 ]
}

becomes_shared_by() {
    local name
    wait_for 45 "the six partitions shared by $*" shared_by "$@" || { tail -n 5 "${@/#/$WORK/}" 2>/dev/null; for name in "$@"; do say "$name: $(assignment "$name")"; tail -n 3 "$WORK/$name.err"; done; return 1; }
    say "generation $(generation "$1"): $(for name in "$@"; do printf '%s has %s; ' "$name" "$(owned "$name")"; done)"
}

joins() { # joins GROUP "NAMES" [property=value ...] -- "ALL NAMES"
    local group=$1 name properties=() all
    local -a new
    read -r -a new <<<"$2"
    shift 2
    while [ "$1" != -- ]; do properties+=("$1"); shift; done
    read -r -a all <<<"$2"
    for name in "${new[@]}"; do member "$name" "$group" "${properties[@]//NAME/$name}"; done
    becomes_shared_by "${all[@]}"
}

# send FROM TO: the values FROM to TO over all partitions.
send() { seq "$1" "$2" | kafka 4.3.1 console-producer --topic six --command-property partitioner.ignore.keys=true --command-property batch.size=100; }

seen() { cat "${@/%/.said}" | awk '$1 == "record" { print $4 }' | sort -n; }

# each_seen_once FROM TO NAME...: the group's members, together, read each value exactly once.
each_seen_once() {
    local from=$1 to=$2 paths
    shift 2
    paths=("${@/#/$WORK/}")
    wait_for 45 "$from to $to read by $*" reads_count "$from" "$to" "${paths[@]}" || { say "$(seen "${paths[@]}" | wc -l) read, $(seen "${paths[@]}" | uniq -d | wc -l) of them twice"; return 1; }
    cmp <(seq "$from" "$to") <(seen "${paths[@]}") && say "$from to $to, each read once by one of $*"
}
reads_count() {
    local from=$1 to=$2
    shift 2
    [ "$(seen "$@" | wc -l)" -ge $((to - from + 1)) ]
}

describe_group() { # describe_group VERSION GROUP MEMBERS
    local out state members
    out=$(kafka "$1" consumer-groups --describe --group "$2" 2>&1) \
        && expect_same 'partitions described with lag 0' 6 "$(awk '$2 == "six" && $6 == 0' <<<"$out" | wc -l)" || { say "$out"; return 1; }
    state=$(kafka "$1" consumer-groups --describe --group "$2" --state 2>&1) && expect_match 'state' "Stable +$3" "$state" || return 1
    members=$(kafka "$1" consumer-groups --describe --group "$2" --members --verbose 2>&1) \
        && expect_same 'members described' "$3" "$(grep -c -E "^$2 .* /127.0.0.1 " <<<"$members")" || { say "$members"; return 1; }
    say "Stable, $3 members, six partitions, lag 0"
}

list_state() { expect_match 'consumer-groups --list --state' "^$2 .*Stable" "$(kafka "$1" consumer-groups --list --state 2>&1)"; }

# static_restart NAME OTHER...: NAME stops and comes back under its id; nobody notices.
static_restart() {
    local name=$1 before owns now
    shift
    before=$(rebalances "${@/#/$WORK/}") owns=$(assignment "$name")
    member_leaves "$name" >/dev/null && member "$name" static "group.instance.id=$name" || return 1
    wait_for 30 "$name to be back" came_back "$name" || return 1
    sleep 4 # longer than a heartbeat interval: a rebalance would have shown
    now=$(rebalances "${@/#/$WORK/}")
    expect_same "$name's partitions and generation" "$owns" "$(assignment "$name")" && expect_same 'rebalances seen by the others' "$before" "$now"
}
came_back() { [ "$(tail -n 1 "$WORK/$1.said" | cut -d ' ' -f 1)" = assigned ]; }

# cooperative: c3 joins c1 and c2; only the two partitions that move are taken, nobody stops reading the rest.
cooperative_move() {
    local before
    before=$(partitions_taken_from c1 c2)
    joins cooperative c3 partition.assignment.strategy=org.apache.kafka.clients.consumer.CooperativeStickyAssignor -- "c1 c2 c3" >/dev/null || return 1
    expect_same 'partitions taken from c1 and c2' 2 $(($(partitions_taken_from c1 c2) - before)) && becomes_shared_by c1 c2 c3
}
partitions_taken_from() { (cd "$WORK" && cat "${@/%/.said}") | grep '^revoked' | tr ' ' '\n' | grep -c six-; }

# unnoticed STOP NAME...: the broker stops by STOP and comes back; no member sees a rebalance.
unnoticed() {
    local stop=$1 paths before begun
    shift
    begun=$(date +%H:%M:%S)
    paths=("${@/#/$WORK/}")
    before=$(rebalances "${paths[@]}")
    $stop >/dev/null 2>&1
    restart_broker && sleep 7 || return 1 # two heartbeat intervals
    expect_same "rebalances seen by $*" "$before" "$(rebalances "${paths[@]}")" && return 0
    awk -v begun="$begun" '$1 >= begun && /Request joining|Resetting generation|Attempt to heartbeat|Rebootstrapping/' "${paths[@]/%/.err}" | cut -c 1-240 | sort | tail -n 12
    grep 'group "' "$BROKER_DIR.log" | tail -n 6
    return 1
}

groups() {
    check "a topic of six partitions" create_topic 4.3.1 six 6
    check "one member owns all" joins eager m1 session.timeout.ms=6000 -- m1
    check "two more join" joins eager "m2 m3" session.timeout.ms=6000 -- "m1 m2 m3"
    check "600 records sent" send 1 600
    check "each read once" each_seen_once 1 600 m1 m2 m3
    check "the group described (4.3.1)" describe_group 4.3.1 eager 3
    check "the group described (3.9.1)" describe_group 3.9.1 eager 3
    check "groups listed with their state (4.3.1)" list_state 4.3.1 eager
    check "groups listed with their state (3.9.1)" list_state 3.9.1 eager
    check "one leaves" member_leaves m2
    check "... m1 and m3 share all" becomes_shared_by m1 m3
    check "it comes back" joins eager m2 session.timeout.ms=6000 -- "m1 m2 m3"
    check "one dies" member_dies m3
    check "... after its session time-out the others share all" becomes_shared_by m1 m2
    check "it comes back" joins eager m3 session.timeout.ms=6000 -- "m1 m2 m3"
    check "static members join" joins static "s1 s2 s3" group.instance.id=NAME -- "s1 s2 s3"
    check "a static member restarts, no rebalance" static_restart s2 s1 s3
    check "cooperative-sticky: two join" joins cooperative "c1 c2" partition.assignment.strategy=org.apache.kafka.clients.consumer.CooperativeStickyAssignor -- "c1 c2"
    check "... a third takes only what moves" cooperative_move
    check "broker stopped in order and back: nobody rebalances" unnoticed stop_broker m1 m2 m3 s1 s2 s3 c1 c2 c3
    check "600 more records sent" send 601 1200
    check "each read once (eager)" each_seen_once 1 1200 m1 m2 m3
    check "broker killed and back: nobody rebalances" unnoticed kill_broker m1 m2 m3 s1 s2 s3 c1 c2 c3
    check "600 more records sent" send 1201 1800
    check "each read once (eager)" each_seen_once 1 1800 m1 m2 m3
    check "each read once (static)" each_seen_once 1 1800 s1 s2 s3
    check "each read once (cooperative)" each_seen_once 1 1800 c1 c2 c3
    check "the static group described (3.9.1)" describe_group 3.9.1 static 3
    check "the cooperative group described (4.3.1)" describe_group 4.3.1 cooperative 3
    for name in "${!MEMBER_PID[@]}"; do alive "${MEMBER_PID[$name]}" && member_leaves "$name" >/dev/null; done
    check "all left: the group is empty" expect_match 'state' 'Empty +0' "$(kafka 4.3.1 consumer-groups --describe --group eager --state 2>&1)"
}
