//! What an answer must hold to show anything: for each API the field that says what was asked for. An answer without an error in which
//! that is empty counts for nothing.

use monolog::wire::api_key::ApiKey;
use serde_json::Value;

/// What the good answers of an API hold.
pub enum Content {
    /// One of these fields, somewhere in the answer, is neither null nor empty, nor 0, -1 or false. Versions name them differently.
    Of(&'static [&'static str]),
    /// Nothing: that there is no error is all there is to say.
    Nothing,
    /// One of these fields, and beside it never anything but this error, since what it takes to do without is not to be had here.
    Refused(&'static [&'static str], i64),
}

use Content::{Nothing, Of, Refused};

/// What the answers of an API in a version are measured by.
pub fn of(api: ApiKey, version: i16) -> Content {
    match api {
        ApiKey::Produce => Of(&["responses.partition_responses.base_offset"]),
        ApiKey::Fetch => Of(&["responses.partitions.records"]),
        ApiKey::ListOffsets => Of(&["topics.partitions.offset"]),
        ApiKey::Metadata => Of(&["topics.partitions"]),
        ApiKey::OffsetCommit | ApiKey::OffsetDelete => Of(&["topics.partitions"]),
        ApiKey::OffsetFetch => Of(&["topics.partitions.committed_offset", "groups.topics.partitions.committed_offset"]),
        ApiKey::FindCoordinator => Of(&["port", "coordinators.port"]),
        ApiKey::JoinGroup => Of(&["members"]),
        ApiKey::SyncGroup => Of(&["assignment"]),
        // Only newer versions name those who have left.
        ApiKey::LeaveGroup if version >= 3 => Of(&["members"]),
        ApiKey::Heartbeat | ApiKey::LeaveGroup => Nothing,
        ApiKey::DescribeGroups => Of(&["groups.members"]),
        ApiKey::ListGroups => Of(&["groups"]),
        ApiKey::ApiVersions => Of(&["api_keys"]),
        ApiKey::CreateTopics => Of(&["topics"]),
        ApiKey::DeleteTopics => Of(&["responses"]),
        ApiKey::DeleteRecords => Of(&["topics.partitions.low_watermark"]),
        ApiKey::InitProducerId => Of(&["producer_id"]),
        ApiKey::OffsetForLeaderEpoch => Of(&["topics.partitions.end_offset"]),
        ApiKey::DescribeConfigs => Of(&["results.configs"]),
        ApiKey::AlterConfigs | ApiKey::IncrementalAlterConfigs => Of(&["responses"]),
        ApiKey::AlterReplicaLogDirs => Of(&["results.partitions"]),
        ApiKey::DescribeLogDirs => Of(&["results.topics.partitions.partition_size"]),
        ApiKey::CreatePartitions | ApiKey::DeleteGroups => Of(&["results"]),
        ApiKey::ElectLeaders => Of(&["replica_election_results"]),
        ApiKey::AlterPartitionReassignments => Of(&["responses.partitions"]),
        ApiKey::DescribeQuorum => Of(&["topics.partitions.current_voters"]),
        ApiKey::DescribeCluster => Of(&["brokers"]),
        ApiKey::DescribeProducers => Of(&["topics.partitions.active_producers"]),
        ApiKey::DescribeTopicPartitions => Of(&["topics.partitions"]),
        // Features are only listed in versions that tell of each one.
        ApiKey::UpdateFeatures if version < 2 => Of(&["results"]),
        ApiKey::UpdateFeatures => Nothing,
        // Version 0 lists client metrics, of which there are none.
        ApiKey::ListConfigResources if version > 0 => Of(&["config_resources"]),
        ApiKey::ListConfigResources => Nothing,
        // Nothing moves where there is one broker, and nobody can set a quota or a user here.
        ApiKey::ListPartitionReassignments | ApiKey::DescribeClientQuotas => Nothing,
        ApiKey::DescribeUserScramCredentials => Refused(&["results"], 91),
        // There is no authorizer.
        ApiKey::DescribeAcls => Refused(&["error_code"], 54),
        ApiKey::CreateAcls => Refused(&["results"], 54),
        ApiKey::DeleteAcls => Refused(&["filter_results"], 54),
    }
}

impl Content {
    /// Whether an answer with these errors shows something.
    pub fn is_in(&self, answer: &Value, errors: &[i64]) -> bool {
        let one_of = |paths: &[&str]| paths.iter().any(|path| holds(answer, &path.split('.').collect::<Vec<_>>()));
        match self {
            Of(paths) => errors.is_empty() && one_of(paths),
            Nothing => errors.is_empty(),
            Refused(paths, error) => errors == [*error] && one_of(paths),
        }
    }
}

/// Whether a field at this path, in any element of the lists on the way, has a value that says something.
fn holds(value: &Value, path: &[&str]) -> bool {
    match (value, path) {
        (Value::Array(elements), [_, ..]) => elements.iter().any(|element| holds(element, path)),
        (value, [step, rest @ ..]) => value.get(step).is_some_and(|field| holds(field, rest)),
        (Value::Array(elements), []) => !elements.is_empty(),
        (Value::Object(_), []) => true,
        (Value::String(text), []) => !text.is_empty() && text != "0x",
        (Value::Bool(is), []) => *is,
        (Value::Number(number), []) => number.as_i64().is_none_or(|number| number > 0),
        (Value::Null, []) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn empty_lists_and_defaults_show_nothing() {
        let fetch = of(ApiKey::Fetch, 12);
        let with =
            |records: Value| json!({ "error_code": 0, "responses": [{ "partitions": [{ "high_watermark": 7, "records": records }] }] });
        assert!(fetch.is_in(&with(json!([{ "base_offset": 0 }])), &[]));
        assert!(!fetch.is_in(&with(json!([])), &[]));
        assert!(!fetch.is_in(&with(json!([{ "base_offset": 0 }])), &[1]), "beside an error");
        assert!(!fetch.is_in(&json!({ "responses": [] }), &[]));
        assert!(!of(ApiKey::SyncGroup, 3).is_in(&json!({ "assignment": "0x" }), &[]));
        for (offset, shows) in [(-1, false), (0, false), (3, true)] {
            let answer = json!({ "topics": [{ "partitions": [{ "offset": offset }] }] });
            assert_eq!(of(ApiKey::ListOffsets, 1).is_in(&answer, &[]), shows);
        }
    }

    #[test]
    fn what_is_always_refused_shows_that_and_nothing_else() {
        let answer = json!({ "results": [{ "error_code": 54 }] });
        assert!(of(ApiKey::CreateAcls, 2).is_in(&answer, &[54]));
        assert!(!of(ApiKey::CreateAcls, 2).is_in(&answer, &[42, 54]));
        assert!(!of(ApiKey::CreateAcls, 2).is_in(&json!({ "results": [] }), &[]));
        assert!(of(ApiKey::Heartbeat, 2).is_in(&json!({ "error_code": 0 }), &[]));
    }
}
