//! Numbers and times as a person reads them.

use twinbench_model::{Epoch, VirtualTime};

/// How times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TimeForm {
    /// Since the bench's epoch.
    #[default]
    Virtual,
    /// The UTC instant on the bench's clock.
    Wall,
    /// From now.
    Relative,
}

impl TimeForm {
    /// The next one, round and round.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Virtual => Self::Wall,
            Self::Wall => Self::Relative,
            Self::Relative => Self::Virtual,
        }
    }
}

/// A nanosecond of virtual time in a form; `epoch` is what the bench says its clock began at.
pub(crate) fn time(at: u64, now: u64, epoch: Option<Epoch>, form: TimeForm) -> String {
    match (form, epoch) {
        (TimeForm::Wall, Some(epoch)) => {
            let text = epoch.rfc3339(VirtualTime::from_nanos(at));
            text.get(11..23).map_or(text.clone(), str::to_owned)
        }
        (TimeForm::Relative, _) => relative(at, now),
        _ => clock(at),
    }
}

/// `hh:mm:ss.mmm` since the epoch.
pub(crate) fn clock(nanos: u64) -> String {
    VirtualTime::from_nanos(nanos).to_string()
}

/// The epoch of a clock that stands at `utc` when `nanos` of virtual time have passed.
pub(crate) fn epoch(utc: &str, nanos: u64) -> Option<Epoch> {
    let begin = Epoch::new(utc.parse().ok()?);
    let millis = begin.instant().as_millisecond() - i64::try_from(nanos / 1_000_000).ok()?;
    let zero = Epoch::new("1970-01-01T00:00:00Z".parse().ok()?);
    let since = VirtualTime::from_millis(u64::try_from(millis).ok()?);
    Some(Epoch::new(zero.utc(since)))
}

/// `3.2 s ago`, `in 4 min`.
pub(crate) fn relative(at: u64, now: u64) -> String {
    if at > now {
        format!("in {}", span(at - now))
    } else {
        format!("{} ago", span(now - at))
    }
}

/// A span of nanoseconds in its nearest unit.
pub(crate) fn span(nanos: u64) -> String {
    let n = nanos as f64;
    match nanos {
        0 => "0 s".into(),
        1..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{} \u{b5}s", digits(n / 1e3)),
        1_000_000..1_000_000_000 => format!("{} ms", digits(n / 1e6)),
        1_000_000_000..60_000_000_000 => format!("{} s", digits(n / 1e9)),
        60_000_000_000..3_600_000_000_000 => {
            let s = nanos / 1_000_000_000;
            format!("{} min {:02} s", s / 60, s % 60)
        }
        3_600_000_000_000..86_400_000_000_000 => {
            let min = nanos / 60_000_000_000;
            format!("{} h {:02} min", min / 60, min % 60)
        }
        _ => format!("{} d", digits(n / 86_400e9)),
    }
}

/// Three significant digits at least, whole numbers in full, a true minus.
pub(crate) fn digits(value: f64) -> String {
    if !value.is_finite() {
        return "\u{2013}".into();
    }
    let size = value.abs();
    let text = if size != 0.0 && !(1e-3..1e9).contains(&size) {
        format!("{value:.2e}")
    } else if (value - value.round()).abs() < 1e-9 {
        format!("{value:.0}")
    } else if size >= 100.0 {
        format!("{value:.1}")
    } else if size >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    };
    text.replace('-', "\u{2212}")
}

/// A title that is JSON as a person reads it: `humidity 36.26, temperature 27.81`. One that was cut
/// short is read as far as it goes.
pub(crate) fn plain(title: &str) -> String {
    let Some(at) = title.find('{') else {
        return title.to_owned();
    };
    let (before, json) = title.split_at(at);
    let mut out = String::from(before);
    let mut word = String::new();
    let mut quoted = false;
    for letter in json.chars() {
        match letter {
            '"' => quoted = !quoted,
            '{' | '}' | '[' | ']' if !quoted => {}
            ':' if !quoted => {
                out.push_str(&std::mem::take(&mut word));
                out.push(' ');
            }
            ',' if !quoted => {
                out.push_str(&short_number(&std::mem::take(&mut word)));
                out.push_str(", ");
            }
            letter => word.push(letter),
        }
    }
    out.push_str(&short_number(&word));
    out
}

