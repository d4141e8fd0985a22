//! Conditions of message routes.

use std::{borrow::Cow, cell::OnceCell};

use serde_json::Value;
use twinbench_model::{Message, system};

use super::{Expr, Path, QueryError, Scope, Step, Term, eval::walk, parse::Parser, token::Dialect};

/// The condition of a route, over a message's properties, its body and its device's twin.
/// `Display` writes it as text again.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteQuery {
    pub(super) condition: Expr,
}

impl std::str::FromStr for RouteQuery {
    type Err = QueryError;
    fn from_str(text: &str) -> Result<Self, QueryError> {
        let mut parser = Parser::new(text, Dialect::Routes)?;
        let condition = parser.expression()?;
        parser.end()?;
        Ok(Self { condition })
    }
}

impl RouteQuery {
    /// Whether a message takes the route.
    pub fn selects(&self, message: &RouteMessage<'_>) -> bool {
        self.condition.holds(message)
    }
}

/// System properties as a query names them, and as the message carries them ("IoT Hub message
/// routing query syntax", system properties). The carried names may be written as well.
const SYSTEM: [(&str, &str); 14] = [
    ("contentType", system::CONTENT_TYPE),
    ("contentEncoding", system::CONTENT_ENCODING),
    ("connectionDeviceId", system::DEVICE_ID),
    ("connectionModuleId", "iothub-connection-module-id"),
    ("connectionAuthMethod", system::AUTH_METHOD),
    ("connectionDeviceGenerationId", system::AUTH_GENERATION_ID),
    ("enqueuedTime", system::ENQUEUED_TIME),
    ("messageSource", system::MESSAGE_SOURCE),
    ("messageId", system::MESSAGE_ID),
    ("correlationId", system::CORRELATION_ID),
    ("userId", system::USER_ID),
    ("creationTimeUtc", system::CREATION_TIME),
    ("expiryTimeUtc", system::EXPIRY_TIME),
    ("outputName", system::OUTPUT_NAME),
];

/// A message as routes see it. The body is read at most once, and only when a route asks for it.
#[derive(Debug)]
pub struct RouteMessage<'a> {
    message: &'a Message,
    twin: Option<&'a Value>,
    body: OnceCell<Option<Value>>,
}

impl<'a> RouteMessage<'a> {
    /// A message with its device's twin (`{tags, properties: {desired, reported}}`), if there is
    /// one.
    pub fn new(message: &'a Message, twin: Option<&'a Value>) -> Self {
        Self {
            message,
            twin,
            body: OnceCell::new(),
        }
    }

    fn body(&self) -> Option<&Value> {
        let read = || {
            let system = |name| self.message.system.get(name).map(String::as_str);
            let kind = system(system::CONTENT_TYPE)?.split(';').next()?.trim();
            if !kind.eq_ignore_ascii_case("application/json") {
                return None;
            }
            let encoding = system(system::CONTENT_ENCODING)?;
            let text = decoded(&self.message.body, encoding)?;
            serde_json::from_str(&text).ok()
        };
        self.body.get_or_init(read).as_ref()
    }

    fn system(&self, name: &str) -> Option<&str> {
        let carried = SYSTEM
            .iter()
            .find(|(short, _)| short.eq_ignore_ascii_case(name));
        let carried = carried.map_or(name, |(_, carried)| carried);
        any_case(&self.message.system, carried)
    }
}

fn any_case<'m>(
    properties: &'m std::collections::BTreeMap<String, String>,
    name: &str,
) -> Option<&'m str> {
    let exact = properties.get(name);
    let same = || {
        properties
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
    };
    exact
        .or_else(|| same().map(|(_, value)| value))
        .map(String::as_str)
}

/// A body's text by its content encoding: UTF-8, UTF-16 or UTF-32, little-endian unless a mark
/// says otherwise.
fn decoded<'b>(body: &'b [u8], encoding: &str) -> Option<Cow<'b, str>> {
    let is = |name: &str| encoding.trim().eq_ignore_ascii_case(name);
    if is("utf-8") {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
        return std::str::from_utf8(body).ok().map(Cow::Borrowed);
    }
    if is("utf-16") {
        let big = body.starts_with(b"\xFE\xFF");
        let units = body.chunks(2).map(|pair| match *pair {
            [low, high] if !big => u16::from_le_bytes([low, high]),
            [high, low] => u16::from_be_bytes([high, low]),
            _ => 0xD800,
        });
        let text: Result<String, _> = char::decode_utf16(units).collect();
        return text.ok().map(without_mark);
    }
    if is("utf-32") {
        let big = body.starts_with(b"\0\0\xFE\xFF");
        let units = body.chunks(4).map(|four| {
            let four: [u8; 4] = four.try_into().ok()?;
            char::from_u32(if big {
                u32::from_be_bytes(four)
            } else {
                u32::from_le_bytes(four)
            })
        });
        let text: Option<String> = units.collect();
        return text.map(without_mark);
    }
    None
}

fn without_mark<'b>(text: String) -> Cow<'b, str> {
    match text.strip_prefix('\u{FEFF}') {
        Some(rest) => Cow::Owned(rest.to_owned()),
        None => Cow::Owned(text),
    }
}

impl Scope for RouteMessage<'_> {
    fn find(&self, path: &Path) -> Term<'_> {
        let first = path.first();
        if first.eq_ignore_ascii_case("$body") {
            // Parts of the body can be asked for, the whole of it cannot.
            let Some(Step::Name(_)) = path.steps().first() else {
                return None;
            };
            return walk(self.body()?, path.steps(), true).map(Cow::Borrowed);
        }
        if first.eq_ignore_ascii_case("$twin") {
            return walk(self.twin?, path.steps(), true).map(Cow::Borrowed);
        }
        if !path.steps().is_empty() {
            return None;
        }
        let own = |name| any_case(&self.message.properties, name);
        let value = match first.strip_prefix('$') {
            Some(name) => self.system(name).or_else(|| own(first)),
            None => own(first),
        };
        value.map(|value| Cow::Owned(Value::String(value.to_owned())))
    }
}
