//! Those who use the broker without the usual guarantees: a producer that wants no acks, and a consumer that assigns partitions
//! to itself and only keeps its offsets here.

use crate::lanes::{LANES, Lane, lane};
use crate::producer::produce;
use crate::world::{Actor, Net};
use monolog::base::text::Text;
use monolog::wire::batch_builder::BatchBuilder;
use monolog::wire::compress::Codec;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::offset_commit::{OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use monolog::wire::message::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use monolog::wire::message::{Request, Response};

/// acks=0: nothing is told and nothing sent again; what is stored is stored once and in order all the same.
pub struct Careless {
    number: u64,
    next_id: u64,
    settled: bool,
}

impl Careless {
    pub fn new(number: u64) -> Careless {
        Careless { number, next_id: 0, settled: false }
    }
}

impl Actor for Careless {
    fn wake(&mut self, net: &mut Net<'_>) {
        if self.settled {
            return;
        }
        let lane = net.rng().below(LANES.len() as u64) as Lane;
        if net.checks().exists(lane) {
            let id = self.number << 40 | self.next_id;
            let mut builder = BatchBuilder::new(Codec::None);
            builder.push(net.wall_ms(), None, Some(&id.to_be_bytes()), &[]);
            let batch = builder.build().expect("an uncompressed batch builds");
            if net.send_produce(0, produce(0, [lane].into_iter()), vec![batch]) {
                net.checks().sent(lane, self.number, 1);
                self.next_id += 1;
            }
        }
        let pause = 20 + net.rng().below(150);
        net.wake_in(pause);
    }

    fn answer(&mut self, net: &mut Net<'_>, _: u64, response: Response) {
        net.checks().violation(format!("acks=0 was answered with {response:?}"));
    }

    fn lost(&mut self, _: &mut Net<'_>) {}

    fn settle(&mut self) {
        self.settled = true;
    }

    fn is_settled(&self) -> bool {
        true
    }
}

const GROUP: &str = "outside";

/// Commits offsets for a group without members, and looks what became of them.
pub struct Outsider {
    next: i64,
    committing: Option<(Lane, i64)>,
    busy: bool,
    settled: bool,
}

impl Outsider {
    pub fn new() -> Outsider {
        Outsider { next: 0, committing: None, busy: false, settled: false }
    }

    fn commit(&mut self, net: &mut Net<'_>, lane: Lane) {
        let (topic, partition_index) = LANES[lane];
        let offset = OffsetCommitRequestPartition {
            partition_index,
            committed_offset: self.next,
            committed_leader_epoch: -1,
            committed_metadata: None,
        };
        let topic = OffsetCommitRequestTopic { name: Text::from_static(topic), partitions: vec![offset], ..Default::default() };
        let request = OffsetCommitRequest {
            group_id: Text::from_static(GROUP),
            generation_id_or_member_epoch: -1,
            topics: vec![topic],
            ..Default::default()
        };
        self.busy = net.send(0, 8, Request::OffsetCommit(request));
        if self.busy {
            net.checks().committing(GROUP, lane, self.next);
            self.committing = Some((lane, self.next));
            self.next += 1;
        }
    }

    fn look(&mut self, net: &mut Net<'_>, lane: Lane) {
        let (topic, index) = LANES[lane];
        let topic = OffsetFetchRequestTopics { name: Text::from_static(topic), partition_indexes: vec![index], ..Default::default() };
        let group = OffsetFetchRequestGroup { group_id: Text::from_static(GROUP), topics: Some(vec![topic]), ..Default::default() };
        self.busy = net.send(0, 8, Request::OffsetFetch(OffsetFetchRequest { groups: vec![group], ..Default::default() }));
    }
}

impl Actor for Outsider {
    fn wake(&mut self, net: &mut Net<'_>) {
        let lane = net.rng().below(LANES.len() as u64) as Lane;
        if !self.busy && !self.settled && net.checks().exists(lane) {
            if net.rng().below(2) == 0 { self.commit(net, lane) } else { self.look(net, lane) }
        }
        if !self.settled {
            let pause = 20 + net.rng().below(120);
            net.wake_in(pause);
        }
    }

    fn answer(&mut self, net: &mut Net<'_>, _: u64, response: Response) {
        self.busy = false;
        match response {
            Response::OffsetCommit(response) => match (response.topics[0].partitions[0].error_code, self.committing) {
                (ErrorCode::NONE, Some((lane, offset))) => {
                    net.world.seen.outside_commits += 1;
                    net.checks().committed(GROUP, lane, offset);
                }
                (ErrorCode::COORDINATOR_NOT_AVAILABLE, _) => {}
                (other, _) => net.checks().violation(format!("a commit from outside was answered with {other:?}")),
            },
            Response::OffsetFetch(response) => {
                let group = &response.groups[0];
                for topic in group.topics.iter().filter(|_| group.error_code == ErrorCode::NONE) {
                    for entry in topic.partitions.iter().filter(|entry| entry.error_code == ErrorCode::NONE) {
                        let Some(lane) = lane(&topic.name, entry.partition_index) else { continue };
                        net.checks().fetched_offset(GROUP, lane, entry.committed_offset);
                    }
                }
            }
            other => net.checks().violation(format!("an outsider was answered with {other:?}")),
        }
    }

    fn lost(&mut self, _: &mut Net<'_>) {
        self.busy = false;
    }

    fn settle(&mut self) {
        self.settled = true;
    }

    fn is_settled(&self) -> bool {
        !self.busy
    }
}
