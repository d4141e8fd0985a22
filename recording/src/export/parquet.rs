//! Apache Parquet, without Arrow: a handful of typed columns, a group of rows at a time.

use std::{fmt::Write as _, io::Write, sync::Arc};

use parquet::{
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    file::{
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};
use serde_json::Value;

use super::{ExportError, Row};

/// Rows of a group: what is held in memory before it is written.
const GROUP: usize = 20_000;

pub(super) struct Writer<W: Write + Send> {
    out: SerializedFileWriter<W>,
    fields: usize,
    rows: Vec<Row>,
}

fn refused(cause: impl std::fmt::Display) -> ExportError {
    ExportError::Parquet(cause.to_string())
}

impl<W: Write + Send> Writer<W> {
    pub(super) fn new(out: W, fields: &[String]) -> Result<Self, ExportError> {
        let mut schema = "message recording {
            REQUIRED INT64 time_ns;
            OPTIONAL INT64 utc (TIMESTAMP(NANOS,true));
            REQUIRED BYTE_ARRAY room (UTF8);
            REQUIRED BYTE_ARRAY kind (UTF8);
            REQUIRED BYTE_ARRAY source (UTF8);
            REQUIRED INT64 sequence;
            REQUIRED BYTE_ARRAY encoding (UTF8);
            REQUIRED BYTE_ARRAY content (UTF8);\n"
            .to_owned();
        for field in fields {
            // The grammar of schemas takes no other characters in a name.
            let name: String = field
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                .collect();
            // Whether a field is a number may change from entry to entry: it has a column each way.
            let _ = writeln!(
                schema,
                "OPTIONAL DOUBLE {name}; OPTIONAL BYTE_ARRAY {name}_text (UTF8);"
            );
        }
        schema.push('}');
        let schema = parse_message_type(&schema).map_err(refused)?;
        let properties = Arc::new(WriterProperties::builder().build());
        let out = SerializedFileWriter::new(out, Arc::new(schema), properties).map_err(refused)?;
        Ok(Self {
            out,
            fields: fields.len(),
            rows: Vec::new(),
        })
    }

    pub(super) fn write(&mut self, row: Row) -> Result<(), ExportError> {
        self.rows.push(row);
        if self.rows.len() >= GROUP {
            self.group()?;
        }
        Ok(())
    }

    fn group(&mut self) -> Result<(), ExportError> {
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.out.next_row_group().map_err(refused)?;
        let text = |text: &str| ByteArray::from(text);
        let all = |of: &dyn Fn(&Row) -> i64| rows.iter().map(of).collect::<Vec<_>>();
        let texts = |of: &dyn Fn(&Row) -> &str| {
            let values = rows.iter().map(|row| text(of(row)));
            values.collect::<Vec<_>>()
        };
        required::<W, Int64Type>(&mut group, &all(&|row| row.nanos as i64))?;
        let utc: Vec<_> = rows.iter().map(|row| row.utc_nanos).collect();
        optional::<W, Int64Type>(&mut group, &utc)?;
        required::<W, ByteArrayType>(&mut group, &texts(&|row| row.room))?;
        required::<W, ByteArrayType>(&mut group, &texts(&|row| &row.kind))?;
        required::<W, ByteArrayType>(&mut group, &texts(&|row| &row.source))?;
        required::<W, Int64Type>(&mut group, &all(&|row| row.sequence as i64))?;
        required::<W, ByteArrayType>(&mut group, &texts(&|row| row.encoding))?;
        required::<W, ByteArrayType>(&mut group, &texts(&|row| &row.content))?;
        for n in 0..self.fields {
            let values = || rows.iter().map(|row| row.fields.get(n)?.as_ref());
            let numbers: Vec<_> = values().map(|value| value?.as_f64()).collect();
            optional::<W, DoubleType>(&mut group, &numbers)?;
            let others: Vec<_> = values()
                .map(|value| match value? {
                    Value::Null | Value::Number(_) => None,
                    Value::String(it) => Some(text(it)),
                    other => Some(text(&other.to_string())),
                })
                .collect();
            optional::<W, ByteArrayType>(&mut group, &others)?;
        }
        group.close().map_err(refused)?;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        self.group()?;
        self.out.close().map_err(refused)?;
        Ok(())
    }
}

fn required<W: Write + Send, D: DataType>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[D::T],
) -> Result<(), ExportError> {
    write::<W, D>(group, values, None)
}

fn optional<W: Write + Send, D: DataType>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[Option<D::T>],
) -> Result<(), ExportError> {
    let levels: Vec<i16> = values.iter().map(|it| i16::from(it.is_some())).collect();
    let present: Vec<D::T> = values.iter().flatten().cloned().collect();
    write::<W, D>(group, &present, Some(&levels))
}

fn write<W: Write + Send, D: DataType>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[D::T],
    levels: Option<&[i16]>,
) -> Result<(), ExportError> {
    let column = group.next_column().map_err(refused)?;
    let mut column = column.ok_or_else(|| refused("the schema has fewer columns than rows do"))?;
    let typed = column.typed::<D>();
    typed.write_batch(values, levels, None).map_err(refused)?;
    column.close().map_err(refused)
}
