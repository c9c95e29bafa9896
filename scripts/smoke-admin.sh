# shellcheck shell=bash
# The admin part of scripts/smoke, sourced by it: Kafka's command line tools of 4.3.1 on topics, configs, records, groups, log
# directories and the cluster. What each step says is compared with smoke-admin.expected, which Apache Kafka said on the same steps
# (what differs from run to run is masked): 'scripts/smoke --broker kafka admin' proves it, RECORD=FILE writes what was said.

ADMIN_EXPECTED=$ROOT/scripts/smoke-admin.expected

# A tool by name; the classes that lib.sh has no name for.
admin_tool() {
    local JAVA tool=$1
    shift
    case $tool in
        configs) set -- kafka.admin.ConfigCommand "$@" ;;
        log-dirs) set -- org.apache.kafka.tools.LogDirsCommand "$@" ;;
        delete-records) set -- org.apache.kafka.tools.DeleteRecordsCommand "$@" ;;
        quorum) set -- org.apache.kafka.tools.MetadataQuorumCommand "$@" ;;
        features) set -- org.apache.kafka.tools.FeatureCommand "$@" ;;
        election) set -- org.apache.kafka.tools.LeaderElectionCommand "$@" ;;
        reassign) set -- org.apache.kafka.tools.reassign.ReassignPartitionsCommand "$@" ;;
        acls) set -- org.apache.kafka.tools.AclCommand "$@" ;;
        cluster) # its subcommand comes first
            JAVA_LOG=ERROR java_command 4.3.1 org.apache.kafka.tools.ClusterTool
            timeout --foreground -k 5 60 "${JAVA[@]}" "$1" --bootstrap-server "$BOOTSTRAP" "${@:2}" 2>&1
            return ;;
        *) set -- "$tool" "$@" ;;
    esac
    JAVA_LOG=ERROR TOOL_SECONDS=60 kafka 4.3.1 "$@" 2>&1
}

# Ids, addresses, sizes and times become the same in every run; blanks that align columns, and stack traces, go. So do two things that
# differ on purpose: Kafka sets min.insync.replicas for its whole cluster, and has no default of log.retention.ms.
admin_mask() {
    sed -E -e '/^[[:space:]]+at |^Caused by:|^[[:space:]]*\.\.\. [0-9]+ more/d' -e "s#$BROKER_DIR#DIR#g" -e 's/(TopicId: )[^[:space:]]+/\1ID/' \
        -e "s/(127\.0\.0\.1|localhost):$PORT/HOST/g" -e 's/(Cluster ID: |ClusterId:[[:space:]]*).*/\1ID/' -e 's/"size":[1-9][0-9]*/"size":SIZE/g' \
        -e "s/ $PORT( |$)/ PORT\\1/g" -e 's/Epoch: [0-9]+$/Epoch: N/' -e 's/^[0-9:,]+ (ERROR)/\1/' -e 's/(consumer-[a-z]+-[0-9]+)-[0-9a-f]{8}-[0-9a-f-]{27}/\1-ID/g' -e 's/min\.insync\.replicas=1,//; s/, DEFAULT_CONFIG:log\.retention\.ms=[0-9]+//' -e 's/[[:space:]]+/ /g' -e 's/ $//' -e '/^$/d'
}

# step NAME TOOL ARG...: what the tool says is what Apache Kafka said.
step() {
    local name=$1 got
    shift
    got=$(admin_tool "$@" | admin_mask)
    step_said "$name" "$got"
}

# step_said NAME TEXT
step_said() {
    local want
    [ -n "$2" ] || set -- "$1" '(nothing)'
    [ -z "${RECORD:-}" ] || printf '== %s\n%s\n' "$1" "$2" >>"$RECORD"
    want=$(awk -v name="== $1" '$0 == name { found = 1; next } /^== / { found = 0 } found' "$ADMIN_EXPECTED")
    [ -n "$want" ] || { say "no step '$1' in $ADMIN_EXPECTED; it said:"; say "$2"; return 1; }
    expect_same "$1" "$want" "$2"
}

# Of long lists only the lines that matter here.
step_lines() { # NAME PATTERN TOOL ARG...
    local name=$1 pattern=$2
    shift 2
    step_said "$name" "$(admin_tool "$@" | admin_mask | grep -E -- "$pattern" | sed -E 's/(sensitive=false).*/\1/')"
}

admin_reads() { # GROUP COUNT
    expect_same "$1 read" "$2" "$(TOOL_SECONDS=40 JAVA_LOG=ERROR kafka 4.3.1 console-consumer --topic one --group "$1" --max-messages "$2" --command-property auto.offset.reset=earliest 2>/dev/null | wc -l)"
}

# A member that stays, so that its group is not empty.
admin_member_joins() {
    local JAVA
    JAVA_LOG=INFO java_command 4.3.1 GroupMember
    "${JAVA[@]}" --bootstrap-server "$BOOTSTRAP" living one >"$WORK/living.said" 2>"$WORK/living.err" &
    LIVING_PID=$!
    own $LIVING_PID
    wait_for 45 'the last record read by a member' grep -q '^record one-0 12 ' "$WORK/living.said" && admin_committed living 13
}

