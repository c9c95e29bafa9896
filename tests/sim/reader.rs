//! A consumer without a group that reads every partition by a fetch session (KIP-227), long polling, from the beginning to the
//! end and on. When the run settles it must have seen everything.

use crate::checks::{batches, ids};
use crate::world::{Actor, Net};
use monolog::base::ids::Uuid;
use monolog::base::text::Text;
use monolog::store::seam::Writer;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use monolog::wire::message::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use monolog::wire::message::metadata::{MetadataRequest, MetadataRequestTopic};
use monolog::wire::message::{Request, Response};
use std::collections::BTreeMap;

struct Place {
    topic: &'static str,
    index: i32,
    offset: i64,
    /// What the session knows, when it knows the partition.
    told: Option<i64>,
}

pub struct Reader {
    places: Vec<Place>,
    ids: BTreeMap<Uuid, String>,
    session: (i32, i32),
    busy: bool,
    settled: bool,
    done: bool,
}

impl Reader {
    pub fn new(partitions: &[(&'static str, i32)]) -> Reader {
        let places = partitions.iter().map(|(topic, index)| Place { topic, index: *index, offset: 0, told: None }).collect();
        Reader { places, ids: BTreeMap::new(), session: (0, 0), busy: false, settled: false, done: false }
    }

    fn id_of(&self, topic: &str) -> Uuid {
        self.ids.iter().find(|(_, name)| *name == topic).map_or(Uuid::ZERO, |(id, _)| *id)
    }

    fn ask_names(&mut self, net: &mut Net<'_>) {
        let mut names: Vec<&str> = self.places.iter().map(|place| place.topic).collect();
        names.dedup();
        let topics = names.iter().map(|name| MetadataRequestTopic { name: Some(Text::from(*name)), ..Default::default() }).collect();
        let request = MetadataRequest { topics: Some(topics), allow_auto_topic_creation: false, ..Default::default() };
        self.busy = net.send(0, 12, Request::Metadata(request));
    }

    fn read(&mut self, net: &mut Net<'_>) {
        let is_new = self.session.1 == 0;
        let mut topics: Vec<FetchTopic> = Vec::new();
        for at in 0..self.places.len() {
            let topic_id = self.id_of(self.places[at].topic);
            let place = &mut self.places[at];
            if !is_new && place.told == Some(place.offset) {
                continue;
            }
            place.told = Some(place.offset);
            let partition = FetchPartition {
                partition: place.index,
                fetch_offset: place.offset,
                partition_max_bytes: 600,
                current_leader_epoch: -1,
                last_fetched_epoch: -1,
                log_start_offset: -1,
                ..Default::default()
            };
            match topics.last_mut().filter(|topic| topic.topic_id == topic_id) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(FetchTopic { topic_id, partitions: vec![partition], ..Default::default() }),
            }
        }
        let (session_id, session_epoch) = self.session;
        let max_wait_ms = net.rng().below(500) as i32;
        let request = FetchRequest { max_wait_ms, min_bytes: 1, max_bytes: 2_000, session_id, session_epoch, topics, ..Default::default() };
        self.busy = net.send(0, 16, Request::Fetch(request));
    }

    fn fetched(&mut self, net: &mut Net<'_>, response: FetchResponse) {
        if response.error_code != ErrorCode::NONE {
            if !matches!(response.error_code, ErrorCode::FETCH_SESSION_ID_NOT_FOUND | ErrorCode::INVALID_FETCH_SESSION_EPOCH) {
                net.checks().violation(format!("a fetch session was answered with {:?}", response.error_code));
            }
            self.forget_session();
            return;
        }
        self.session = (response.session_id, if response.session_id == 0 { 0 } else { self.session.1 + 1 });
        for topic in &response.responses {
            let name = self.ids.get(&topic.topic_id).cloned().unwrap_or_default();
            for partition in &topic.partitions {
                let Some(place) = self.places.iter_mut().find(|place| place.topic == name && place.index == partition.partition_index)
                else {
                    net.checks().violation(format!("a fetch was answered with {name}-{}, not asked for", partition.partition_index));
                    continue;
                };
                let last = batches(&partition.records.to_bytes()).last().and_then(|(base, batch)| ids(*base, batch).last().copied());
                place.offset = last.map_or(place.offset, |(offset, _)| place.offset.max(offset + 1));
            }
        }
    }

    fn forget_session(&mut self) {
        self.session = (0, 0);
        self.places.iter_mut().for_each(|place| place.told = None);
    }

    /// Whether every place stands at the end of what is durable.
    fn has_all(&self, net: &Net<'_>) -> bool {
        let image = net.store().load().expect("the memory store loads");
        self.places.iter().all(|place| {
            let id = image.topics.iter().find(|topic| topic.name == place.topic).map(|topic| topic.id);
            let end = image.partitions.iter().find(|row| Some(row.topic) == id && row.index == place.index).map(|row| row.next_offset);
            end.is_none_or(|end| end == place.offset)
        })
    }

    fn ask_time(&mut self, net: &mut Net<'_>) {
        let place = &self.places[net.world.rng.below(self.places.len() as u64) as usize];
        let timestamp = [-1, -2, -3, net.wall_ms() - 500][net.world.rng.below(4) as usize];
        let partition = ListOffsetsPartition { partition_index: place.index, current_leader_epoch: -1, timestamp, ..Default::default() };
        let topic = ListOffsetsTopic { name: Text::from_static(place.topic), partitions: vec![partition] };
        let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
        self.busy = net.send(0, 7, Request::ListOffsets(request));
    }
}

impl Actor for Reader {
    fn wake(&mut self, net: &mut Net<'_>) {
        if !self.busy {
            match net.rng().below(40) {
                _ if self.ids.is_empty() => self.ask_names(net),
                0 => self.ask_time(net),
                1 => net.hang_up(),
                _ => self.read(net),
            }
        }
        self.done = self.settled && self.has_all(net);
        if !self.done {
            let pause = 1 + net.rng().below(60);
            net.wake_in(pause);
        }
    }

    fn answer(&mut self, net: &mut Net<'_>, _: u64, response: Response) {
        self.busy = false;
        match response {
            Response::Fetch(response) => self.fetched(net, response),
            Response::ListOffsets(response) => {
                let error = response.topics[0].partitions[0].error_code;
                if !matches!(error, ErrorCode::NONE | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) {
                    net.checks().violation(format!("ListOffsets was answered with {error:?}"));
                }
            }
            Response::Metadata(response) => {
                if response.topics.iter().all(|topic| topic.error_code == ErrorCode::NONE) {
                    self.ids =
                        response.topics.iter().map(|topic| (topic.topic_id, topic.name.clone().unwrap_or_default().to_string())).collect();
                }
            }
            other => net.checks().violation(format!("a reader was answered with {other:?}")),
        }
    }

    fn lost(&mut self, _: &mut Net<'_>) {
        self.busy = false;
        self.forget_session();
    }

    fn settle(&mut self) {
        self.settled = true;
    }

    fn is_settled(&self) -> bool {
        self.done
    }
}
