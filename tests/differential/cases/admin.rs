//! The rest of what admins ask: the cluster, topics page by page, log directories, elections, moves, ACLs, quotas, users, features.

use super::{Scenario, alone, of};
use crate::records::batch;
use crate::run::Run;
use monolog::wire::api_key::ApiKey;

/// The scenarios of this file.
pub fn scenarios() -> Vec<Scenario> {
    vec![
        alone("topics-page-by-page", ApiKey::DescribeTopicPartitions, pages),
        alone("describe-quorum", ApiKey::DescribeQuorum, quorum),
        of("describe-cluster", ApiKey::DescribeCluster, cluster),
        of("describe-log-dirs", ApiKey::DescribeLogDirs, log_dirs),
        of("alter-replica-log-dirs", ApiKey::AlterReplicaLogDirs, move_dirs),
        alone("elect-leaders", ApiKey::ElectLeaders, elect),
        of("alter-partition-reassignments", ApiKey::AlterPartitionReassignments, reassign),
        of("list-partition-reassignments", ApiKey::ListPartitionReassignments, reassigned),
        of("describe-acls", ApiKey::DescribeAcls, describe_acls),
        of("create-acls", ApiKey::CreateAcls, create_acls),
        of("delete-acls", ApiKey::DeleteAcls, delete_acls),
        of("describe-client-quotas", ApiKey::DescribeClientQuotas, quotas),
        of("describe-users", ApiKey::DescribeUserScramCredentials, users),
        of("update-features", ApiKey::UpdateFeatures, features),
    ]
}

fn cluster(run: &mut Run, version: i16) {
    let api = ApiKey::DescribeCluster;
    for (name, body) in [
        ("plain", "{}"),
        ("operations", "{include_cluster_authorized_operations: true}"),
        ("controllers", "{endpoint_type: 2}"),
        ("no endpoints", "{endpoint_type: 0}"),
        ("endpoints of no kind", "{endpoint_type: 9}"),
        ("fenced ones too", "{include_fenced_brokers: true}"),
    ] {
        run.ask(api, version, name, body);
    }
}

fn pages(run: &mut Run, version: i16) {
    let api = ApiKey::DescribeTopicPartitions;
    for (name, partitions) in [("a", 2), ("b", 3), ("c", 1)] {
        run.topic(name, partitions, "{}");
    }
    let all = "topics: [{name: $a}, {name: $b}, {name: $c}]";
    let mut ask = |name: &str, body: &str| run.ask(api, version, name, &format!("{{{body}}}"));
    ask("three", &format!("{all}, cursor: null"));
    ask("in another order", "topics: [{name: $c}, {name: $a}], cursor: null");
    ask("one twice", "topics: [{name: $a}, {name: $a}], cursor: null");
    ask("unknown", "topics: [{name: pages-nowhere}, {name: $a}], cursor: null");
    ask("bad name", "topics: [{name: 'a b'}], cursor: null");
    ask("no name", "topics: [{name: ''}], cursor: null");
    for limit in [1, 2, 3, 4, 5, 6] {
        ask(&format!("at most {limit}"), &format!("{all}, response_partition_limit: {limit}, cursor: null"));
        ask(
            &format!("at most {limit} from the second"),
            &format!("{all}, response_partition_limit: {limit}, cursor: {{topic_name: $b, partition_index: 1}}"),
        );
    }
    ask("none at most", &format!("{all}, response_partition_limit: 0, cursor: null"));
    ask("negative limit", &format!("{all}, response_partition_limit: -1, cursor: null"));
    ask("from the end", &format!("{all}, cursor: {{topic_name: $c, partition_index: 1}}"));
    ask("from beyond the end", &format!("{all}, cursor: {{topic_name: zzz, partition_index: 0}}"));
    ask("from a topic between", &format!("{all}, cursor: {{topic_name: aaa, partition_index: 0}}"));
    ask("a negative index", &format!("{all}, cursor: {{topic_name: $b, partition_index: -1}}"));
    ask("from one that was not asked for", "topics: [{name: $a}], cursor: {topic_name: $b, partition_index: 0}");
    ask("all of them", "topics: [], cursor: null");
    ask("all of them from", "topics: [], cursor: {topic_name: $b, partition_index: 1}");
    ask("null topics", "topics: null, cursor: null");
}

