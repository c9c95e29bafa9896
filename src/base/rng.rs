//! A small seeded generator (SplitMix64) for ids that must differ, not be secret. The shell seeds it from the system; the
//! simulator seeds it with its own seed, so that a run can be repeated.

use super::ids::Uuid;

/// SplitMix64 by Steele, Lea and Flood: one addition and three xor-shifts per number.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose whole future is `seed`.
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 when `bound` is 0. The bias of the plain remainder does not matter to ids and simulations.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }

    /// A fresh uuid.
    pub fn uuid(&mut self) -> Uuid {
        loop {
            let (high, low) = (self.next_u64(), self.next_u64());
            if let Some(id) = Uuid::from_random(high, low) {
                return id;
            }
        }
    }
}
