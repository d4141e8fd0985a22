//! Where a consumer begins to read: the filter on its link, and the position that follows.

/// What a link's filter asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// From the oldest message that is kept.
    Oldest,
    /// Only what comes after the link attached.
    Latest,
    /// From this sequence number on.
    At(u64),
    /// From the first message that the hub took after this instant (unix milliseconds).
    After(i64),
}

/// A filter cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the filter {0:?} is not understood: compare amqp.annotation.x-opt-offset, \
     x-opt-sequence-number or x-opt-enqueued-time with > or >= and a quoted value"
)]
pub struct FilterError(String);

/// Reads the text of an `apache.org:selector-filter:string` filter. An offset is the same number
/// as the sequence number; clients pass it on as they got it.
///
/// # Errors
/// When it is not one of the forms that the clients of the event endpoint write.
pub fn parse_selector(text: &str) -> Result<Start, FilterError> {
    read(text).ok_or_else(|| FilterError(text.chars().take(120).collect()))
}

fn read(text: &str) -> Option<Start> {
    let rest = text.trim().strip_prefix("amqp.annotation.x-opt-")?;
    let split = rest.find(|c: char| c == '>' || c.is_whitespace())?;
    let (name, rest) = rest.split_at(split);
    let rest = rest.trim_start().strip_prefix('>')?;
    let (inclusive, rest) = match rest.strip_prefix('=') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let value = rest.trim();
    let quoted = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    let value = quoted('\'').or_else(|| quoted('"')).unwrap_or(value);
    match name {
        "offset" | "sequence-number" => match value {
            "@latest" => Some(Start::Latest),
            "-1" => Some(Start::Oldest),
            _ => {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let number: u64 = value.parse().ok().filter(|_| digits)?;
                Some(Start::At(number.saturating_add(u64::from(!inclusive))))
            }
        },
        "enqueued-time" => {
            let instant: i64 = value.parse().ok()?;
            Some(Start::After(instant.saturating_sub(i64::from(inclusive))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_clients_write() {
        for (text, start) in [
            ("amqp.annotation.x-opt-offset > '-1'", Start::Oldest),
            ("amqp.annotation.x-opt-offset >= '-1'", Start::Oldest),
            ("amqp.annotation.x-opt-offset > '@latest'", Start::Latest),
            ("amqp.annotation.x-opt-offset > '41'", Start::At(42)),
            ("amqp.annotation.x-opt-offset >= '41'", Start::At(41)),
            ("amqp.annotation.x-opt-sequence-number > '0'", Start::At(1)),
            ("amqp.annotation.x-opt-sequence-number>=7", Start::At(7)),
            (
                "amqp.annotation.x-opt-enqueued-time > '1767225600000'",
                Start::After(1_767_225_600_000),
            ),
            (
                "amqp.annotation.x-opt-enqueued-time >= '1767225600000'",
                Start::After(1_767_225_599_999),
            ),
            (
                "amqp.annotation.x-opt-offset > '18446744073709551615'",
                Start::At(u64::MAX),
            ),
        ] {
            assert_eq!(parse_selector(text), Ok(start), "{text}");
        }
    }

    #[test]
    fn others_are_told() {
        for text in [
            "",
            "x > '1'",
            "amqp.annotation.x-opt-offset",
            "amqp.annotation.x-opt-offset < '1'",
            "amqp.annotation.x-opt-offset > '-2'",
            "amqp.annotation.x-opt-offset > '+2'",
            "amqp.annotation.x-opt-offset > ''",
            "amqp.annotation.x-opt-enqueued-time > 'noon'",
            "amqp.annotation.x-opt-publisher > 'a'",
        ] {
            assert_eq!(parse_selector(text), Err(FilterError(text.into())));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "(amqp.annotation.x-opt-)?[a-z-]{0,16} ?>?=? ?.{0,30}") {
            let _ = parse_selector(&text);
        }
    }
}
