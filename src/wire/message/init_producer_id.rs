//! InitProducerId (key 22): a producer id for idempotent and transactional producers.
//! Versions: 2 is flexible; 3 lets a producer keep its id (KIP-360); 4 answers PRODUCER_FENCED; 5 is about transactions (KIP-890).
//! Version 6 (two-phase commit, KIP-939) is not stable in Kafka 4.3 and not served.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks for a producer id, or a new epoch of one.
    pub struct InitProducerIdRequest {
        /// Set for transactional producers.
        transactional_id: Option<Text> => 0.., default Some(Text::default());
        /// After this time the coordinator aborts a transaction of this producer.
        transaction_timeout_ms: i32 => 0..;
        /// The id the producer has had, -1 for none (KIP-360).
        producer_id: i64 => 3.., default -1;
        /// The epoch the producer has had, -1 for none (KIP-360).
        producer_epoch: i16 => 3.., default -1;
    }

    /// The producer id.
    pub struct InitProducerIdResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// The producer id.
        producer_id: i64 => 0.., default -1;
        /// The epoch of the producer id.
        producer_epoch: i16 => 0..;
    }
}