fn log_dirs(run: &mut Run, version: i16) {
    let api = ApiKey::DescribeLogDirs;
    run.topic("t", 2, "{}");
    run.batch("b", &batch(&["a"]));
    run.ask(
        ApiKey::Produce,
        9,
        "to lie in a directory",
        "{acks: -1, timeout_ms: 30000, topic_data: [{name: $t, partition_data: [{index: 0, records: $b}]}]}",
    );
    for (name, topics) in [
        ("both", "[{topic: $t, partitions: [0, 1]}]"),
        ("one", "[{topic: $t, partitions: [0]}]"),
        ("unknown partition", "[{topic: $t, partitions: [9]}]"),
        ("unknown topic", "[{topic: dirs-nowhere, partitions: [0]}]"),
        ("no partitions", "[{topic: $t, partitions: []}]"),
        ("nothing", "[]"),
    ] {
        run.ask(api, version, name, &format!("{{topics: {topics}}}"));
    }
}

fn move_dirs(run: &mut Run, version: i16) {
    run.topic("t", 1, "{}");
    let mut ask = |name: &str, dirs: &str| run.ask(ApiKey::AlterReplicaLogDirs, version, name, &format!("{{dirs: [{dirs}]}}"));
    ask("nothing", "");
    ask("unknown directory", "{path: '/no/such', topics: [{name: $t, partitions: [0]}]}");
    ask("unknown topic", "{path: '/no/such', topics: [{name: dirs-nowhere, partitions: [0]}]}");
    ask("relative", "{path: here, topics: [{name: $t, partitions: [0]}]}");
    ask("no topics", "{path: '/no/such', topics: []}");
    run.ask(ApiKey::DescribeLogDirs, 4, "where it lies", "{topics: [{topic: $t, partitions: [0]}]}");
    run.keep("dir", "results.0.log_dir");
    let mut ask = |name: &str, dirs: &str| run.ask(ApiKey::AlterReplicaLogDirs, version, name, &format!("{{dirs: [{dirs}]}}"));
    ask("to where it lies", "{path: $dir, topics: [{name: $t, partitions: [0]}]}");
    ask(
        "what is unknown to where it would lie",
        "{path: $dir, topics: [{name: $t, partitions: [7]}, {name: dirs-nowhere, partitions: [0]}]}",
    );
    ask("to both", "{path: $dir, topics: [{name: $t, partitions: [0]}]}, {path: '/no/such', topics: [{name: $t, partitions: [0]}]}");
}

fn elect(run: &mut Run, version: i16) {
    run.topic("t", 2, "{}");
    let mut ask = |name: &str, kind: i8, topics: &str| {
        run.ask(ApiKey::ElectLeaders, version, name, &format!("{{election_type: {kind}, topic_partitions: {topics}, timeout_ms: 30000}}"));
    };
    ask("preferred", 0, "[{topic: $t, partitions: [0, 1]}]");
    ask("unknown partition", 0, "[{topic: $t, partitions: [9]}]");
    ask("unknown topic", 0, "[{topic: elect-nowhere, partitions: [0]}]");
    ask("no partitions", 0, "[{topic: $t, partitions: []}]");
    ask("nothing", 0, "[]");
    ask("one twice", 0, "[{topic: $t, partitions: [0, 0]}]");
    ask("everything", 0, "null");
    ask("unclean", 1, "[{topic: $t, partitions: [0]}]");
    ask("everything unclean", 1, "null");
    ask("of no kind", 7, "[{topic: $t, partitions: [0]}]");
}

