//! Times and spans in milliseconds. The caller passes the time to the domain, which never reads a clock.

use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A point in time, in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A span in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Span {
    /// Returns a span of whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000)
    }

    /// Returns a span of whole minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes * 60)
    }

    /// Returns a span of whole hours.
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours * 60)
    }

    /// Returns the two largest units, for people: `48s`, `4m 12s`, `2h 5m`, `3d 1h`.
    pub fn in_words(self) -> String {
        let seconds = (self.0 / 1_000).max(0);
        let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
        match seconds {
            0..60 => format!("{seconds}s"),
            60..3_600 => format!("{minutes}m {}s", seconds % 60),
            3_600..86_400 => format!("{hours}h {}m", minutes % 60),
            _ => format!("{days}d {}h", hours % 24),
        }
    }

    /// Returns the one number that a list row shows: seconds under a minute, then minutes, hours, days.
    pub fn in_short(self) -> String {
        let seconds = (self.0 / 1_000).max(0);
        match seconds {
            0..60 => format!("{seconds}s"),
            60..3_600 => format!("{}m", seconds / 60),
            3_600..86_400 => format!("{}h", seconds / 3_600),
            _ => format!("{}d", seconds / 86_400),
        }
    }
}

impl Timestamp {
    /// Returns the time as `14:02` in a zone that is `offset` ahead of UTC at this moment.
    pub fn clock_time(self, offset: Span) -> String {
        let minutes = (self.0 + offset.0).div_euclid(60_000).rem_euclid(24 * 60);
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// Returns the calendar day in a zone that is `offset` ahead of UTC at this moment, as days since 1970-01-01.
    pub fn day(self, offset: Span) -> i64 {
        (self.0 + offset.0).div_euclid(86_400_000)
    }

    /// Returns the date as `2026-11-22`, by Howard Hinnant's `civil_from_days` (public domain).
    pub fn date(self, offset: Span) -> String {
        let days = self.day(offset) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}")
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_times_and_dates_follow_the_offset() {
        let at = Timestamp(1_795_384_800_000); // 2026-11-22T22:00:00Z
        assert_eq!(at.clock_time(Span(0)), "22:00");
        assert_eq!(at.date(Span(0)), "2026-11-22");
        assert_eq!(at.clock_time(Span::hours(3)), "01:00");
        assert_eq!(at.date(Span::hours(3)), "2026-11-23");
        assert_eq!(Timestamp(-1).date(Span(0)), "1969-12-31");
        assert_eq!(Timestamp(951_782_400_000).date(Span(0)), "2000-02-29");
    }

    #[test]
    fn spans_read_well() {
        for (span, words, short) in [
            (Span::seconds(48), "48s", "48s"),
            (Span::seconds(252), "4m 12s", "4m"),
            (Span::minutes(125), "2h 5m", "2h"),
            (Span::hours(73), "3d 1h", "3d"),
            (Span(-5), "0s", "0s"),
        ] {
            assert_eq!((span.in_words().as_str(), span.in_short().as_str()), (words, short));
        }
    }
}
