//! Seeded randomness: what a story did at random it can be made to do again.

use bailout::server::clock::mint;

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and random enough for stories.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Seeded by `BAILOUT_TEST_SEED` when that is set, else anew. The seed is printed, which a failing test shows.
    pub fn of(story: &str) -> Self {
        let told = std::env::var("BAILOUT_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let seed = told.unwrap_or_else(|| mint().as_u64_pair().1 ^ mint().as_u64_pair().0);
        println!("{story}: BAILOUT_TEST_SEED={seed}");
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

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}
