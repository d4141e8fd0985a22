//! Recordings for other programs: CSV, JSON lines and Parquet.
//!
//! Every form has the same columns:
//!
//! | column | is |
//! |---|---|
//! | `time` | seconds of virtual time (Parquet: `time_ns`, nanoseconds) |
//! | `utc` | the same instant, RFC 3339 (Parquet: a timestamp in nanoseconds) |
//! | `room`, `kind`, `source`, `sequence` | the channel, and the number within it |
//! | `content` | the JSON text, or the text of bytes, or bytes in base64 (`encoding` says which) |
//! | one for each field asked for | its value within the content |
//!
//! SAS signatures are redacted.

mod csv;
mod json_lines;
mod parquet;
mod row;

use std::io::{self, Write};

use twinbench_model::Epoch;

use crate::Entry;

pub use row::Row;

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

impl Form {
    /// The form that a file name's ending says: `csv`, `jsonl` or `ndjson`, `parquet`.
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::JsonLines),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It cannot be written.
    #[error("write the export: {0}; look for a full disk or missing rights")]
    Write(#[from] io::Error),
    /// The Parquet writer refused something.
    #[error("write the export as Parquet: {0}")]
    Parquet(String),
}

/// Writes entries in one form.
pub struct Exporter<W: Write + Send> {
    epoch: Epoch,
    fields: Vec<String>,
    form: Writer<W>,
    rows: u64,
}

enum Writer<W: Write + Send> {
    Csv(Box<csv::Writer<W>>),
    JsonLines(W),
    Parquet(Box<parquet::Writer<W>>),
}

impl<W: Write + Send> Exporter<W> {
    /// An exporter; each of `fields` is the path of a value within the content, such as
    /// `body.temperature`, and becomes a column of its own.
    ///
    /// # Errors
    /// When nothing can be written.
    pub fn new(out: W, form: Form, epoch: Epoch, fields: Vec<String>) -> Result<Self, ExportError> {
        let form = match form {
            Form::Csv => Writer::Csv(Box::new(csv::Writer::new(out, &fields)?)),
            Form::JsonLines => Writer::JsonLines(out),
            Form::Parquet => Writer::Parquet(Box::new(parquet::Writer::new(out, &fields)?)),
        };
        Ok(Self {
            epoch,
            fields,
            form,
            rows: 0,
        })
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, entry: &Entry) -> Result<(), ExportError> {
        let row = Row::of(entry, self.epoch, &self.fields);
        self.rows += 1;
        match &mut self.form {
            Writer::Csv(out) => out.write(&row)?,
            Writer::JsonLines(out) => json_lines::write(out, &row, &self.fields)?,
            Writer::Parquet(out) => out.write(row)?,
        }
        Ok(())
    }

    /// Ends the export: how many rows it has.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub fn finish(self) -> Result<u64, ExportError> {
        match self.form {
            Writer::Csv(out) => out.finish()?,
            Writer::JsonLines(mut out) => out.flush()?,
            Writer::Parquet(out) => out.finish()?,
        }
        Ok(self.rows)
    }
}

#[cfg(test)]
mod tests;
