//! An admin who creates the topics that all work with, then creates, changes and deletes topics of its own, one at a time, and looks
//! whether the broker remembers; and who deletes records where records go anyway.

use crate::lanes::lane;
use crate::world::{Actor, Net};
use monolog::base::text::Text;
use monolog::wire::error_code::ErrorCode;
use monolog::wire::message::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use monolog::wire::message::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use monolog::wire::message::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use monolog::wire::message::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use monolog::wire::message::incremental_alter_configs::{AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest};
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
            configs.push(config("retention.bytes", "3000"));
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

    /// Its topic gets another partition or another config; that it keeps what it was told is seen by comparing images.
    fn change(&mut self, net: &mut Net<'_>) {
        if net.rng().below(2) == 0 {
            let topic = CreatePartitionsTopic { name: self.name(), count: 2 + net.rng().below(4) as i32, assignments: None };
            let request = CreatePartitionsRequest { topics: vec![topic], timeout_ms: 1_000, ..Default::default() };
            self.busy = net.send(0, 3, Request::CreatePartitions(request));
        } else {
            let value = Some(Text::from(net.rng().below(5).to_string()));
            let config = AlterableConfig { name: Text::from_static("flush.ms"), config_operation: 0, value };
            let resource = AlterConfigsResource { resource_type: 2, resource_name: self.name(), configs: vec![config] };
            let request = IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
            self.busy = net.send(0, 1, Request::IncrementalAlterConfigs(request));
        }
    }

    /// In the topic from which retention takes records as well.
    fn delete_records(&mut self, net: &mut Net<'_>) {
        let partition_index = net.rng().below(2) as i32;
        let offset = net.rng().below(60) as i64;
        let partitions = vec![DeleteRecordsPartition { partition_index, offset }];
        let topics = vec![DeleteRecordsTopic { name: Text::from_static("events"), partitions }];
        self.busy = net.send(0, 2, Request::DeleteRecords(DeleteRecordsRequest { topics, timeout_ms: 1_000 }));
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
            match (self.known, net.rng().below(8)) {
                (_, 7) if net.world.weather.retention => self.delete_records(net),
                (Known::Unsure, _) | (_, 0..=1) => self.look(net),
                (Known::Present, 2..=3) => self.change(net),
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
            Response::CreatePartitions(response) => match response.results[0].error_code {
                // As many or more are there already, or the topic went in a change that was not answered.
                ErrorCode::NONE | ErrorCode::INVALID_PARTITIONS | ErrorCode::KAFKA_STORAGE_ERROR => {}
                other => net.checks().violation(format!("CreatePartitions was answered with {other:?}")),
            },
            Response::IncrementalAlterConfigs(response) => match response.responses[0].error_code {
                ErrorCode::NONE | ErrorCode::KAFKA_STORAGE_ERROR => {}
                other => net.checks().violation(format!("IncrementalAlterConfigs was answered with {other:?}")),
            },
            Response::DeleteRecords(response) => {
                let answer = &response.topics[0].partitions[0];
                match answer.error_code {
                    ErrorCode::NONE => {
                        let lane = lane("events", answer.partition_index).expect("a lane");
                        let stored = net.checks().log_start(lane);
                        if answer.low_watermark > stored {
                            let what = format!("DeleteRecords was acked at {}, the log starts at {stored}", answer.low_watermark);
                            net.checks().violation(what);
                        }
                    }
                    ErrorCode::OFFSET_OUT_OF_RANGE | ErrorCode::KAFKA_STORAGE_ERROR => {}
                    other => net.checks().violation(format!("DeleteRecords was answered with {other:?}")),
                }
            }
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
