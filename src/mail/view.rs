//! Questions that the Kafka protocol has no words for: what there is, in one consistent look. Asked by the HTTP side, answered by
//! the engine (`api/views`) from what is committed.

use crate::base::text::Text;

/// The closed list of questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// All topics.
    Topics,
    /// One topic, with its configs.
    Topic(Text),
    /// All groups, without members and offsets.
    Groups,
    /// One group, with members and offsets.
    Group(Text),
    /// Fetches that wait for data.
    Pending,
    /// How much there is of everything.
    Totals,
}

/// The answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// Topics, sorted by name; none where the one that was asked for is not there.
    Topics(Vec<TopicView>),
    /// Groups, sorted by id; none where the one that was asked for is not there.
    Groups(Vec<GroupView>),
    /// Fetches that wait, oldest first: one entry for each partition, a bounded number of them.
    Pending(Vec<PendingView>),
    /// How much there is of everything.
    Totals(Totals),
    /// What the answer rests on was refused by the store: ask again.
    Refused,
}

impl View {
    /// What its lists take in memory, in bytes. Names, metadata and assignments are those of the engine.
    pub fn heap_bytes(&self) -> usize {
        match self {
            View::Topics(topics) => {
                let lists = topics.iter().map(|topic| listed(&topic.partitions) + listed(&topic.configs));
                listed(topics) + lists.sum::<usize>()
            }
            View::Groups(groups) => {
                let lists = groups.iter().map(|group| listed(&group.members) + listed(&group.offsets));
                listed(groups) + lists.sum::<usize>()
            }
            View::Pending(rows) => listed(rows),
            View::Totals(_) | View::Refused => 0,
        }
    }
}

fn listed<T>(list: &Vec<T>) -> usize {
    list.capacity() * size_of::<T>()
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicView {
    /// Its name.
    pub name: Text,
    /// When it was created, ms since 1970.
    pub created_ms: i64,
    /// Its partitions by index.
    pub partitions: Vec<PartitionView>,
    /// Its overrides (name, value), sorted by name; of a list they are left out.
    pub configs: Vec<(Text, Text)>,
}

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// The first offset that can be read.
    pub log_start: i64,
    /// The first offset that cannot be read yet.
    pub high_watermark: i64,
    /// Bytes of batches between them.
    pub bytes: i64,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// Its id.
    pub id: Text,
    /// Kafka's name of its state.
    pub state: &'static str,
    /// Its generation; 0 before the first.
    pub generation: i32,
    /// The protocol that this generation settled on; "" when there is none.
    pub protocol: Text,
    /// How many members it has.
    pub member_count: usize,
    /// How many records are left to read, over all partitions with a committed offset.
    pub lag: i64,
    /// Its members, sorted by id; of a list they are left out.
    pub members: Vec<MemberView>,
    /// Its committed offsets, sorted by topic and partition; of a list they are left out.
    pub offsets: Vec<OffsetView>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Its id.
    pub id: Text,
    /// Client id of the connection it first joined by.
    pub client_id: Text,
    /// Where it first joined from ("/127.0.0.1").
    pub host: Text,
    /// What its leader gave it, in the words of its protocol.
    pub assignment: bytes::Bytes,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetView {
    /// The topic.
    pub topic: Text,
    /// Index of the partition.
    pub partition: i32,
    /// The next offset the group will read.
    pub offset: i64,
    /// The high watermark of the partition.
    pub end_offset: i64,
    /// Free text of the client.
    pub metadata: Text,
}

impl OffsetView {
    /// How many records are left to read.
    pub fn lag(&self) -> i64 {
        self.end_offset.saturating_sub(self.offset).max(0)
    }
}

/// A partition that a fetch waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingView {
    /// The topic; "" where the fetch names it by an id that nobody knows.
    pub topic: Text,
    /// Index of the partition.
    pub partition: i32,
    /// The offset it waits for.
    pub offset: i64,
    /// When it is answered in any case, ms since 1970.
    pub deadline_ms: i64,
    /// The number that the client gave the request.
    pub correlation_id: i32,
    /// The client's name for itself.
    pub client_id: Option<Text>,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Topics.
    pub topics: usize,
    /// Partitions of all topics together.
    pub partitions: usize,
    /// Records that can be read.
    pub messages: i64,
    /// Bytes of their batches.
    pub bytes: i64,
    /// Groups.
    pub groups: usize,
    /// Fetches that wait for data.
    pub pending: usize,
}
