//! The errors that Apache Kafka must have answered with in the course of a run, so that the cases stay what they are meant to be, and
//! those that nothing can provoke here.

use monolog::wire::api_key::ApiKey;

/// The codes that the cases of an API provoke, as Kafka numbers them.
pub fn of(api: ApiKey) -> &'static [i64] {
    match api {
        // Offset out of range, unknown topic, session not found, its epoch wrong, unknown leader epoch, unknown topic id, another topic
        // of the same name, ids in a session of names.
        ApiKey::Fetch => &[1, 3, 70, 71, 75, 100, 103, 106],
        // Corrupt, unknown topic, too large a message, no good name, larger than a segment, no good acks, bad time, sequence out of
        // order, old epoch, transaction, no good codec, invalid record, unknown topic id.
        ApiKey::Produce => &[2, 3, 10, 17, 18, 21, 32, 45, 47, 53, 76, 87, 100],
        ApiKey::ListOffsets => &[3, 35, 42, 74, 75],
        ApiKey::Metadata => &[3, 17, 42, 100],
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
        ApiKey::DeleteRecords => &[1, 3, 17, 44],
        ApiKey::InitProducerId => &[42, 50],
        ApiKey::OffsetForLeaderEpoch => &[3, 74, 75],
        ApiKey::DescribeAcls | ApiKey::CreateAcls | ApiKey::DeleteAcls => &[54],
        ApiKey::DescribeConfigs => &[3, 17, 42],
        ApiKey::AlterConfigs | ApiKey::IncrementalAlterConfigs => &[3, 17, 40, 42],
        ApiKey::AlterReplicaLogDirs => &[3, 57],
        ApiKey::CreatePartitions => &[3, 37, 39, 42],
        ApiKey::DeleteGroups => &[68, 69],
        ApiKey::ElectLeaders => &[3, 42, 84],
        ApiKey::AlterPartitionReassignments => &[3, 39, 85],
        ApiKey::OffsetDelete => &[3, 24, 68, 69, 86],
        ApiKey::DescribeClientQuotas => &[35, 42],
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

/// The groups of a cluster, as far as clients ask their coordinator.
const OF_GROUPS: &[ApiKey] = &[
    ApiKey::JoinGroup,
    ApiKey::SyncGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::OffsetDelete,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::DeleteGroups,
];

/// Errors that an API knows too and that no request provokes here: APIs, codes, why. Should one be met all the same the run fails, and
/// it is to be demanded above.
pub const OUT_OF_REACH: &[(&[ApiKey], &[i64], &str)] = &[
    (ApiKey::ALL, &[29, 30, 31, 58], "there is neither authorizer nor authentication"),
    (ApiKey::ALL, &[41], "the one node is the controller"),
    (ApiKey::ALL, &[56], "the disk does not fail; tests of the store and the simulator let it"),
    (OF_GROUPS, &[14, 15, 16], "the one node coordinates all groups, and the run begins when it does"),
    (&[ApiKey::Produce, ApiKey::Fetch, ApiKey::ListOffsets, ApiKey::OffsetForLeaderEpoch], &[5, 6, 9, 78], "the one node leads everything"),
    (&[ApiKey::Fetch], &[74], "an epoch below the first one means none in a Fetch, and the one node never leads in a later one"),
    (&[ApiKey::Produce], &[19, 20], "the one replica is always in sync"),
    (&[ApiKey::Produce], &[46, 59], "Kafka no longer answers with these"),
    (&[ApiKey::Produce], &[48, 49, 120], "it takes a transaction, and monolog serves none"),
    (&[ApiKey::InitProducerId], &[47, 51, 90], "it takes a transaction, and monolog serves none"),
    (&[ApiKey::OffsetFetch], &[88], "it takes a transaction, and monolog serves none"),
    (&[ApiKey::OffsetCommit, ApiKey::OffsetFetch], &[113], "it takes a group of KIP-848, and monolog serves none"),
    (&[ApiKey::JoinGroup], &[81], "a group is full with 10,000 members; a test of the group's rules fills one"),
    (&[ApiKey::Metadata], &[129], "no broker tells clients to start anew by itself"),
    (&[ApiKey::CreateTopics, ApiKey::CreatePartitions], &[44, 89], "there are neither policies nor quotas"),
    (&[ApiKey::DeleteTopics], &[73], "it takes a broker that is set to delete no topics"),
    (&[ApiKey::UpdateFeatures], &[96], "Kafka 4 answers 95 for all that it refuses"),
];
