//! Which partition a message goes to that names none: Kafka's default partitioner, so that a key lands where the Java client puts
//! it. Used by `publish`.

/// The partition of a key (`BuiltInPartitioner.partitionForKey`); `count` is above 0.
pub fn partition_of(key: &[u8], count: i32) -> i32 {
    // Kafka's `toPositive`: not the absolute value.
    (murmur2(key) & 0x7fff_ffff) % count.max(1)
}

/// MurmurHash2 with Kafka's seed (`org.apache.kafka.common.utils.Utils.murmur2`).
fn murmur2(data: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash: u32 = 0x9747_b28c ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ hash >> 15) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that Kafka's own test of `Utils.murmur2` expects.
    #[test]
    fn hashes_as_kafka_does() {
        for (key, hash) in [
            ("21", -973932308),
            ("foobar", -790332482),
            ("a-little-bit-long-string", -985981536),
            ("a-little-bit-longer-string", -1486304829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
            ("abc", 479470107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
        assert_eq!(partition_of(b"21", 7), (-973932308 & 0x7fff_ffff) % 7);
        assert_eq!(partition_of(b"", 1), 0);
    }
}
