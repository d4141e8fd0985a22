//! Parameters of a query, read as the original reads them: what cannot be read counts as absent.

use std::borrow::Cow;

use jiff::{Timestamp, civil, tz::TimeZone};
use percent_encoding::percent_decode_str;
use twinbench_model::{Epoch, VirtualTime};

use crate::Status;

/// Decodes `%41` and `+`.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced)
            .decode_utf8_lossy()
            .into_owned()
            .into()
    } else {
        percent_decode_str(text).decode_utf8_lossy()
    }
}

/// A query's pairs, decoded.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name).into_owned(), decode(value).into_owned())
        });
        Self(pairs.collect())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// A text; of a parameter that comes more than once all values, with commas between.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.all(name).collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    /// A text that says something.
    pub(super) fn filled(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.trim().is_empty())
    }

    /// `true` or `false` in any case.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        let text = self.text(name)?;
        match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// A count above zero.
    pub(super) fn count(&self, name: &str) -> Option<usize> {
        let number: i32 = self.text(name)?.trim().parse().ok()?;
        usize::try_from(number).ok().filter(|number| *number > 0)
    }

    /// Seconds, perhaps with a fraction.
    pub(super) fn seconds(&self, name: &str) -> Option<f64> {
        self.text(name)?.trim().parse().ok()
    }

    /// The states that a list names, by name or number; `None` when it names none, and then all
    /// are meant.
    pub(super) fn statuses(&self, name: &str) -> Option<Vec<Status>> {
        let mut named = false;
        let mut found = Vec::new();
        for word in self.all(name).flat_map(|list| list.split(',')) {
            let word = word.trim();
            if let Some(status) = Status::ALL.iter().find(|it| it.name() == word) {
                named = true;
                found.push(*status);
            } else if let Ok(number) = word.parse::<i32>() {
                // A number that is no state's: nothing is in that state.
                named = true;
                found.extend(
                    usize::try_from(number)
                        .ok()
                        .and_then(|n| Status::ALL.get(n)),
                );
            }
        }
        named.then_some(found)
    }

    /// An instant.
    pub(super) fn instant(&self, name: &str) -> Option<Timestamp> {
        instant(&self.text(name)?)
    }
}

/// An instant: RFC 3339, or a date with or without a time, which is then UTC.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    // A plus that nobody encoded: `2026-01-01T00:00:00+02:00` in a query.
    let mended;
    let text = match (text.find('T'), text.rsplit_once(' ')) {
        (Some(_), Some((time, offset))) if offset.len() == 5 && offset.contains(':') => {
            mended = format!("{time}+{offset}");
            &mended
        }
        _ => text,
    };
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let american = |text: &str| {
        let with_time = civil::DateTime::strptime("%m/%d/%Y %H:%M:%S", text);
        with_time.or_else(|_| civil::Date::strptime("%m/%d/%Y", text).map(|d| d.at(0, 0, 0, 0)))
    };
    let civil = text
        .parse::<civil::DateTime>()
        .or_else(|_| american(text))
        .ok()?;
    let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

/// From one instant to another, on the bench's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) from: Option<VirtualTime>,
    pub(super) to: Option<VirtualTime>,
    /// It ends before the bench's time begins, or begins after it ends.
    pub(super) empty: bool,
}

impl Span {
    pub(super) fn of(from: Option<Timestamp>, to: Option<Timestamp>, epoch: Epoch) -> Self {
        let before = |instant: Timestamp| instant < epoch.instant();
        let mut span = Self::default();
        if let Some(from) = from.filter(|from| !before(*from)) {
            span.from = epoch.virtual_time(from);
            span.empty |= span.from.is_none();
        }
        if let Some(to) = to {
            span.empty |= before(to);
            span.to = epoch.virtual_time(to);
        }
        span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_in_any_case_and_repeated_values_are_joined() {
        let query = Query::parse("TASKHUB=a%26b&x=1&x=2&flag&code=a+b");
        assert_eq!(query.text("taskHub").as_deref(), Some("a&b"));
        assert_eq!(query.text("x").as_deref(), Some("1,2"));
        assert_eq!(query.text("flag").as_deref(), Some(""));
        assert_eq!(query.filled("flag"), None);
        assert_eq!(query.text("code").as_deref(), Some("a b"));
        assert_eq!(query.text("none"), None);
    }

    #[test]
    fn flags_and_numbers_that_cannot_be_read_are_absent() {
        let query = Query::parse("a=TRUE&b=%20false&c=yes&d=7&e=-1&f=x&g=0&h=true&h=true");
        assert_eq!(query.flag("a"), Some(true));
        assert_eq!(query.flag("b"), Some(false));
        assert_eq!(query.flag("c"), None);
        assert_eq!(query.flag("h"), None);
        assert_eq!(query.count("d"), Some(7));
        for name in ["e", "f", "g"] {
            assert_eq!(query.count(name), None, "{name}");
        }
    }

    #[test]
    fn states_are_a_list_that_may_come_more_than_once() {
        let of = |text: &str| Query::parse(text).statuses("runtimeStatus");
        let list = Some(vec![Status::Failed, Status::Pending, Status::Completed]);
        assert_eq!(
            of("runtimeStatus=Failed,Pending&runtimeStatus=Completed"),
            list
        );
        assert_eq!(of("runtimeStatus=3,6,%201"), list);
        assert_eq!(of("runtimeStatus=failed"), None);
        assert_eq!(of("runtimeStatus=99"), Some(vec![]));
        assert_eq!(of(""), None);
    }

    #[test]
    fn instants_come_in_several_forms() {
        let noon: Timestamp = "2026-01-02T12:00:00Z".parse().unwrap();
        for text in [
            "2026-01-02T12:00:00Z",
            "2026-01-02T12:00:00",
            "2026-01-02 12:00:00",
            "2026-01-02T14:00:00 02:00",
            "2026-01-02T12:00:00.000Z",
            "01/02/2026 12:00:00",
        ] {
            assert_eq!(instant(text), Some(noon), "{text}");
        }
        let midnight: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        assert_eq!(instant("2026-01-02"), Some(midnight));
        assert_eq!(instant("01/02/2026"), Some(midnight));
        for text in ["", "yesterday", "2026-13-01"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_span_that_the_bench_does_not_reach_is_empty() {
        let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let span = Span::of(at("1970-01-01T00:00:00Z"), None, epoch);
        assert_eq!(span, Span::default());
        assert!(Span::of(None, at("2025-12-31T23:59:59Z"), epoch).empty);
        assert!(Span::of(at("9000-01-01T00:00:00Z"), None, epoch).empty);
        let span = Span::of(None, at("2026-01-01T00:00:05Z"), epoch);
        assert_eq!(span.to, Some(VirtualTime::from_secs(5)));
    }
}
