//! Parses and formats spans as people write them in a form: `90 s`, `15 min`, `2 h`, `1 d`.

use jiff::{SpanRelativeTo, fmt::friendly::SpanParser};

use crate::domain::time::Span;

/// The units in which spans are shown, in seconds, the largest first.
const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];

/// Parses a span of whole seconds, in any of the forms that [`jiff::fmt::friendly`] knows; a day has 24 hours. Returns
/// `None` for a text that is no such span.
pub fn read(text: &str) -> Option<Span> {
    let span = SpanParser::new().parse_span(text.trim().to_lowercase()).ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    let milliseconds = i64::try_from(duration.as_millis()).ok()?;
    (duration.subsec_nanos() == 0).then_some(Span(milliseconds))
}

/// Formats a span of whole seconds in the largest unit of which it has a whole number.
pub fn written(span: Span) -> String {
    let seconds = span.0 / 1_000;
    let (size, unit) = UNITS.into_iter().find(|(size, _)| seconds % size == 0).unwrap_or((1, "s"));
    format!("{} {unit}", seconds / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (texts, seconds, shown) in [
            (&["90 s", "90s", " 90 sec ", "90 Seconds", "1m 30s", "1.5 min"][..], 90, "90 s"),
            (&["15 min", "15m", "15 minutes", "900s", "0.25h"], 900, "15 min"),
            (&["2 h", "2h", "2 hours", "120 min"], 7_200, "2 h"),
            (&["1h 30m", "1:30:00"], 5_400, "90 min"),
            (&["1 d", "1d", "1 day", "24 h"], 86_400, "1 d"),
            (&["30 d", "4w 2d"], 30 * 86_400, "30 d"),
        ] {
            for text in texts {
                assert_eq!(read(text), Some(Span::seconds(seconds)), "{text}");
            }
            assert_eq!(written(Span::seconds(seconds)), shown);
            assert_eq!(read(shown), Some(Span::seconds(seconds)), "what is shown can be sent again");
        }
    }

    #[test]
    fn what_is_no_span_is_none() {
        let long = "9".repeat(10_000) + " d";
        for text in
            ["", "soon", "90", "-", "1 mo", "1 y", "2 fortnights", "1.5 s", "1 h 1 d", "9999999999 d", "٣ s", &long]
        {
            assert_eq!(read(text), None, "{text:.40}");
        }
        // The caller checks the limits.
        assert_eq!(read("-5 s"), Some(Span::seconds(-5)));
    }
}
