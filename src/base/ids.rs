//! Newtypes for the numbers that must not be mixed up. Offsets, epochs and sequences stay plain integers, as in
//! Kafka's own schemas; what lives here are identities.

use std::fmt;

/// A Kafka uuid: topic ids, and the cluster id. Printed as Kafka prints it, 22 characters of url-safe base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Uuid(pub [u8; 16]);

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Uuid {
    /// The id that means "none" on the wire.
    pub const ZERO: Uuid = Uuid([0; 16]);

    /// A version-4 uuid from 128 random bits; `None` for those Kafka never hands out (the reserved ids 0 and 1, and any whose
    /// text begins with `-`, see `org.apache.kafka.common.Uuid.randomUuid`).
    pub fn from_random(high: u64, low: u64) -> Option<Uuid> {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        // The first base64 character is the top six bits; 62 is '-'.
        (bytes[0] >> 2 != 62).then_some(Uuid(bytes))
    }

    /// Whether this is the "none" id.
    pub fn is_zero(&self) -> bool {
        *self == Uuid::ZERO
    }

    /// The usual hyphenated hexadecimal form, used inside generated member ids.
    pub fn to_hyphenated(&self) -> String {
        let mut text = String::with_capacity(36);
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push_str(&format!("{byte:02x}"));
        }
        text
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        // 128 bits are 21 full characters and two bits, which Kafka pads with zeros on the right.
        for i in 0..22u32 {
            let six = if i < 21 { (bits >> (122 - 6 * i)) & 63 } else { (bits << 4) & 63 };
            write!(f, "{}", BASE64[six as usize] as char)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The internal number of one partition of one topic incarnation. Never reused: it comes from a durable counter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct PartId(pub i64);

/// The number of a plan: one plan is one store transaction. Counts up from 1 within a process; 0 means "already committed".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct PlanNo(pub u64);

impl PlanNo {
    /// What was loaded, or rests on nothing that is still to be committed.
    pub const COMMITTED: PlanNo = PlanNo(0);
}

/// One connection. The slot of a closed connection is reused, its generation is not, so a late answer cannot reach the next tenant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct ConnId {
    /// Which reactor owns the connection.
    pub reactor: u16,
    /// The slot in that reactor's table.
    pub slot: u32,
    /// How many connections that reactor had accepted when this one came.
    pub generation: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuid_prints_as_kafka_does() {
        // The two reserved ids of org.apache.kafka.common.Uuid, as its own toString prints them.
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        let mut one = [0; 16];
        one[15] = 1;
        assert_eq!(Uuid(one).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(Uuid([255; 16]).to_string(), "_____________________w");
    }

    #[test]
    fn random_uuids_never_begin_with_a_dash() {
        assert!(Uuid::from_random(0xf800_0000_0000_0000, 1).is_none());
        let id = Uuid::from_random(1, 2).unwrap();
        assert!(!id.to_string().starts_with('-'));
        assert_eq!(id.to_hyphenated().len(), 36);
    }
}
