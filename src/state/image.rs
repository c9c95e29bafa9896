//! The durable part of the state, as a store must hold it: what the simulator compares with what a store loads, at every moment at
//! which nothing is on its way to the disk.

use super::State;
use crate::store::plan::{Image, PartitionRow};

impl State {
    /// Everything decided, as rows. `bytes` of partitions is the store's own and stands at 0. Groups appear only while the
    /// store holds them as they are: not in the middle of a round, when it has an earlier state of them.
    pub fn image(&self) -> Image {
        let groups = || self.groups.iter();
        Image {
            cluster_id: self.broker.cluster_id,
            topics: self.topics.iter().map(|topic| topic.to_row()).collect(),
            partitions: self.partition_rows(),
            producers: self.log.partitions().flat_map(|(_, partition)| partition.producer_rows()).collect(),
            groups: groups().filter_map(|group| group.row()).collect(),
            offsets: groups().flat_map(|group| group.offset_rows()).collect(),
            next_part: self.next_part,
            next_producer_id: self.producer_ids.durable_next(),
        }
    }

    fn partition_rows(&self) -> Vec<PartitionRow> {
        let all = self.topics.iter().flat_map(|topic| topic.partitions.iter().enumerate().map(move |(index, part)| (topic, index, *part)));
        let row = |(topic, index, part): (&super::topics::Topic, usize, _)| {
            let partition = self.log.partition(part)?;
            Some(PartitionRow {
                part,
                topic: topic.id,
                index: index as i32,
                log_start: partition.decided_log_start(),
                next_offset: partition.next_offset(),
                bytes: 0,
                max_ts: partition.max_timestamp(),
                leader_epoch: partition.leader_epoch(),
            })
        };
        all.filter_map(row).collect()
    }
}