/// A number with two digits after its point; anything else as it is.
fn short_number(text: &str) -> String {
    match (text.split_once('.'), text.parse::<f64>()) {
        (Some((_, rest)), Ok(number)) if rest.len() > 2 => format!("{number:.2}"),
        _ => text.to_owned(),
    }
}

/// A value with its unit.
pub(crate) fn value(value: f64, unit: &str) -> String {
    if unit.is_empty() {
        digits(value)
    } else {
        format!("{}\u{a0}{unit}", digits(value))
    }
}

/// `1.2k`, `3.4M`.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1e9 => format!("{:.1}G", value / 1e9),
        size if size >= 1e6 => format!("{:.1}M", value / 1e6),
        size if size >= 1e4 => format!("{:.1}k", value / 1e3),
        size if size >= 10.0 || (value - value.round()).abs() < 1e-9 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

/// `1,234`.
pub(crate) fn whole(value: u64) -> String {
    let text = value.to_string();
    let mut out = String::with_capacity(text.len() + text.len() / 3);
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && (text.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 device`, `1,234 devices`.
pub(crate) fn count(number: u64, of: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {of}{plural}", whole(number))
}

/// Bytes in binary units.
pub(crate) fn bytes(size: u64) -> String {
    let n = size as f64;
    match size {
        0..1_024 => format!("{size} B"),
        1_024..1_048_576 => format!("{:.1} KiB", n / 1_024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", n / 1_048_576.0),
        _ => format!("{:.2} GiB", n / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_a_title_reads_as_words() {
        let cut = r#"{"Data":{"Humidity":63.17669,"Temp"#;
        assert_eq!(plain(cut), "Data Humidity 63.18, Temp");
        let line = r#"[ 1.5] telemetry: {"a":1.00,"b":"x, y"}"#;
        assert_eq!(plain(line), "[ 1.5] telemetry: a 1.00, b x, y");
        assert_eq!(plain("3 messages"), "3 messages");
    }

    #[test]
    fn numbers_have_units_and_few_digits() {
        for (number, unit, text) in [
            (23.456, "\u{b0}C", "23.46\u{a0}\u{b0}C"),
            (-4.0, "", "\u{2212}4"),
            (1013.25, "hPa", "1013.2\u{a0}hPa"),
            (0.123_456, "g", "0.123\u{a0}g"),
            (1e-6, "", "1.00e\u{2212}6"),
            (f64::NAN, "", "\u{2013}"),
        ] {
            assert_eq!(value(number, unit), text);
        }
        assert_eq!(short(1_234_567.0), "1.2M");
        assert_eq!(short(12_345.0), "12.3k");
        assert_eq!(short(0.25), "0.2");
        assert_eq!(count(1, "device"), "1 device");
        assert_eq!(count(10_000, "device"), "10,000 devices");
        assert_eq!(bytes(1_536), "1.5 KiB");
    }

    #[test]
    fn times_in_three_forms() {
        let second = 1_000_000_000;
        let epoch = epoch("2026-01-01T00:00:10.000Z", 10 * second);
        assert_eq!(
            time(70 * second, 0, epoch, TimeForm::Virtual),
            "00:01:10.000"
        );
        assert_eq!(time(70 * second, 0, epoch, TimeForm::Wall), "00:01:10.000");
        let shifted = super::epoch("2026-03-01T06:00:10.500Z", 10 * second + second / 2);
        assert_eq!(time(0, 0, shifted, TimeForm::Wall), "06:00:00.000");
        assert_eq!(
            time(7 * second, 10 * second, epoch, TimeForm::Relative),
            "3 s ago"
        );
        assert_eq!(
            time(12 * second, 10 * second, None, TimeForm::Relative),
            "in 2 s"
        );
        assert_eq!(time(second, 0, None, TimeForm::Wall), "00:00:01.000");
    }

    #[test]
    fn spans_in_their_nearest_unit() {
        for (nanos, text) in [
            (0, "0 s"),
            (1_500, "1.50 \u{b5}s"),
            (250_000_000, "250 ms"),
            (90_000_000_000, "1 min 30 s"),
            (5_400_000_000_000, "1 h 30 min"),
            (172_800_000_000_000, "2 d"),
        ] {
            assert_eq!(span(nanos), text);
        }
    }
}
