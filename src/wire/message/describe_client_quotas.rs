//! DescribeClientQuotas (key 48): which quotas there are (KIP-546).
//! Versions: 1 is flexible.

use crate::base::text::Text;
use crate::wire::error_code::ErrorCode;
use crate::wire::table::fields;

fields! {
    /// Asks for quotas.
    pub struct DescribeClientQuotasRequest {
        /// Conditions, all of which must hold.
        components: Vec<ComponentData> => 0..;
        /// Whether entities with further parts are left out.
        strict: bool => 0..;
    }

    /// One condition on the entity of a quota.
    pub struct ComponentData {
        /// The kind of part: user, client-id or ip.
        entity_type: Text => 0..;
        /// How the name is matched (0: exactly, 1: the default, 2: any).
        match_type: i8 => 0..;
        /// The name; null for the kinds that need none.
        r#match: Option<Text> => 0.., default Some(Text::default());
    }

    /// The quotas.
    pub struct DescribeClientQuotasResponse {
        /// How long the client should pause because of a quota.
        throttle_time_ms: i32 => 0..;
        /// What went wrong, or `NONE`.
        error_code: ErrorCode => 0..;
        /// What went wrong, in words.
        error_message: Option<Text> => 0.., default Some(Text::default());
        /// One entry for each entity; null after an error.
        entries: Option<Vec<EntryData>> => 0.., default Some(Vec::new());
    }

    /// The quotas of one entity.
    pub struct EntryData {
        /// Its parts.
        entity: Vec<EntityData> => 0..;
        /// Its quotas.
        values: Vec<ValueData> => 0..;
    }

    /// One part of an entity.
    pub struct EntityData {
        /// The kind of part: user, client-id or ip.
        entity_type: Text => 0..;
        /// The name of the part; null for the default.
        entity_name: Option<Text> => 0.., default Some(Text::default());
    }

    /// A quota.
    pub struct ValueData {
        /// The name of the quota.
        key: Text => 0..;
        /// The value.
        value: f64 => 0..;
    }
}
