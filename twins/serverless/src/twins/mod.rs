//! Twin files: types of twins of one's own, without Rust.
//!
//! A file says which values of a device's messages are kept and for how long, what is computed of
//! them, what can be configured, and which workflow is started when a value goes beyond another.
//! Its entities have the state of the application's own: `historyData`, `entityConfig`,
//! `deviceName`, `lastUpdate`, `lastData`, a member for every threshold, and `windows` if the file
//! has some.

mod check;
mod error;
pub mod file;
mod ingest;
mod settings;
mod state;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use jiff::SignedDuration;
use serde_json::Value;
use twinbench_model::VirtualDuration;

pub use error::FileError;
pub use file::TwinFile;
pub(crate) use ingest::{ForTwin, ingest};
pub(crate) use state::TwinState;

use file::{FieldType, Outside, SettingType, Statistic};

/// A type of twins, ready to be used.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinType {
    /// The entities' name.
    pub(crate) name: String,
    pub(crate) devices: Vec<String>,
    pub(crate) retention: Given<SignedDuration>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) fields: Vec<Field>,
    pub(crate) windows: Vec<Window>,
    pub(crate) thresholds: Vec<Threshold>,
}

/// A value of the file, or that of a setting.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given<T> {
    Value(T),
    Setting(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) kind: SettingType,
    pub(crate) default: Value,
    pub(crate) min: Option<Value>,
    pub(crate) max: Option<Value>,
    pub(crate) below: Outside,
    pub(crate) above: Outside,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: Arc<str>,
    /// In lower case.
    pub(crate) path: Vec<String>,
    pub(crate) kind: FieldType,
    pub(crate) default: Option<Value>,
    pub(crate) round: Option<Given<i32>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub(crate) name: String,
    pub(crate) field: Arc<str>,
    pub(crate) of: Statistic,
    pub(crate) over: VirtualDuration,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Threshold {
    pub(crate) name: String,
    pub(crate) of: Source,
    /// Whether it fires above, not below.
    pub(crate) above: bool,
    pub(crate) limit: Given<f64>,
    pub(crate) until: Option<Given<f64>>,
    pub(crate) start: String,
    pub(crate) input: BTreeMap<String, Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    Field(Arc<str>),
    Window(String),
}

impl TwinType {
    /// Reads and checks the text of a twin file; `path` is used in errors.
    ///
    /// # Errors
    /// With file, line, column, cause and what to do.
    pub fn parse(path: &Path, text: &str) -> Result<Self, FileError> {
        let file: TwinFile =
            toml::from_str(text).map_err(|cause| FileError::toml(path, text, &cause))?;
        check::check(path, text, &file)
    }

    /// The entities' name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a device is such a twin.
    pub fn is_of(&self, device: &str) -> bool {
        self.devices.iter().any(|pattern| fits(pattern, device))
    }
}

/// Whether a name is a pattern's, in which `*` stands for any text.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((begin, rest)) => name.strip_prefix(begin).is_some_and(|tail| {
            tail.char_indices()
                .map(|(at, _)| at)
                .chain([tail.len()])
                .any(|at| fits(rest, &tail[at..]))
        }),
    }
}

/// The JSON Schema of twin files, for editors; generated from the types.
pub fn schema() -> Value {
    schemars::schema_for!(TwinFile).to_value()
}
