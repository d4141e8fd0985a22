//! From a broker's topics to devices and messages.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;
use twinbench_model::{DeviceId, Message, system};

use super::{RuleConfig, Template, TemplateError};

/// Rules that were read, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    levels: Vec<Level>,
    device: Template,
    body: Option<String>,
    properties: Vec<(String, Template)>,
    defaults: BTreeMap<String, String>,
    content_type: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    Text(String),
    Any,
    Captured(String),
    /// All that follows, the level above included.
    Rest,
}

/// A rule cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The topic filter is none.
    #[error(
        "{0:?} is no topic filter: '+', '#' and '{{name}}' fill a level alone, '#' is the last, \
         and a name stands once"
    )]
    Topic(String),
    /// A text of the rule for this topic cannot be filled.
    #[error("in the rule for {topic:?}: {error}")]
    Template {
        /// The rule's topic.
        topic: String,
        /// What is wrong.
        error: TemplateError,
    },
    /// The path to the body is none.
    #[error("in the rule for {topic:?}: {path:?} is no JSON pointer, it has to start with '/'")]
    Path {
        /// The rule's topic.
        topic: String,
        /// The path.
        path: String,
    },
}

/// A message of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Whose.
    pub device: DeviceId,
    /// What.
    pub message: Message,
}

/// A message on the broker that becomes none of a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// No rule is for its topic.
    #[error("no rule is for this topic")]
    NoRule,
    /// A place has no value.
    #[error("{{{0}}} has no value in this message, and no default")]
    Missing(String),
    /// The text is no device id.
    #[error("{0:?} is no device id")]
    Device(String),
    /// The body is not JSON, or has nothing at the rule's path.
    #[error("the body has nothing at {0:?}")]
    Body(String),
}

impl Mapping {
    /// Reads the rules.
    ///
    /// # Errors
    /// When one cannot be.
    pub fn new(rules: &[RuleConfig]) -> Result<Self, MappingError> {
        rules.iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    /// What to subscribe to, in the order of the rules.
    pub fn filters(&self) -> Vec<String> {
        let text = |level: &Level| match level {
            Level::Text(text) => text.clone(),
            Level::Any | Level::Captured(_) => "+".to_owned(),
            Level::Rest => "#".to_owned(),
        };
        let filter = |rule: &Rule| {
            let levels: Vec<String> = rule.levels.iter().map(text).collect();
            levels.join("/")
        };
        let mut filters: Vec<String> = Vec::new();
        for filter in self.0.iter().map(filter) {
            if !filters.contains(&filter) {
                filters.push(filter);
            }
        }
        filters
    }

    /// What a message on the broker becomes, by the first rule for its topic.
    ///
    /// # Errors
    /// When there is no rule for it, or the rule cannot be followed.
    pub fn map(&self, topic: &str, payload: &[u8]) -> Result<Mapped, MapError> {
        let found = self
            .0
            .iter()
            .find_map(|rule| Some((rule, captures(&rule.levels, topic)?)));
        let (rule, captured) = found.ok_or(MapError::NoRule)?;
        let json: Option<Value> = serde_json::from_slice(payload).ok();
        let fill = |template: &Template| {
            let filled = template.fill(&captured, json.as_ref(), &rule.defaults);
            filled.map_err(|place| MapError::Missing(place.to_owned()))
        };
        let device = fill(&rule.device)?;
        let device = DeviceId::new(&device)
            .map_err(|_| MapError::Device(device.chars().take(120).collect()))?;
        let body: Cow<'_, [u8]> = match &rule.body {
            None => Cow::Borrowed(payload),
            Some(path) => {
                let part = json.as_ref().and_then(|json| json.pointer(path));
                let part = part.ok_or_else(|| MapError::Body(path.clone()))?;
                Cow::Owned(part.to_string().into_bytes())
            }
        };
        let mut properties = BTreeMap::new();
        for (name, template) in &rule.properties {
            properties.insert(name.clone(), fill(template)?);
        }
        let guessed = json.is_some().then_some("application/json");
        let content_type = rule.content_type.as_deref().or(guessed);
        let mut system = BTreeMap::new();
        if let Some(content_type) = content_type {
            system.insert(system::CONTENT_TYPE.to_owned(), content_type.to_owned());
            if content_type == "application/json" {
                // JSON on a broker is UTF-8 (RFC 8259, 8.1); routes on the body ask for it.
                system.insert(system::CONTENT_ENCODING.to_owned(), "utf-8".to_owned());
            }
        }
        let message = Message {
            body: body.into_owned().into(),
            system,
            properties,
        };
        Ok(Mapped { device, message })
    }
}

