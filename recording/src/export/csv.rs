//! Comma-separated values.

use std::io::{self, Write};

use serde_json::Value;

use super::Row;

pub(super) struct Writer<W: Write> {
    out: csv::Writer<W>,
    cells: Vec<String>,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W, fields: &[String]) -> io::Result<Self> {
        let mut out = csv::Writer::from_writer(out);
        let fixed = [
            "time", "utc", "room", "kind", "source", "sequence", "encoding",
        ];
        let fields = fields.iter().map(String::as_str);
        out.write_record(fixed.into_iter().chain(fields).chain(["content"]))?;
        Ok(Self {
            out,
            cells: Vec::new(),
        })
    }

    pub(super) fn write(&mut self, row: &Row) -> io::Result<()> {
        self.cells.clear();
        self.cells.extend([
            row.seconds(),
            row.utc.clone(),
            row.room.to_owned(),
            row.kind.clone(),
            row.source.clone(),
            row.sequence.to_string(),
            row.encoding.to_owned(),
        ]);
        self.cells
            .extend(row.fields.iter().map(|value| match value {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            }));
        self.cells.push(row.content.clone());
        Ok(self.out.write_record(&self.cells)?)
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}
