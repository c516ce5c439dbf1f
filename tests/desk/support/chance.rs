//! Seeded randomness, so that a random test can be repeated.

use std::time::Duration;

use bailout::server::clock::mint;
use fastrand::Rng;

/// A random source for a test.
#[derive(Debug, Clone)]
pub struct Chance(Rng);

impl Chance {
    /// Creates a source seeded by `BAILOUT_TEST_SEED` when that is set, else by a new seed. The seed is printed, and a
    /// failing test shows it.
    pub fn of(story: &str) -> Self {
        let told = std::env::var("BAILOUT_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let seed = told.unwrap_or_else(|| mint().as_u64_pair().1 ^ mint().as_u64_pair().0);
        println!("{story}: BAILOUT_TEST_SEED={seed}");
        Self(Rng::with_seed(seed))
    }

    /// Returns another source, for a separate task.
    pub fn split(&mut self) -> Self {
        Self(self.0.fork())
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    /// Returns true once in this many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Returns one of these.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// True when `bin/torture` builds the tests, which then run for hours and do a hundred times as much as in a normal
/// run.
pub const TORTURE: bool = option_env!("BAILOUT_TORTURE").is_some();
/// How long a test waits for what must happen. At a release's figures there is a hundred times as much to wait for.
pub const SOON: Duration = Duration::from_secs(if TORTURE { 900 } else { 20 });
