//! Kafka's bytes: primitives, messages, record batches, compression. Pure functions over buffers; the threads that own
//! sockets call them.

pub mod batch;
pub mod batch_builder;
pub mod compress;
pub mod record;
pub mod stored;
