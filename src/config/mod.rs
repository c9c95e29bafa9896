//! Settings: the one table, and the merging of flags, environment and defaults. The topic and broker configs that Kafka
//! clients ask for live here as well.

pub mod kafka_keys;
pub mod layers;
pub mod settings;
