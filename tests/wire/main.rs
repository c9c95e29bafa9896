//! The codec against others: the crate `kafka-protocol`, the schemas inside Kafka's own jar, and hostile bytes.

mod allocations;
mod frames;
mod hostile;
mod messages;
mod oracle;
mod schema;
mod schema_walk;
mod seeds;
mod tables;
