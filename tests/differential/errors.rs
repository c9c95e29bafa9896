//! The errors that Apache Kafka must have answered with in the course of a run, so that the cases stay what they are meant to be.

use monolog::wire::api_key::ApiKey;

/// The codes that the cases of an API provoke, as Kafka numbers them.
pub fn of(api: ApiKey) -> &'static [i64] {
    match api {
        // Offset out of range, unknown topic, fenced and unknown leader epoch, unknown topic id, session not found, its epoch wrong.
        ApiKey::Fetch => &[1, 3, 70, 71, 75, 100],
        // Corrupt, unknown topic, too large, no good name, no good acks, bad time, sequence out of order, old epoch, transaction, no good
        // codec, invalid record, unknown topic id.
        ApiKey::Produce => &[2, 3, 10, 17, 21, 32, 45, 47, 53, 76, 87, 100],
        ApiKey::ListOffsets => &[3, 35, 42, 75],
        ApiKey::Metadata => &[3, 17, 100],
        ApiKey::OffsetCommit => &[3, 12, 22, 25, 27, 69, 82, 100],
        ApiKey::OffsetFetch => &[100],
        ApiKey::FindCoordinator => &[42],
        ApiKey::JoinGroup => &[23, 24, 25, 26, 79, 82],
        ApiKey::Heartbeat => &[22, 24, 25, 27, 82],
        ApiKey::LeaveGroup => &[24, 25, 82],
        ApiKey::SyncGroup => &[22, 23, 24, 25, 27, 82],
        ApiKey::DescribeGroups => &[69],
        ApiKey::ApiVersions => &[35, 42],
        ApiKey::CreateTopics => &[17, 36, 37, 38, 39, 40, 42],
        ApiKey::DeleteTopics => &[3, 42, 100],
        ApiKey::DeleteRecords => &[1, 3, 44],
        ApiKey::InitProducerId => &[42],
        ApiKey::OffsetForLeaderEpoch => &[3, 75],
        ApiKey::DescribeAcls | ApiKey::CreateAcls | ApiKey::DeleteAcls => &[54],
        ApiKey::DescribeConfigs => &[3, 17, 42],
        ApiKey::AlterConfigs | ApiKey::IncrementalAlterConfigs => &[3, 40, 42],
        ApiKey::AlterReplicaLogDirs => &[57],
        ApiKey::CreatePartitions => &[3, 37, 39, 42],
        ApiKey::DeleteGroups => &[68, 69],
        ApiKey::ElectLeaders => &[3, 84],
        ApiKey::AlterPartitionReassignments => &[3, 39, 85],
        ApiKey::OffsetDelete => &[3, 24, 69, 86],
        ApiKey::DescribeClientQuotas => &[42],
        ApiKey::DescribeUserScramCredentials => &[91, 92],
        ApiKey::DescribeQuorum => &[3],
        ApiKey::UpdateFeatures => &[95],
        ApiKey::DescribeCluster => &[114, 115],
        ApiKey::DescribeProducers => &[3, 17],
        ApiKey::ListConfigResources => &[35],
        ApiKey::DescribeTopicPartitions => &[3, 17, 42],
        ApiKey::DescribeLogDirs | ApiKey::ListGroups | ApiKey::ListPartitionReassignments => &[],
    }
}
