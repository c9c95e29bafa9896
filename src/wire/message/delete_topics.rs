//! DeleteTopics (key 20): delete topics.
//! Versions: 4 is flexible; 5 adds the error message; 6 names topics by name or id (KIP-516).

use crate::base::ids::Uuid;
use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Topics to delete.
    pub struct DeleteTopicsRequest {
        /// From version 6: the topics, by name or id.
        topics: Vec<DeleteTopicState> => 6..;
        /// Up to version 5: the names of the topics.
        topic_names: Vec<Text> => 0..=5;
        /// How long the broker may take.
        timeout_ms: i32 => 0..;
    }

    /// A topic to delete, by name or id.
    pub struct DeleteTopicState {
        /// The name of the topic; null when it is named by its id.
        name: Option<Text> => 6..;
        /// The id of the topic.
        topic_id: Uuid => 6..;
    }

    /// Which topics were deleted.
    pub struct DeleteTopicsResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 1..;
        /// One answer for each topic.
        responses: Vec<DeletableTopicResult> => 0..;
    }

    /// The answer for one topic.
    pub struct DeletableTopicResult {
        /// The name of the topic.
        name: Option<Text> => 0.., nullable 6.., default Some(Text::default());
        /// The id of the topic.
        topic_id: Uuid => 6..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 5..;
    }
}
