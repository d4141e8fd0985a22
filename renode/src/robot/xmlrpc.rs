//! Calls of XML-RPC as text, and the answers to them.

use std::{collections::BTreeMap, fmt::Write as _};

use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event};

use super::Value;

/// No answer nests deeper.
const DEEPEST: usize = 64;

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// A value; none where the method has none.
    Value(Option<Value>),
    /// The server could not do it.
    Fault {
        /// 1: no such keyword; 2: wrong arguments.
        code: i64,
        /// Its words.
        text: String,
    },
}

/// Why a text is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an answer of XML-RPC: {0}")]
pub struct NotXmlRpc(String);

/// The text of a call of `method` with texts and rows of texts, as Renode was recorded to take it.
pub(super) fn call(method: &str, arguments: &[Argument<'_>]) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\"?><methodCall><methodName>{}</methodName><params>",
        escape(method)
    );
    // Writing into a string does not fail.
    for argument in arguments {
        let _ = match argument {
            Argument::Text(value) => write!(
                text,
                "<param><value><string>{}</string></value></param>",
                escape(value)
            ),
            Argument::Row(values) => {
                text.push_str("<param><value><array><data>");
                for value in *values {
                    let _ = write!(text, "<value><string>{}</string></value>", escape(value));
                }
                write!(text, "</data></array></value></param>")
            }
        };
    }
    text.push_str("</params></methodCall>");
    text
}

/// An argument of a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument<'a> {
    /// Text.
    Text(&'a str),
    /// A row of texts.
    Row(&'a [&'a str]),
}

/// Text as XML writes it. Characters that XML cannot hold become blanks; line ends that a parser
/// would change are written by their number.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(c),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}

/// Reads an answer.
///
/// # Errors
/// When it is none.
pub(super) fn answer(text: &str) -> Result<Answer, NotXmlRpc> {
    let root = tree(text)?;
    if root.name != "methodResponse" {
        return Err(NotXmlRpc(format!("it begins with {:?}", root.name)));
    }
    if let Some(fault) = root.child("fault") {
        let fault = value(
            fault
                .child("value")
                .ok_or_else(|| lacks("fault", "value"))?,
        )?;
        return Ok(Answer::Fault {
            code: match fault.member("faultCode") {
                Some(Value::Int(code)) => *code,
                _ => 0,
            },
            text: fault
                .member("faultString")
                .and_then(Value::text)
                .unwrap_or_default()
                .to_owned(),
        });
    }
    let found = root
        .child("params")
        .and_then(|params| params.child("param"))
        .and_then(|param| param.child("value"));
    Ok(Answer::Value(found.map(value).transpose()?))
}

fn lacks(element: &str, child: &str) -> NotXmlRpc {
    NotXmlRpc(format!("{element:?} lacks {child:?}"))
}

/// An element with what is in it.
struct Element {
    name: String,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|it| it.name == name)
    }
}

/// The whole text as one element.
fn tree(text: &str) -> Result<Element, NotXmlRpc> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let element = |name: &[u8]| Element {
        name: String::from_utf8_lossy(name).into_owned(),
        children: Vec::new(),
        text: String::new(),
    };
    loop {
        let event = reader
            .read_event()
            .map_err(|cause| NotXmlRpc(cause.to_string()))?;
        let closed = match event {
            Event::Start(start) => {
                if open.len() == DEEPEST {
                    return Err(NotXmlRpc("it nests too deep".to_owned()));
                }
                open.push(element(start.name().as_ref()));
                continue;
            }
            Event::Empty(empty) => element(empty.name().as_ref()),
            Event::End(_) => match open.pop() {
                Some(closed) => closed,
                None => return Err(NotXmlRpc("an end without a beginning".to_owned())),
            },
            Event::Eof => return Err(NotXmlRpc("it is cut short".to_owned())),
            Event::Text(part) => {
                if let Some(last) = open.last_mut() {
                    last.text.push_str(&part.decode().unwrap_or_default());
                }
                continue;
            }
            Event::CData(part) => {
                if let Some(last) = open.last_mut() {
                    last.text.push_str(&part.decode().unwrap_or_default());
                }
                continue;
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().unwrap_or_default();
                let number = reference.resolve_char_ref().ok().flatten();
                if let Some(last) = open.last_mut() {
                    if let Some(c) = number {
                        last.text.push(c);
                    } else if let Some(known) = resolve_predefined_entity(&name) {
                        last.text.push_str(known);
                    } else {
                        return Err(NotXmlRpc(format!("&{name}; is not known")));
                    }
                }
                continue;
            }
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None => return Ok(closed),
        }
    }
}

