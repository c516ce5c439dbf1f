//! Seeded randomness: what a story did at random it can be made to do again.

use bailout::server::clock::mint;
use fastrand::Rng;

/// What happens at random in a story.
#[derive(Debug, Clone)]
pub struct Chance(Rng);

impl Chance {
    /// Seeded by `BAILOUT_TEST_SEED` when that is set, else anew. The seed is printed, which a failing test shows.
    pub fn of(story: &str) -> Self {
        let told = std::env::var("BAILOUT_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let seed = told.unwrap_or_else(|| mint().as_u64_pair().1 ^ mint().as_u64_pair().0);
        println!("{story}: BAILOUT_TEST_SEED={seed}");
        Self(Rng::with_seed(seed))
    }

    /// Another one, for a task of its own.
    pub fn split(&mut self) -> Self {
        Self(self.0.fork())
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
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

/// Whether `bin/torture` builds the stories, which then do a hundred times as much as in every run of the tests, for hours.
pub const TORTURE: bool = option_env!("BAILOUT_TORTURE").is_some();