fn reassign(run: &mut Run, version: i16) {
    let api = ApiKey::AlterPartitionReassignments;
    run.topic("t", 2, "{}");
    let mut ask = |name: &str, topics: &str| run.ask(api, version, name, &format!("{{timeout_ms: 30000, topics: [{topics}]}}"));
    let to = |replicas: &str| format!("{{name: $t, partitions: [{{partition_index: 0, replicas: {replicas}}}]}}");
    ask("to where it is", &to("[1]"));
    ask("stopped", &to("null"));
    ask("to nobody", &to("[]"));
    ask("to a broker that is not there", &to("[5]"));
    ask("to two", &to("[1, 5]"));
    ask("twice to one", &to("[1, 1]"));
    ask("to a negative broker", &to("[-1]"));
    ask("unknown partition", "{name: $t, partitions: [{partition_index: 8, replicas: [1]}]}");
    ask("unknown topic", "{name: reassign-nowhere, partitions: [{partition_index: 0, replicas: [1]}]}");
    ask("unknown topic, stopped", "{name: reassign-nowhere, partitions: [{partition_index: 0, replicas: null}]}");
    ask("no partitions", "{name: $t, partitions: []}");
    ask("nothing", "");
    if version >= 1 {
        run.ask(api, version, "as many as before", "{timeout_ms: 30000, allow_replication_factor_change: false, topics: [{name: $t, partitions: [{partition_index: 0, replicas: [1]}]}]}");
        run.ask(api, version, "fewer than before", "{timeout_ms: 30000, allow_replication_factor_change: false, topics: [{name: $t, partitions: [{partition_index: 0, replicas: []}]}]}");
    }
}

fn reassigned(run: &mut Run, version: i16) {
    run.topic("t", 1, "{}");
    for (name, topics) in [
        ("everything", "null"),
        ("one", "[{name: $t, partition_indexes: [0]}]"),
        ("unknown partition", "[{name: $t, partition_indexes: [7]}]"),
        ("unknown topic", "[{name: reassigned-nowhere, partition_indexes: [0]}]"),
        ("nothing", "[]"),
    ] {
        run.ask(ApiKey::ListPartitionReassignments, version, name, &format!("{{timeout_ms: 30000, topics: {topics}}}"));
    }
}

fn describe_acls(run: &mut Run, version: i16) {
    let any = "resource_name_filter: null, principal_filter: null, host_filter: null, operation: 1, permission_type: 1";
    run.ask(ApiKey::DescribeAcls, version, "all", &format!("{{resource_type_filter: 1, pattern_type_filter: 1, {any}}}"));
    run.ask(ApiKey::DescribeAcls, version, "of topics", &format!("{{resource_type_filter: 2, {any}}}"));
    run.ask(ApiKey::DescribeAcls, version, "of no kind", &format!("{{resource_type_filter: 99, {any}}}"));
    run.ask(ApiKey::DescribeAcls, version, "unknown", "{resource_type_filter: 0, operation: 0, permission_type: 0}");
}

fn create_acls(run: &mut Run, version: i16) {
    let one = "{resource_type: 2, resource_name: t, principal: 'User:a', host: '*', operation: 3, permission_type: 3}";
    run.ask(ApiKey::CreateAcls, version, "one", &format!("{{creations: [{one}]}}"));
    run.ask(ApiKey::CreateAcls, version, "two", &format!("{{creations: [{one}, {one}]}}"));
    run.ask(ApiKey::CreateAcls, version, "none", "{creations: []}");
    run.ask(
        ApiKey::CreateAcls,
        version,
        "of no kind",
        "{creations: [{resource_type: 99, resource_name: t, principal: a, host: h, operation: 3, permission_type: 3}]}",
    );
}