# The offset is there a moment after the record.
admin_committed() { wait_for 20 "$1 at $2" admin_stands_at "$1" "$2" && say "$1 has read up to $2"; }
admin_stands_at() { admin_tool consumer-groups --describe --group "$1" | grep -q -E "^$1 +one +0 +$2 "; }

admin_member_leaves() { kill -TERM "$LIVING_PID" && { reap "$LIVING_PID"; expect_same 'it said' closed "$(tail -n 1 "$WORK/living.said")"; }; }

# Three more records after a moment that is noted; a time is UTC for the tool.
admin_later_records() {
    sleep 0.1
    MOMENT=$(date -u +%Y-%m-%dT%H:%M:%S.%3N)
    sleep 0.1
    produce_lines 4.3.1 one 11 12 13
}

# What resetting, deleting and deleting offsets say beyond the usual ways, of groups without members.
admin_groups_without_members() {
    local reset=(consumer-groups --group readers --reset-offsets)
    check "groups: later records" admin_later_records
    check "groups: reset to a moment" step group-moment "${reset[@]}" --topic one --to-datetime "$MOMENT" --execute
    check "groups: reset to a time to come" step group-future "${reset[@]}" --topic one --to-datetime 2999-01-01T00:00:00.000 --execute
    check "groups: reset by a duration" step group-duration "${reset[@]}" --topic one --by-duration P1D --execute
    check "groups: shift beyond the end" step_lines group-beyond '^(GROUP|readers)' "${reset[@]}" --topic one:0 --shift-by 100 --execute
    check "groups: shift before the beginning" step_lines group-before '^(GROUP|readers)' "${reset[@]}" --topic one:0 --shift-by -100 --execute
    check "groups: reset to an offset beyond the end" step_lines group-offset-beyond '^(GROUP|readers)' "${reset[@]}" --topic one --to-offset 100 --execute
    check "groups: a dry run changes nothing" step group-dry "${reset[@]}" --all-topics --to-earliest --dry-run
    check "groups: export where it stands" step group-export "${reset[@]}" --topic one --to-current --export
    printf '"one",0,7\n' >"$WORK/offsets.csv"
    check "groups: reset from a file" step group-file "${reset[@]}" --from-file "$WORK/offsets.csv" --execute
    check "groups: a partition that is not there" step_lines group-no-partition 'Error|Exception|^(GROUP|readers)' "${reset[@]}" --topic one:7 --to-earliest --execute
    check "groups: reset of one that is not there" step group-new consumer-groups --group fresh --reset-offsets --topic one --to-latest --execute
    check "groups: delete offsets of a topic that is not there" step group-no-topic consumer-groups --group fresh --delete-offsets --topic nope
    check "groups: delete offsets of a group that is not there" step group-no-group consumer-groups --group nobody --delete-offsets --topic one
    check "groups: describe one that is not there" step group-nobody consumer-groups --group nobody --describe
}

# The same with a member that is there: what would pull the ground from under it is refused.
admin_groups_with_a_member() {
    local living=(consumer-groups --group living)
    check "groups: a member joins" admin_member_joins
    check "groups: describe with a member" step living-describe "${living[@]}" --describe
    check "groups: its members" step living-members "${living[@]}" --describe --members --verbose
    check "groups: its state" step living-state "${living[@]}" --describe --state
    check "groups: resetting is refused" step living-reset "${living[@]}" --reset-offsets --topic one --to-earliest --execute
    check "groups: deleting is refused" step living-delete "${living[@]}" --delete
    check "groups: deleting what is read is refused" step living-delete-offsets "${living[@]}" --delete-offsets --topic one
    check "groups: deleting what nobody reads is not" step living-delete-others "${living[@]}" --delete-offsets --topic adm
    check "groups: the member leaves" admin_member_leaves
    check "groups: both are deleted" step_lines living-deleted 'successful|Error' consumer-groups --group living --group fresh --delete
}

# Apache Kafka writes log starts down once a minute, so that only monolog is held to this.
admin_survives() {
    local before after
    before=$(admin_tool cluster cluster-id) && kill_broker && restart_broker >/dev/null && after=$(admin_tool cluster cluster-id) || return 1
    expect_same 'after kill -9' "$before" "$after" || return 1
    expect_match 'a config' 'max.message.bytes=2000000' "$(admin_tool configs --describe --entity-type topics --entity-name adm)" || return 1
    expect_same 'earliest' one:0:4 "$(admin_tool get-offsets --topic one --time earliest)"
}

# The partitions come in any order.
admin_log_dirs() {
    step_said log-dirs "$(admin_tool log-dirs --describe --topic-list adm,one | admin_mask | grep '^{' | grep -o -E '"logDir":"[^"]*"|\{"partition":[^}]*\}' | sort)"
}

