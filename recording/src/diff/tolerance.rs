//! What may differ by how much, by channel and field.

use twinbench_model::VirtualDuration;

/// Rules of what may differ; without any, everything counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tolerances {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    channel: String,
    path: Option<String>,
    allowed: Allowed,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Allowed {
    /// Numbers may be so far apart.
    Absolute(f64),
    /// Numbers may be so far apart, as a part of the larger one.
    Relative(f64),
    /// Times may be so far apart.
    Time(VirtualDuration),
    /// Anything goes.
    Ignore,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "read tolerance {rule:?}: {reason}; write CHANNEL[:FIELD]=VALUE, such as 'd2c/*:body.temperature=0.5', 'uart/*=20ms', 'd2c/*=1%' or 'clock/*=ignore'"
)]
pub struct RuleError {
    rule: String,
    reason: &'static str,
}

/// The rules that are for one channel.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Allowance {
    pub(super) ignored: bool,
    pub(super) time: VirtualDuration,
    /// With the end of a path, or none for every field.
    fields: Vec<(Option<String>, Allowed)>,
}

impl Tolerances {
    /// Adds a rule: `CHANNEL[:FIELD]=VALUE`. The channel may have `*`; the field is the end of a
    /// path, such as `temperature`; the value is a number, a percentage, a time or `ignore`.
    ///
    /// # Errors
    /// When it is not of that form.
    pub fn add(&mut self, rule: &str) -> Result<(), RuleError> {
        let wrong = |reason| RuleError {
            rule: rule.to_owned(),
            reason,
        };
        let (place, value) = rule
            .rsplit_once('=')
            .ok_or_else(|| wrong("it has no `=`"))?;
        // Device ids may have a colon, fields of paths have none after them.
        let (channel, path) = match place.rsplit_once(':') {
            Some((channel, path)) if channel.contains('/') => (channel, Some(path.to_owned())),
            _ => (place, None),
        };
        if !channel.contains('/') && channel != "*" {
            return Err(wrong("its channel is not KIND/SOURCE"));
        }
        let number = |text: &str| {
            let number = text.parse::<f64>().ok();
            number.filter(|it| it.is_finite() && *it >= 0.0)
        };
        let allowed = if value == "ignore" {
            Allowed::Ignore
        } else if let Some(part) = value.strip_suffix('%').and_then(number) {
            Allowed::Relative(part / 100.0)
        } else if let Some(apart) = number(value) {
            Allowed::Absolute(apart)
        } else if let Ok(time) = value.parse::<VirtualDuration>() {
            if path.is_some() {
                return Err(wrong("a time is of the whole channel, not of a field"));
            }
            Allowed::Time(time)
        } else {
            return Err(wrong(
                "its value is no number, percentage, time or `ignore`",
            ));
        };
        self.rules.push(Rule {
            channel: channel.to_owned(),
            path,
            allowed,
        });
        Ok(())
    }

    /// What is allowed in a channel.
    pub(super) fn of(&self, channel: &str) -> Allowance {
        let mut all = Allowance::default();
        for rule in &self.rules {
            if !matches(&rule.channel, channel) {
                continue;
            }
            match (rule.allowed, &rule.path) {
                (Allowed::Ignore, None) => all.ignored = true,
                (Allowed::Time(time), _) => all.time = all.time.max(time),
                (allowed, path) => all.fields.push((path.clone(), allowed)),
            }
        }
        all
    }
}

impl Allowance {
    /// Whether any content may differ.
    pub(super) fn has_fields(&self) -> bool {
        !self.fields.is_empty()
    }

    /// Whether a whole field may differ in any way.
    pub(super) fn ignores(&self, path: &str) -> bool {
        self.rules(path).any(|it| it == Allowed::Ignore)
    }

    /// Whether two numbers of a field are near enough.
    pub(super) fn near(&self, path: &str, left: f64, right: f64) -> bool {
        let apart = (left - right).abs();
        self.rules(path).any(|allowed| match allowed {
            Allowed::Absolute(most) => apart <= most,
            Allowed::Relative(part) => apart <= part * left.abs().max(right.abs()),
            Allowed::Time(_) | Allowed::Ignore => false,
        })
    }

    fn rules(&self, path: &str) -> impl Iterator<Item = Allowed> {
        self.fields
            .iter()
            .filter(move |(end, _)| {
                end.as_ref().is_none_or(|end| {
                    path.strip_suffix(end.as_str())
                        .is_some_and(|before| before.is_empty() || before.ends_with(['.', ']']))
                })
            })
            .map(|(_, allowed)| *allowed)
    }
}

/// Whether a text fits a pattern, in which `*` stands for anything.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| text.strip_prefix(head)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let mut all = Tolerances::default();
        for rule in [
            "d2c/*:body.temperature=0.5",
            "d2c/*:humidity=10%",
            "uart/*=20ms",
            "clock/*=ignore",
            "d2c/a:b:stamp=ignore",
        ] {
            all.add(rule).unwrap();
        }
        let d2c = all.of("d2c/a:b");
        assert!(d2c.near("body.temperature", 1.0, 1.5));
        assert!(!d2c.near("body.temperature", 1.0, 1.6));
        assert!(!d2c.near("temperature", 1.0, 1.1), "the path is longer");
        assert!(!d2c.near("body.xhumidity", 1.0, 1.01), "a whole name");
        assert!(d2c.near("body.humidity", 10.0, 11.0));
        assert!(d2c.ignores("body.stamp") && !all.of("d2c/b").ignores("body.stamp"));
        assert_eq!(all.of("uart/x").time, VirtualDuration::from_millis(20));
        assert!(all.of("clock/bench").ignored && !d2c.ignored);
    }

    #[test]
    fn what_is_no_rule_is_told() {
        for (rule, reason) in [
            ("d2c/*", "no `=`"),
            ("temperature=1", "KIND/SOURCE"),
            ("d2c/*=near", "no number"),
            ("d2c/*=-1", "no number"),
            ("d2c/*:a=5ms", "whole channel"),
        ] {
            let told = Tolerances::default().add(rule).unwrap_err().to_string();
            assert!(told.contains(reason) && told.contains(rule), "{told}");
        }
    }

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("d2c/*", "d2c/", true),
            ("d2c/*", "c2d/a", false),
            ("*/dev-*-x", "uart/dev-1-x", true),
            ("*/dev-*-x", "uart/dev-1", false),
            ("a*a", "a", false),
            ("a", "ab", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