fn rule(config: &RuleConfig) -> Result<Rule, MappingError> {
    let topic = &config.topic;
    let levels = levels(topic).ok_or_else(|| MappingError::Topic(topic.clone()))?;
    let captured =
        |name: &str| name == "topic" || levels.contains(&Level::Captured(name.to_owned()));
    let template = |text: &str| {
        Template::parse(text, captured).map_err(|error| MappingError::Template {
            topic: topic.clone(),
            error,
        })
    };
    if let Some(path) = config.body.as_ref().filter(|path| !path.starts_with('/')) {
        return Err(MappingError::Path {
            topic: topic.clone(),
            path: path.clone(),
        });
    }
    let properties = config.properties.iter();
    let properties: Result<_, _> = properties
        .map(|(name, text)| Ok((name.clone(), template(text)?)))
        .collect();
    Ok(Rule {
        device: template(&config.device)?,
        body: config.body.clone(),
        properties: properties?,
        defaults: config.defaults.clone(),
        content_type: config.content_type.clone(),
        levels,
    })
}

fn levels(topic: &str) -> Option<Vec<Level>> {
    let mut levels = Vec::new();
    for text in topic.split('/') {
        if levels.last() == Some(&Level::Rest) {
            return None;
        }
        let name = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        let level = match (text, name) {
            ("+", _) => Level::Any,
            ("#", _) => Level::Rest,
            (_, Some(name)) => Level::Captured(name.to_owned()),
            _ => Level::Text(text.to_owned()),
        };
        let bad = match &level {
            Level::Text(text) => text.contains(['+', '#', '{', '}', '\0']),
            Level::Captured(name) => {
                name.is_empty()
                    || name == "topic"
                    || name.contains(['{', '}', '/'])
                    || levels.contains(&level)
            }
            Level::Any | Level::Rest => false,
        };
        if bad {
            return None;
        }
        levels.push(level);
    }
    (!topic.is_empty()).then_some(levels)
}

