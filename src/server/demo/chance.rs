//! Seeded randomness: each demo goes the same way, as far as nobody interferes.

use std::{ops::RangeInclusive, time::Duration};

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and random enough for a play.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The same numbers for the same seed.
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Another one, for a task of its own.
    pub fn split(&mut self) -> Self {
        Self(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }

    /// A span of whole seconds.
    pub fn seconds(&mut self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(range.start() + self.next() % (range.end() - range.start() + 1))
    }

    /// One of these; none of none.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let count = of.len() as u64;
        of.get((self.next() % count.max(1)) as usize)
    }
}
