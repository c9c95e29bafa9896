//! The APIs that are served, and the one table of their versions. ApiVersions, the decoders, the headers and the README's
//! support table all follow it; nothing else knows a range.

use std::fmt;

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiRow {
    /// The number of the API on the wire.
    pub key: i16,
    /// Kafka's name for it.
    pub name: &'static str,
    /// The lowest version that ApiVersions names.
    pub min: i16,
    /// The highest version that is served.
    pub max: i16,
    /// The lowest version that is served; above `min` for Produce only, see there.
    pub min_decodable: i16,
    /// From this version on, lengths are compact and structures have tagged fields (KIP-482).
    pub flexible_from: i16,
}

/// Makes the enum and the table from one list.
macro_rules! api_keys {
    ($(
        $(#[$doc:meta])*
        $name:ident = $key:literal, $min:literal..=$max:literal, decodable $decodable:literal, flexible $flexible:literal;
    )*) => {
        /// An API that is served.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $($(#[$doc])* $name = $key,)*
        }

        impl ApiKey {
            /// All of them, by rising key.
            pub const ALL: &[ApiKey] = &[$(ApiKey::$name),*];

            /// Its row of the table.
            pub const fn row(self) -> &'static ApiRow {
                match self {
                    $(ApiKey::$name => &ApiRow {
                        key: $key,
                        name: stringify!($name),
                        min: $min,
                        max: $max,
                        min_decodable: $decodable,
                        flexible_from: $flexible,
                    },)*
                }
            }

            /// The API with this number; `None` when it is not served.
            pub const fn from_i16(key: i16) -> Option<ApiKey> {
                match key {
                    $($key => Some(ApiKey::$name),)*
                    _ => None,
                }
            }
        }
    };
}

api_keys! {
    /// Append record batches. Versions 0 to 2 are advertised because librdkafka wants to see them (KAFKA-18659), and refused.
    Produce = 0, 0..=13, decodable 3, flexible 9;
    /// Read record batches.
    Fetch = 1, 4..=18, decodable 4, flexible 12;
    /// Find offsets by time.
    ListOffsets = 2, 1..=11, decodable 1, flexible 6;
    /// Brokers, topics, partitions and leaders.
    Metadata = 3, 0..=13, decodable 0, flexible 9;
    /// Keep offsets for a group.
    OffsetCommit = 8, 2..=10, decodable 2, flexible 8;
    /// Read the offsets kept for groups.
    OffsetFetch = 9, 1..=10, decodable 1, flexible 6;
    /// Who coordinates a group.
    FindCoordinator = 10, 0..=6, decodable 0, flexible 3;
    /// Enter a classic group.
    JoinGroup = 11, 0..=9, decodable 0, flexible 6;
    /// A member is alive.
    Heartbeat = 12, 0..=4, decodable 0, flexible 4;
    /// Members leave.
    LeaveGroup = 13, 0..=5, decodable 0, flexible 4;
    /// Members get their assignment.
    SyncGroup = 14, 0..=5, decodable 0, flexible 4;
    /// Look into classic groups.
    DescribeGroups = 15, 0..=6, decodable 0, flexible 5;
    /// Which groups there are.
    ListGroups = 16, 0..=5, decodable 0, flexible 3;
    /// What the broker can do.
    ApiVersions = 18, 0..=4, decodable 0, flexible 3;
    /// Make topics.
    CreateTopics = 19, 2..=7, decodable 2, flexible 5;
    /// Delete topics.
    DeleteTopics = 20, 1..=6, decodable 1, flexible 4;
    /// Move the first offset of partitions up.
    DeleteRecords = 21, 0..=2, decodable 0, flexible 2;
    /// A producer id. Version 6 exists and is not stable yet.
    InitProducerId = 22, 0..=5, decodable 0, flexible 2;
    /// Where leader epochs end.
    OffsetForLeaderEpoch = 23, 2..=4, decodable 2, flexible 4;
    /// Which rules of access there are.
    DescribeAcls = 29, 1..=3, decodable 1, flexible 2;
    /// Make rules of access.
    CreateAcls = 30, 1..=3, decodable 1, flexible 2;
    /// Delete rules of access.
    DeleteAcls = 31, 1..=3, decodable 1, flexible 2;
    /// Settings of topics and brokers.
    DescribeConfigs = 32, 1..=4, decodable 1, flexible 4;
    /// Replace all settings of topics and brokers.
    AlterConfigs = 33, 0..=2, decodable 0, flexible 2;
    /// Move replicas between the directories of a broker.
    AlterReplicaLogDirs = 34, 1..=2, decodable 1, flexible 2;
    /// What lies in the data directories.
    DescribeLogDirs = 35, 1..=5, decodable 1, flexible 2;
    /// Give topics more partitions.
    CreatePartitions = 37, 0..=3, decodable 0, flexible 2;
    /// Delete groups with their offsets.
    DeleteGroups = 42, 0..=2, decodable 0, flexible 2;
    /// Have leaders elected.
    ElectLeaders = 43, 0..=2, decodable 0, flexible 2;
    /// Change single settings of topics and brokers.
    IncrementalAlterConfigs = 44, 0..=1, decodable 0, flexible 1;
    /// Move replicas between brokers.
    AlterPartitionReassignments = 45, 0..=1, decodable 0, flexible 0;
    /// Which replicas are being moved between brokers.
    ListPartitionReassignments = 46, 0..=0, decodable 0, flexible 0;
    /// Delete committed offsets of a group.
    OffsetDelete = 47, 0..=0, decodable 0, flexible 32767;
    /// Which quotas there are.
    DescribeClientQuotas = 48, 0..=1, decodable 0, flexible 1;
    /// Which SCRAM credentials there are.
    DescribeUserScramCredentials = 50, 0..=0, decodable 0, flexible 0;
    /// The state of the metadata quorum.
    DescribeQuorum = 55, 0..=2, decodable 0, flexible 0;
    /// Change the levels of features.
    UpdateFeatures = 57, 0..=2, decodable 0, flexible 0;
    /// The brokers of the cluster.
    DescribeCluster = 60, 0..=2, decodable 0, flexible 0;
    /// The producers that partitions remember.
    DescribeProducers = 61, 0..=0, decodable 0, flexible 0;
    /// What has settings of its own.
    ListConfigResources = 74, 0..=1, decodable 0, flexible 0;
    /// Topics, page by page.
    DescribeTopicPartitions = 75, 0..=0, decodable 0, flexible 0;
}

impl ApiKey {
    /// The number on the wire.
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// Kafka's name for it.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether requests of this version can be read.
    pub const fn decodes(self, version: i16) -> bool {
        self.row().min_decodable <= version && version <= self.row().max
    }

    /// Whether this version is flexible.
    pub const fn is_flexible(self, version: i16) -> bool {
        version >= self.row().flexible_from
    }
}

impl ApiKey {
    /// Whether a short request may get a long answer: it tells of all that there is, or of things that are large.
    pub const fn is_listing(self) -> bool {
        use ApiKey::*;
        matches!(
            self,
            Metadata
                | OffsetFetch
                | DescribeGroups
                | ListGroups
                | DescribeConfigs
                | DescribeLogDirs
                | DescribeProducers
                | ListConfigResources
                | DescribeTopicPartitions
        )
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
