//! A consumer without a group that reads its lanes by a fetch session (KIP-227), long polling, from the beginning to the end and
//! on; now and then it lets go of a lane for a while. When the run settles it must have seen everything.

use crate::lanes::{LANES, Lane, lane};
use crate::read::next_offset;
use crate::world::{Actor, Net};
use monolog::base::ids::Uuid;
use monolog::base::text::Text;
use monolog::store::seam::Writer;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic};
use monolog::wire::message::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use monolog::wire::message::metadata::{MetadataRequest, MetadataRequestTopic};
use monolog::wire::message::{Request, Response};
use std::collections::BTreeMap;

struct Place {
    lane: Lane,
    offset: i64,
    /// What the session knows, when it knows the partition.
    told: Option<i64>,
    /// Not read at present.
    paused: bool,
}

pub struct Reader {
    places: Vec<Place>,
    ids: BTreeMap<String, Uuid>,
    session: (i32, i32),
    busy: bool,
    settled: bool,
    done: bool,
}

impl Reader {
    pub fn new(lanes: std::ops::Range<Lane>) -> Reader {
        let places = lanes.map(|lane| Place { lane, offset: 0, told: None, paused: false }).collect();
        Reader { places, ids: BTreeMap::new(), session: (0, 0), busy: false, settled: false, done: false }
    }

    fn ask_names(&mut self, net: &mut Net<'_>) {
        let mut names: Vec<&str> = self.places.iter().map(|place| LANES[place.lane].0).collect();
        names.dedup();
        let topics = names.iter().map(|name| MetadataRequestTopic { name: Some(Text::from(*name)), ..Default::default() }).collect();
        let request = MetadataRequest { topics: Some(topics), allow_auto_topic_creation: false, ..Default::default() };
        self.busy = net.send(0, 12, Request::Metadata(request));
    }

    fn read(&mut self, net: &mut Net<'_>) {
        for place in &mut self.places {
            let toggled = net.rng().below(50) == 0;
            place.paused = !self.settled && place.paused != toggled;
        }
        if self.places.iter().all(|place| place.paused) {
            return;
        }
        let (topics, forgotten_topics_data) = self.news(net);
        let (session_id, session_epoch) = self.session;
        let max_wait_ms = net.rng().below(500) as i32;
        let request = FetchRequest {
            max_wait_ms,
            min_bytes: 1,
            max_bytes: 2_000,
            session_id,
            session_epoch,
            topics,
            forgotten_topics_data,
            ..Default::default()
        };
        let wants = self.places.iter().filter(|place| !place.paused).map(|place| (place.lane, place.offset)).collect();
        self.busy = net.send_fetch(16, request, wants);
    }

    /// What the session does not know yet: offsets that moved, and lanes to forget.
    fn news(&mut self, net: &mut Net<'_>) -> (Vec<FetchTopic>, Vec<ForgottenTopic>) {
        let is_new = self.session.1 == 0;
        let (mut topics, mut forgotten): (Vec<FetchTopic>, Vec<ForgottenTopic>) = (Vec::new(), Vec::new());
        for place in &mut self.places {
            let (name, index) = LANES[place.lane];
            let topic_id = self.ids.get(name).copied().unwrap_or_default();
            if place.paused {
                if place.told.take().is_some() && !is_new {
                    net.world.seen.forgotten += 1;
                    forgotten.push(ForgottenTopic { topic_id, partitions: vec![index], ..Default::default() });
                }
                continue;
            }
            if !is_new && place.told == Some(place.offset) {
                continue;
            }
            place.told = Some(place.offset);
            let partition = FetchPartition {
                partition: index,
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
        (topics, forgotten)
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
            let name = self.ids.iter().find(|(_, id)| **id == topic.topic_id).map(|(name, _)| name.as_str()).unwrap_or_default();
            for partition in &topic.partitions {
                let lane = lane(name, partition.partition_index);
                let Some(place) = self.places.iter_mut().find(|place| Some(place.lane) == lane && !place.paused) else {
                    net.checks().violation(format!("a fetch was answered with {name}-{}, not asked for", partition.partition_index));
                    continue;
                };
                match partition.error_code {
                    ErrorCode::NONE => place.offset = next_offset(partition).unwrap_or(place.offset),
                    ErrorCode::OFFSET_OUT_OF_RANGE => place.offset = net.out_of_range(place.lane, place.offset),
                    other => net.checks().violation(format!("a fetch of {:?} was answered with {other:?}", LANES[place.lane])),
                }
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
            let (name, index) = LANES[place.lane];
            let id = image.topics.iter().find(|topic| topic.name == name).map(|topic| topic.id);
            let end = image.partitions.iter().find(|row| Some(row.topic) == id && row.index == index).map(|row| row.next_offset);
            end.is_none_or(|end| end == place.offset)
        })
    }

    fn ask_time(&mut self, net: &mut Net<'_>) {
        let lane = self.places[net.rng().below(self.places.len() as u64) as usize].lane;
        let timestamp = [-1, -2, -3, net.wall_ms() - 500][net.rng().below(4) as usize];
        let partition = ListOffsetsPartition { partition_index: LANES[lane].1, current_leader_epoch: -1, timestamp };
        let topic = ListOffsetsTopic { name: Text::from_static(LANES[lane].0), partitions: vec![partition] };
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
                if error != ErrorCode::NONE {
                    net.checks().violation(format!("ListOffsets was answered with {error:?}"));
                }
            }
            Response::Metadata(response) => {
                if response.topics.iter().all(|topic| topic.error_code == ErrorCode::NONE) {
                    let name = |name: &Option<Text>| name.as_deref().unwrap_or_default().to_owned();
                    self.ids = response.topics.iter().map(|topic| (name(&topic.name), topic.topic_id)).collect();
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

    fn describe(&self) -> String {
        let places: Vec<_> = self.places.iter().map(|place| (LANES[place.lane], place.offset, place.told)).collect();
        format!("a reader at {places:?}")
    }
}
