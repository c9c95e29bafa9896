//! An admin who creates the topics that all work with, then creates and deletes topics of its own, one at a time, and looks whether
//! the broker remembers.

use crate::world::{Actor, Net};
use monolog::base::text::Text;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use monolog::wire::message::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use monolog::wire::message::metadata::{MetadataRequest, MetadataRequestTopic};
use monolog::wire::message::{Request, Response};

/// What the admin knows of its present topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    Absent,
    Present,
    /// A change was sent and not answered: either may be true.
    Unsure,
}

pub struct Admin {
    /// Topics still to be created for the others, with their partitions.
    wanted: Vec<(&'static str, i32)>,
    number: u64,
    known: Known,
    busy: bool,
    settled: bool,
}

impl Admin {
    pub fn new() -> Admin {
        Admin { wanted: vec![("orders", 3), ("events", 2)], number: 0, known: Known::Absent, busy: false, settled: false }
    }

    fn name(&self) -> Text {
        Text::from(format!("passing-{}", self.number))
    }

    fn create(&mut self, net: &mut Net<'_>) {
        let (name, num_partitions) = match self.wanted.last() {
            Some((name, partitions)) => (Text::from_static(name), *partitions),
            None => (self.name(), 2),
        };
        let config = |name, value| CreatableTopicConfig { name: Text::from_static(name), value: Some(Text::from_static(value)) };
        // The clock jumps: what was stamped before must do after.
        let mut configs = vec![config("message.timestamp.after.max.ms", "9223372036854775807")];
        if net.world.weather.retention && name == "events" {
            configs.push(config("retention.ms", "3000"));
        }
        let topic = CreatableTopic { name, num_partitions, replication_factor: 1, configs, ..Default::default() };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 1_000, ..Default::default() };
        self.busy = net.send(0, 7, Request::CreateTopics(request));
        if self.busy && self.wanted.is_empty() {
            self.known = Known::Unsure;
        }
    }

    fn delete(&mut self, net: &mut Net<'_>) {
        let topic = DeleteTopicState { name: Some(self.name()), ..Default::default() };
        let request = DeleteTopicsRequest { topics: vec![topic], timeout_ms: 1_000, ..Default::default() };
        self.busy = net.send(0, 6, Request::DeleteTopics(request));
        if self.busy {
            self.known = Known::Unsure;
        }
    }

    fn look(&mut self, net: &mut Net<'_>) {
        let topic = MetadataRequestTopic { name: Some(self.name()), ..Default::default() };
        let request = MetadataRequest { topics: Some(vec![topic]), allow_auto_topic_creation: false, ..Default::default() };
        self.busy = net.send(0, 12, Request::Metadata(request));
    }
}

impl Actor for Admin {
    fn wake(&mut self, net: &mut Net<'_>) {
        if !self.busy && !self.wanted.is_empty() {
            self.create(net);
        } else if !self.busy {
            match (self.known, net.rng().below(4)) {
                (Known::Unsure, _) | (_, 0) => self.look(net),
                (Known::Absent, _) => {
                    self.number += net.rng().below(2);
                    self.create(net);
                }
                (Known::Present, _) => self.delete(net),
            }
        }
        if !self.settled || !self.wanted.is_empty() {
            let pause = 100 + net.rng().below(700);
            net.wake_in(pause);
        }
    }

    fn answer(&mut self, net: &mut Net<'_>, _: u64, response: Response) {
        self.busy = false;
        match response {
            Response::CreateTopics(response) => match response.topics[0].error_code {
                ErrorCode::NONE | ErrorCode::TOPIC_ALREADY_EXISTS if !self.wanted.is_empty() => self.wanted.truncate(self.wanted.len() - 1),
                ErrorCode::KAFKA_STORAGE_ERROR if !self.wanted.is_empty() => {}
                ErrorCode::NONE | ErrorCode::TOPIC_ALREADY_EXISTS => self.known = Known::Present,
                // A disk that broke may have kept it.
                ErrorCode::KAFKA_STORAGE_ERROR => self.known = Known::Unsure,
                other => net.checks().violation(format!("CreateTopics was answered with {other:?}")),
            },
            Response::DeleteTopics(response) => match response.responses[0].error_code {
                ErrorCode::NONE => {
                    net.world.seen.topics_deleted += 1;
                    self.known = Known::Absent;
                }
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => self.known = Known::Absent,
                ErrorCode::KAFKA_STORAGE_ERROR => self.known = Known::Unsure,
                other => net.checks().violation(format!("DeleteTopics was answered with {other:?}")),
            },
            Response::Metadata(response) => {
                let found = match response.topics[0].error_code {
                    ErrorCode::NONE => Known::Present,
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Known::Absent,
                    _ => return,
                };
                if self.known != Known::Unsure && self.known != found {
                    let what = format!("{} is {found:?}, though the admin was told it is {:?}", self.name(), self.known);
                    net.checks().violation(what);
                }
                self.known = found;
            }
            other => net.checks().violation(format!("an admin was answered with {other:?}")),
        }
    }

    fn lost(&mut self, _: &mut Net<'_>) {
        self.busy = false;
    }

    fn settle(&mut self) {
        self.settled = true;
    }

    fn is_settled(&self) -> bool {
        !self.busy && self.wanted.is_empty()
    }
}
