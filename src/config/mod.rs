//! Settings: the one table, and the merging of flags, environment, file and defaults. The topic and broker configs that Kafka
//! clients ask for live here as well.

pub mod closest;
pub mod kafka_keys;
pub mod layers;
pub mod settings;
pub mod topic_list;
pub mod values;
pub mod yaml;