/// The captured levels, when the topic fits.
fn captures<'a>(levels: &'a [Level], topic: &'a str) -> Option<BTreeMap<&'a str, &'a str>> {
    let mut captured = BTreeMap::from([("topic", topic)]);
    // Wildcards at the front do not reach the broker's own topics (MQTT 3.1.1, 4.7.2).
    if topic.starts_with('$') && !matches!(levels.first(), Some(Level::Text(_))) {
        return None;
    }
    let mut parts = topic.split('/');
    for level in levels {
        match level {
            Level::Rest => return Some(captured),
            Level::Any => {
                parts.next()?;
            }
            Level::Captured(name) => {
                captured.insert(name, parts.next()?);
            }
            Level::Text(text) => {
                parts.next().filter(|part| part == text)?;
            }
        }
    }
    parts.next().is_none().then_some(captured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(topic: &str, device: &str) -> RuleConfig {
        RuleConfig {
            topic: topic.into(),
            device: device.into(),
            body: None,
            properties: BTreeMap::new(),
            defaults: BTreeMap::new(),
            content_type: None,
        }
    }

    fn device(rules: &[RuleConfig], topic: &str, payload: &str) -> Result<String, MapError> {
        let mapping = Mapping::new(rules).unwrap();
        let mapped = mapping.map(topic, payload.as_bytes())?;
        Ok(mapped.device.as_str().to_owned())
    }

    #[test]
    fn topics_capture_levels() {
        let rules = [
            rule("plant/{line}/+/{machine}/#", "{line}-{machine}"),
            rule("meters/{id}", "{id}"),
            rule("meters/#", "{/serial}"),
        ];
        let of = |topic: &str| device(&rules, topic, r#"{"serial": 12}"#);
        assert_eq!(of("plant/7/x/press/temp/1"), Ok("7-press".into()));
        assert_eq!(of("plant/7/x/press"), Ok("7-press".into()));
        assert_eq!(of("meters/m1"), Ok("m1".into()));
        assert_eq!(of("meters/m1/power"), Ok("12".into()));
        assert_eq!(of("meters"), Ok("12".into()));
        assert_eq!(of("plant/7/x"), Err(MapError::NoRule));
        assert_eq!(of("other"), Err(MapError::NoRule));
        assert_eq!(
            device(&rules, "meters/m1/power", "7"),
            Err(MapError::Missing("/serial".into()))
        );
        assert_eq!(of("meters/a b"), Err(MapError::Device("a b".into())));
        let mapping = Mapping::new(&rules).unwrap();
        assert_eq!(mapping.filters(), ["plant/+/+/+/#", "meters/+", "meters/#"]);
        assert_eq!(
            device(&[rule("#", "x")], "$SYS/uptime", ""),
            Err(MapError::NoRule)
        );
    }

    #[test]
    fn bodies_and_properties() {
        let mut one = rule("t/{d}", "{d}");
        one.body = Some("/payload".into());
        one.properties = BTreeMap::from([
            ("unit".to_owned(), "{/meta/unit}".to_owned()),
            ("from".to_owned(), "{topic}".to_owned()),
        ]);
        one.defaults = BTreeMap::from([("/meta/unit".to_owned(), "C".to_owned())]);
        let mapping = Mapping::new(&[one]).unwrap();
        let mapped = mapping.map("t/d1", br#"{"payload":{"t":21.5}}"#).unwrap();
        assert_eq!(&mapped.message.body[..], br#"{"t":21.5}"#);
        assert_eq!(mapped.message.properties["unit"], "C");
        assert_eq!(mapped.message.properties["from"], "t/d1");
        assert_eq!(
            mapped.message.system[system::CONTENT_TYPE],
            "application/json"
        );
        let nothing = mapping.map("t/d1", b"21.5");
        assert_eq!(nothing, Err(MapError::Body("/payload".into())));
        let raw = Mapping::new(&[rule("t/{d}", "{d}")]).unwrap();
        let raw = raw.map("t/d1", b"\xff\x00").unwrap();
        assert_eq!(
            (&raw.message.body[..], raw.message.system.len()),
            (&b"\xff\x00"[..], 0)
        );
    }

    #[test]
    fn rules_that_cannot_be_are_told() {
        for topic in ["", "a/#/b", "a+", "{a}/{a}", "{}", "{topic}", "x{a}"] {
            let refused = Mapping::new(&[rule(topic, "d")]);
            assert_eq!(refused, Err(MappingError::Topic(topic.into())), "{topic}");
        }
        let unknown = Mapping::new(&[rule("a/{b}", "{c}")]).unwrap_err();
        assert!(unknown.to_string().contains("{c}"), "{unknown}");
        let mut path = rule("a", "d");
        path.body = Some("payload".into());
        assert!(matches!(
            Mapping::new(&[path]),
            Err(MappingError::Path { .. })
        ));
    }

    proptest! {
        #[test]
        fn anything_is_answered(
            filter in "[a{}+#/$]{0,12}",
            device in "[a{}/]{0,8}",
            topic in "[a$/]{0,12}",
            payload in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Ok(mapping) = Mapping::new(&[rule(&filter, &device)]) {
                let _ = mapping.map(&topic, &payload);
            }
        }
    }
}