# The quorum by its names and states; offsets and times are each broker's own.
admin_quorum() {
    local out
    out=$(admin_tool quorum describe --status)
    expect_match 'leader' '^LeaderId: +1$' "$out" && expect_match 'voters' '^CurrentVoters: +\[\{"id": 1' "$out" && expect_match 'observers' '^CurrentObservers: +\[\]$' "$out" || return 1
    expect_match 'replication' '^1[[:space:]]+[^[:space:]]+[[:space:]]+[0-9]+[[:space:]]+0[[:space:]].*Leader' "$(admin_tool quorum describe --replication)"
}

admin() {
    local groups=(consumer-groups --group readers)
    printf '{"partitions":[{"topic":"one","partition":0,"offset":4}],"version":1}' >"$WORK/delete.json"
    printf '{"partitions":[{"topic":"one","partition":0,"offset":400}],"version":1}' >"$WORK/beyond.json"
    check "topics: create" step topic-create topics --create --topic adm --partitions 3 --config retention.ms=3600000
    check "topics: describe" step topic-describe topics --describe --topic adm
    check "topics: more partitions" step topic-alter topics --alter --topic adm --partitions 5
    check "topics: fewer are refused" step topic-fewer topics --alter --topic adm --partitions 2
    check "topics: describe again" step topic-described topics --describe --topic adm
    check "topics: one that is not there" step topic-missing topics --describe --topic nope
    check "configs: what a topic overrides" step configs-topic configs --describe --entity-type topics --entity-name adm
    check "configs: change" step configs-alter configs --alter --entity-type topics --entity-name adm --add-config 'max.message.bytes=2000000,cleanup.policy=[compact,delete]' --delete-config retention.ms
    check "configs: changed" step configs-changed configs --describe --entity-type topics --entity-name adm
    check "configs: a wrong value is refused" step_lines configs-wrong 'InvalidConfig|Completed' configs --alter --entity-type topics --entity-name adm --add-config retention.bytes=many
    check "configs: an unknown name is refused" step_lines configs-unknown 'InvalidConfig|Completed' configs --alter --entity-type topics --entity-name adm --add-config no.such=1
    check "configs: names and values of all" step_lines configs-all '^ *(cleanup.policy|compression.type|max.message.bytes|message.timestamp.type|min.insync.replicas|retention.bytes|segment.bytes)=' configs --describe --all --entity-type topics --entity-name adm
    check "configs: of the broker" step_lines configs-broker '^ *(auto.create.topics.enable|default.replication.factor|message.max.bytes|num.partitions|offsets.retention.minutes)=' configs --describe --all --entity-type brokers --entity-name 1
    check "configs: what is fixed on the broker is refused" step_lines configs-fixed '^Caused by|InvalidRequest|Cannot update' configs --alter --entity-type brokers --entity-name 1 --add-config num.partitions=3
    check "a topic of one partition" step one-create topics --create --topic one --partitions 1
    check "ten records in it" produce_lines 4.3.1 one 1 2 3 4 5 6 7 8 9 10
    check "offsets: latest" step offsets-latest get-offsets --topic one
    check "records: delete" step records-delete delete-records --offset-json-file "$WORK/delete.json"
    check "records: beyond the end is refused" step records-beyond delete-records --offset-json-file "$WORK/beyond.json"
    [ "$KIND" != monolog ] || check "kill -9: cluster id, configs and deleted records stay" admin_survives
    check "offsets: earliest" step offsets-earliest get-offsets --topic one --time earliest
    check "log directories" admin_log_dirs
    check "groups: one reads" admin_reads readers 6
    check "groups: describe" step group-describe "${groups[@]}" --describe
    check "groups: state" step group-state "${groups[@]}" --describe --state
    check "groups: list with states" step_lines group-list '^(GROUP|readers)' consumer-groups --list --state
    check "groups: reset to the earliest" step group-earliest "${groups[@]}" --reset-offsets --topic one --to-earliest --execute
    check "groups: shift" step group-shift "${groups[@]}" --reset-offsets --topic one --shift-by 2 --execute
    check "groups: reset to an offset" step group-offset "${groups[@]}" --reset-offsets --topic one --to-offset 8 --execute
    check "groups: reset to a time" step group-time "${groups[@]}" --reset-offsets --topic one --to-datetime 2000-01-01T00:00:00.000 --execute
    check "groups: reset to the latest" step group-latest "${groups[@]}" --reset-offsets --topic one --to-latest --execute
    admin_groups_without_members
    admin_groups_with_a_member
    check "groups: delete its offsets" step group-delete-offsets "${groups[@]}" --delete-offsets --topic one
    check "groups: delete" step group-delete "${groups[@]}" --delete
    check "groups: what is gone is gone" step group-gone "${groups[@]}" --delete
    check "cluster: id" step cluster-id cluster cluster-id
    check "cluster: endpoints" step cluster-endpoints cluster list-endpoints
    check "quorum" admin_quorum
    check "features" step_lines features '^Feature: metadata.version' features describe
    check "leaders need no election" step election election --election-type preferred --all-topic-partitions
    check "nothing is being moved" step reassign reassign --list
    check "no authorizer" step_lines acls 'SecurityDisabled' acls --list
    check "topics: delete" step topic-delete topics --delete --topic one
    check "topics: the internal one is listed" step_lines topic-list '^__consumer_offsets$' topics --list
}
