//! One JSON object a line.

use std::io::{self, Write};

use serde_json::{Map, Value, json, value::RawValue};

use super::Row;

pub(super) fn write(out: &mut impl Write, row: &Row, fields: &[String]) -> io::Result<()> {
    let mut line = Map::new();
    for (name, value) in [
        ("time", json!(row.nanos as f64 / 1e9)),
        ("utc", json!(row.utc)),
        ("room", json!(row.room)),
        ("kind", json!(row.kind)),
        ("source", json!(row.source)),
        ("sequence", json!(row.sequence)),
        ("encoding", json!(row.encoding)),
    ] {
        line.insert(name.to_owned(), value);
    }
    for (name, value) in fields.iter().zip(&row.fields) {
        line.insert(name.clone(), value.clone().unwrap_or(Value::Null));
    }
    let mut text = Value::Object(line).to_string();
    // The content stands as it was written; `Value` would put its fields into another order.
    text.pop();
    out.write_all(text.as_bytes())?;
    out.write_all(b",\"content\":")?;
    match serde_json::from_str::<&RawValue>(&row.content) {
        Ok(json) if row.encoding == "json" && !json.get().contains(['\n', '\r']) => {
            out.write_all(json.get().as_bytes())?;
        }
        _ => serde_json::to_writer(&mut *out, &row.content)?,
    }
    out.write_all(b"}\n")
}
