//! Times as the programs of the field write them.

use jiff::{SignedDuration, Timestamp, civil::DateTime, fmt::strtime, tz::TimeZone};

/// What seconds count from that are too few to count from 1970: 2000-01-01T00:00:00Z.
pub(super) const SINCE: Timestamp = Timestamp::constant(946_684_800, 0);

/// Reads an instant: RFC 3339; a count of seconds, milli-, micro- or nanoseconds since 1970; few
/// seconds since [`SINCE`]; a date and time of UTC; or what .NET and JavaScript print.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    if let Ok(number) = text.parse::<f64>() {
        return count(number);
    }
    if let Ok(local) = text.parse::<DateTime>() {
        return utc(local);
    }
    // Event Hubs Capture: `8/16/2017 5:30:11 PM`.
    if let Ok(parsed) = strtime::parse("%m/%d/%Y %I:%M:%S %p", text) {
        return utc(parsed.to_datetime().ok()?);
    }
    // Azure IoT Explorer: `Wed Jul 06 2022 15:34:40 GMT+0900 (Japan Standard Time)`.
    let date = text.split(" (").next()?;
    let parsed = strtime::parse("%a %b %d %Y %H:%M:%S GMT%z", date).ok()?;
    parsed.to_timestamp().ok()
}

fn utc(local: DateTime) -> Option<Timestamp> {
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The instant of a count, whose unit its size tells.
pub(super) fn count(number: f64) -> Option<Timestamp> {
    if !number.is_finite() || number < 0.0 {
        return None;
    }
    let seconds = match number {
        _ if number < 1e8 => {
            return SINCE
                .checked_add(SignedDuration::try_from_secs_f64(number).ok()?)
                .ok();
        }
        _ if number < 1e11 => number,
        _ if number < 1e14 => {
            // Whole milliseconds stay exact.
            return Timestamp::from_microsecond((number * 1e3).round() as i64).ok();
        }
        _ if number < 1e17 => return Timestamp::from_microsecond(number as i64).ok(),
        _ => number / 1e9,
    };
    Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read() {
        for (text, expected) in [
            ("2026-01-01T00:00:01.5Z", "2026-01-01T00:00:01.5Z"),
            ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z"),
            ("2026-01-01 00:00:00.25", "2026-01-01T00:00:00.25Z"),
            ("2026-01-01T00:00:00", "2026-01-01T00:00:00Z"),
            ("8/16/2017 5:30:11 PM", "2017-08-16T17:30:11Z"),
            ("1664776274", "2022-10-03T05:51:14Z"),
            ("1664776274356", "2022-10-03T05:51:14.356Z"),
            ("12.5", "2000-01-01T00:00:12.5Z"),
            (
                "Wed Jul 06 2022 15:34:40 GMT+0900 (Japan Standard Time)",
                "2022-07-06T06:34:40Z",
            ),
        ] {
            let expected: Timestamp = expected.parse().unwrap();
            assert_eq!(instant(text), Some(expected), "{text}");
        }
        for text in ["", "noon", "-5", "NaN", "13/45/2020 1:00:00 PM"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