/// What a `value` element holds.
fn value(element: &Element) -> Result<Value, NotXmlRpc> {
    let Some(inner) = element.children.first() else {
        return Ok(Value::Text(element.text.clone()));
    };
    let wrong = || NotXmlRpc(format!("{:?} is no {}", inner.text.trim(), inner.name));
    Ok(match inner.name.as_str() {
        "nil" => Value::Nil,
        "int" | "i4" | "i8" => Value::Int(inner.text.trim().parse().map_err(|_| wrong())?),
        "double" => Value::Double(inner.text.trim().parse().map_err(|_| wrong())?),
        "boolean" => match inner.text.trim() {
            "0" | "false" => Value::Bool(false),
            "1" | "true" => Value::Bool(true),
            _ => return Err(wrong()),
        },
        "array" => Value::Array(
            inner
                .child("data")
                .map_or(&[][..], |data| &data.children)
                .iter()
                .map(value)
                .collect::<Result<_, _>>()?,
        ),
        "struct" => {
            let mut members = BTreeMap::new();
            for member in &inner.children {
                let name = member
                    .child("name")
                    .ok_or_else(|| lacks("member", "name"))?;
                let held = member
                    .child("value")
                    .ok_or_else(|| lacks("member", "value"))?;
                members.insert(name.text.trim().to_owned(), value(held)?);
            }
            Value::Struct(members)
        }
        // A string; dates and binary data are not returned by any keyword.
        _ => Value::Text(inner.text.clone()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(inside: &str, expected: Value) {
        let text =
            format!("<methodResponse><params><param>{inside}</param></params></methodResponse>");
        assert_eq!(answer(&text), Ok(Answer::Value(Some(expected))), "{inside}");
    }

    #[test]
    fn every_kind_of_value_is_read() {
        check("<value>bare</value>", Value::Text("bare".into()));
        check("<value><string /></value>", Value::Text(String::new()));
        check("<value><i4>-5</i4></value>", Value::Int(-5));
        check("<value><double>0.5</double></value>", Value::Double(0.5));
        check("<value><boolean>1</boolean></value>", Value::Bool(true));
        check("<value><nil/></value>", Value::Nil);
        check(
            "<value><array><data /></array></value>",
            Value::Array(vec![]),
        );
        check(
            "<value><string>a &lt;b&gt; &#38; &quot;c&quot;</string></value>",
            Value::Text("a <b> & \"c\"".into()),
        );
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in [
            "",
            "<html>",
            "<methodResponse>",
            "<html></html>",
            "</x>",
            "<methodResponse><fault></fault></methodResponse>",
            "<methodResponse><params><param><value><i4>x</i4></value></param></params></methodResponse>",
            "<methodResponse><params><param><value>&nope;</value></param></params></methodResponse>",
        ] {
            assert!(answer(text).is_err(), "{text}");
        }
        assert!(answer(&"<value>".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn text_comes_through(text in "[^\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\uFFFE\\uFFFF]{0,60}") {
            let xml = format!("<methodResponse><params><param><value><string>{}</string></value></param></params></methodResponse>", escape(&text));
            prop_assert_eq!(answer(&xml), Ok(Answer::Value(Some(Value::Text(text)))));
        }

        #[test]
        fn garbage_is_no_panic(text in ".{0,200}") {
            let _ = answer(&text);
        }

        #[test]
        fn a_cut_answer_is_refused(at in 0usize..110) {
            let whole = "<methodResponse><params><param><value><array><data><value>é</value></data></array></value></param></params></methodResponse>";
            if whole.is_char_boundary(at) {
                prop_assert!(answer(&whole[..at]).is_err());
            }
        }
    }
}
