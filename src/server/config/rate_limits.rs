//! The settings of the rate limits.

use clap::Args;

/// The rate limits; 0 disables a limit.
#[derive(Debug, Clone, Args)]
pub struct RateLimits {
    /// Opens per minute and key, with a burst of twice as many; 0 disables the limit
    #[arg(long, global = true, env = "BAILOUT_OPENS_PER_MINUTE", default_value_t = 120)]
    pub opens_per_minute: u32,
    /// Other writes per minute and key; 0 disables the limit
    #[arg(long, global = true, env = "BAILOUT_WRITES_PER_MINUTE", default_value_t = 1_200)]
    pub writes_per_minute: u32,
    /// Reads per minute and key, where a wait or a stream counts once; 0 disables the limit
    #[arg(long, global = true, env = "BAILOUT_READS_PER_MINUTE", default_value_t = 6_000)]
    pub reads_per_minute: u32,
    /// MiB that a key may write per day (UTC); 0 disables the limit
    #[arg(long, global = true, env = "BAILOUT_MEGABYTES_PER_DAY", default_value_t = 2_048)]
    pub megabytes_per_day: u32,
    /// Requests per minute and address without a valid key or session; 0 disables the limit
    #[arg(long, global = true, env = "BAILOUT_ANONYMOUS_PER_MINUTE", default_value_t = 600)]
    pub anonymous_per_minute: u32,
    /// Free MiB on the disk of a SQLite database below which nothing new is opened; 0 disables the limit
    #[arg(long, global = true, env = "BAILOUT_RESERVE_MEGABYTES", default_value_t = 200)]
    pub reserve_megabytes: u32,
}

impl RateLimits {
    /// No limits.
    pub const NONE: Self = Self {
        opens_per_minute: 0,
        writes_per_minute: 0,
        reads_per_minute: 0,
        megabytes_per_day: 0,
        anonymous_per_minute: 0,
        reserve_megabytes: 0,
    };

    /// Returns how many bytes of the disk are reserved for open escalations.
    pub fn reserve(&self) -> u64 {
        u64::from(self.reserve_megabytes) * 1024 * 1024
    }

    /// Returns how many bytes a key may write in a day; `None` without a limit.
    pub fn bytes_per_day(&self) -> Option<u64> {
        (self.megabytes_per_day > 0).then(|| u64::from(self.megabytes_per_day) * 1024 * 1024)
    }
}
