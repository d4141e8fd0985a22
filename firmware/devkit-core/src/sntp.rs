//! The modem's clock: `Thu Aug 04 14:48:05 2016`, UTC.

/// Before this year the modem has not heard from a time server yet (it counts from 1970).
const FIRST_YEAR: u64 = 2000;
const LAST_YEAR: u64 = 2099;

/// Seconds since 1970-01-01 UTC, or nothing when the text is no time or the clock is not set.
pub fn parse(text: &str) -> Option<u64> {
    let mut words = text.split_ascii_whitespace();
    let _weekday = words.next()?;
    let month = month(words.next()?)?;
    let day = number(words.next()?)?;
    let mut clock = words.next()?.split(':');
    let (hour, minute, second) = (
        number(clock.next()?)?,
        number(clock.next()?)?,
        number(clock.next()?)?,
    );
    let year = number(words.next()?)?;
    let fits = (FIRST_YEAR..=LAST_YEAR).contains(&year)
        && (1..=days_in(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61
        && clock.next().is_none()
        && words.next().is_none();
    if !fits {
        return None;
    }
    let years: u64 = (1970..year)
        .map(|year| if leap(year) { 366 } else { 365 })
        .sum();
    let months: u64 = (0..month).map(|month| days_in(year, month)).sum();
    let days = years + months + day - 1;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

fn number(text: &str) -> Option<u64> {
    text.parse().ok()
}

/// 0 for January.
fn month(name: &str) -> Option<usize> {
    [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    .iter()
    .position(|known| *known == name)
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: usize) -> u64 {
    match month {
        1 if leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        // `date -u -d '…' +%s`
        assert_eq!(parse("Thu Aug 04 14:48:05 2016"), Some(1_470_322_085));
        assert_eq!(parse("Thu Jan 01 00:00:00 2026"), Some(1_767_225_600));
        assert_eq!(parse("Tue Feb 29 23:59:59 2028"), Some(1_835_481_599));
        assert_eq!(parse("Thu Dec 31 23:59:59 2099"), Some(4_102_444_799));
        assert_eq!(parse("Sun Mar  1 00:00:00 2026"), Some(1_772_323_200));
    }

    #[test]
    fn a_clock_not_set_is_no_time() {
        assert_eq!(parse("Thu Jan 01 00:00:00 1970"), None);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Thu",
            "Thu Feb 30 00:00:00 2026",
            "Thu Jan 01 24:00:00 2026",
            "Thu Jan 01 00:00 2026",
            "Thu Foo 01 00:00:00 2026",
            "Thu Jan 01 00:00:00 2026 x",
            "Thu Jan 00 00:00:00 2026",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