fn delete_acls(run: &mut Run, version: i16) {
    let one =
        "{resource_type_filter: 2, resource_name_filter: t, principal_filter: null, host_filter: null, operation: 1, permission_type: 1}";
    run.ask(ApiKey::DeleteAcls, version, "one", &format!("{{filters: [{one}]}}"));
    run.ask(ApiKey::DeleteAcls, version, "two", &format!("{{filters: [{one}, {one}]}}"));
    run.ask(ApiKey::DeleteAcls, version, "none", "{filters: []}");
    run.ask(ApiKey::DeleteAcls, version, "of no kind", "{filters: [{resource_type_filter: 99, operation: 1, permission_type: 1}]}");
}

fn quotas(run: &mut Run, version: i16) {
    let mut ask = |name: &str, components: &str, strict: bool| {
        run.ask(ApiKey::DescribeClientQuotas, version, name, &format!("{{components: [{components}], strict: {strict}}}"));
    };
    ask("all", "", false);
    ask("strictly none", "", true);
    ask("a user", "{entity_type: user, match_type: 0, match: a}", true);
    ask("the user of default", "{entity_type: user, match_type: 1, match: null}", false);
    ask("any client", "{entity_type: client-id, match_type: 2, match: null}", false);
    ask("an address", "{entity_type: ip, match_type: 0, match: '127.0.0.1'}", false);
    ask("unknown entity", "{entity_type: cat, match_type: 0, match: a}", false);
    ask("no entity", "{entity_type: '', match_type: 0, match: a}", false);
    ask("of no kind", "{entity_type: user, match_type: 9, match: a}", false);
    ask("exactly nobody", "{entity_type: user, match_type: 0, match: null}", false);
    ask("one twice", "{entity_type: user, match_type: 2, match: null}, {entity_type: user, match_type: 2, match: null}", false);
    ask("a user and an address", "{entity_type: user, match_type: 2, match: null}, {entity_type: ip, match_type: 2, match: null}", false);
    ask("any with a name", "{entity_type: user, match_type: 2, match: x}", false);
}

fn users(run: &mut Run, version: i16) {
    for (name, users) in [
        ("all", "null"),
        ("none", "[]"),
        ("unknown", "[{name: nobody}]"),
        ("twice", "[{name: nobody}, {name: nobody}]"),
        ("no name", "[{name: ''}]"),
        ("two", "[{name: a}, {name: b}]"),
    ] {
        run.ask(ApiKey::DescribeUserScramCredentials, version, name, &format!("{{users: {users}}}"));
    }
}

fn quorum(run: &mut Run, version: i16) {
    let mut ask = |name: &str, topics: &str| run.ask(ApiKey::DescribeQuorum, version, name, &format!("{{topics: [{topics}]}}"));
    ask("the one there is", "{topic_name: __cluster_metadata, partitions: [{partition_index: 0}]}");
    ask("unknown topic", "{topic_name: quorum-nowhere, partitions: [{partition_index: 0}]}");
    ask("unknown partition", "{topic_name: __cluster_metadata, partitions: [{partition_index: 1}]}");
    ask("no partitions", "{topic_name: __cluster_metadata, partitions: []}");
    ask("nothing", "");
}

fn features(run: &mut Run, version: i16) {
    let mut ask = |name: &str, updates: &str| {
        run.ask(
            ApiKey::UpdateFeatures,
            version,
            name,
            &format!("{{timeout_ms: 30000, validate_only: true, feature_updates: [{updates}]}}"),
        );
    };
    ask("nothing", "");
    ask("the level that there is", "{feature: metadata.version, max_version_level: 30}");
    ask("unknown feature", "{feature: no.such, max_version_level: 1}");
    ask("no feature", "{feature: '', max_version_level: 1}");
    ask("a level too high", "{feature: metadata.version, max_version_level: 999}");
    ask("of no kind", "{feature: metadata.version, max_version_level: 7, upgrade_type: 0}");
    ask("twice", "{feature: metadata.version, max_version_level: 999}, {feature: metadata.version, max_version_level: 999}");
    ask("a negative level", "{feature: metadata.version, max_version_level: -5}");
}
