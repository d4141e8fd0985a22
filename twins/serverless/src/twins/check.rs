//! What the grammar cannot say: names that exist, values in range; and the type that comes of it.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use jiff::SignedDuration;
use serde_json::Value;
use toml::Spanned;
use twinbench_model::{EntityId, VirtualDuration};

use super::{
    Field, FileError, Given, Setting, Source, Threshold, TwinType, Window,
    error::nearest_or_list,
    file::{self, FieldType, SettingType, TwinFile, VERSION},
    settings,
};

/// What stands for values in a workflow's input.
const VALUES: [&str; 5] = ["$time", "$value", "$threshold", "$device", "$name"];

/// Members of the state that no threshold may be called.
const MEMBERS: [&str; 6] = [
    "historyData",
    "entityConfig",
    "deviceName",
    "lastUpdate",
    "lastData",
    "windows",
];

struct Check<'a> {
    path: &'a Path,
    text: &'a str,
    settings: Vec<Setting>,
}

pub(super) fn check(path: &Path, text: &str, file: &TwinFile) -> Result<TwinType, FileError> {
    let mut it = Check {
        path,
        text,
        settings: Vec::new(),
    };
    if *file.version.get_ref() != VERSION {
        return Err(it
            .error(
                &file.version,
                format!("version {} is not known", file.version.get_ref()),
            )
            .help(format!("this program reads version {VERSION}")));
    }
    EntityId::new(file.name.get_ref(), "device")
        .map_err(|cause| it.error(&file.name, cause.to_string()))?;
    it.unique(file.setting.iter().map(|it| &it.name), "setting")?;
    for setting in &file.setting {
        let setting = it.setting(setting)?;
        it.settings.push(setting);
    }
    let retention = it.retention(&file.retention)?;
    if file.field.is_empty() {
        return Err(it
            .error(&file.name, "the twin keeps nothing".into())
            .help("add a [[field]] table with `name` and `path`"));
    }
    it.unique(file.field.iter().map(|it| &it.name), "field")?;
    let fields: Vec<Field> = file
        .field
        .iter()
        .map(|field| it.field(field))
        .collect::<Result<_, _>>()?;
    it.unique(file.window.iter().map(|it| &it.name), "window")?;
    let windows: Vec<Window> = file
        .window
        .iter()
        .map(|window| it.window(window, &fields, &retention))
        .collect::<Result<_, _>>()?;
    it.unique(file.threshold.iter().map(|it| &it.name), "threshold")?;
    let thresholds = file
        .threshold
        .iter()
        .map(|threshold| it.threshold(threshold, &fields, &windows))
        .collect::<Result<_, _>>()?;
    Ok(TwinType {
        name: file.name.get_ref().clone(),
        devices: file.devices.iter().map(|it| it.get_ref().clone()).collect(),
        retention,
        settings: it.settings,
        fields,
        windows,
        thresholds,
    })
}

impl Check<'_> {
    fn error<T>(&self, at: &Spanned<T>, message: String) -> FileError {
        FileError::at(self.path, self.text, Some(at.span()), message)
    }

    fn unique<'a>(
        &self,
        names: impl Iterator<Item = &'a Spanned<String>>,
        what: &str,
    ) -> Result<(), FileError> {
        let mut seen = BTreeSet::new();
        for name in names {
            if name.get_ref().trim().is_empty() {
                return Err(self.error(name, format!("a {what} needs a name")));
            }
            if !seen.insert(name.get_ref()) {
                let message = format!("{what} {:?} is there twice", name.get_ref());
                return Err(self
                    .error(name, message)
                    .help(format!("every {what} needs a name of its own")));
            }
        }
        Ok(())
    }

    fn setting(&self, it: &file::Setting) -> Result<Setting, FileError> {
        let read = |given: &Option<Spanned<toml::Value>>| {
            let Some(given) = given else {
                return Ok(None);
            };
            let value = json(given.get_ref());
            let value = settings::read(it.kind, &value).map_err(|needs| {
                self.error(given, format!("setting {:?} is {needs}", it.name.get_ref()))
            })?;
            Ok(Some(value))
        };
        let (default, min, max) = (read(&it.default)?, read(&it.min)?, read(&it.max)?);
        for limit in [&it.min, &it.max].into_iter().flatten() {
            if matches!(it.kind, SettingType::Bool | SettingType::Text) {
                return Err(self
                    .error(limit, "only numbers and spans have limits".into())
                    .help("remove it"));
            }
        }
        if let (Some(min), Some(max), Some(at)) = (&min, &max, &it.max)
            && settings::compare(it.kind, min, max).is_gt()
        {
            return Err(self
                .error(at, "`max` is less than `min`".into())
                .help("swap them"));
        }
        for (outside, at) in [(it.below, &it.min), (it.above, &it.max)] {
            if outside == file::Outside::Default && (at.is_none() || default.is_none()) {
                return Err(self
                    .error(
                        &it.name,
                        "what makes no sense cannot become the default".into(),
                    )
                    .help(
                        "give the limit (`min` for `below`, `max` for `above`) and a `default`",
                    ));
            }
        }
        Ok(Setting {
            name: it.name.get_ref().clone(),
            kind: it.kind,
            default: default.unwrap_or(Value::Null),
            min,
            max,
            below: it.below,
            above: it.above,
        })
    }

    /// A setting that is meant by `"$name"`, which must be of one of these types.
    fn meant(
        &self,
        at: &Spanned<impl Sized>,
        name: &str,
        kinds: &[SettingType],
    ) -> Result<String, FileError> {
        let Some(setting) = self.settings.iter().find(|it| it.name == name) else {
            let known: Vec<&str> = self.settings.iter().map(|it| it.name.as_str()).collect();
            return Err(self
                .error(at, format!("there is no setting {name:?}"))
                .help(nearest_or_list(name, "settings", &known)));
        };
        if !kinds.contains(&setting.kind) {
            let kinds: Vec<String> = kinds
                .iter()
                .map(|kind| format!("{kind:?}").to_lowercase())
                .collect();
            return Err(self
                .error(at, format!("setting {name:?} is of another type"))
                .help(format!("here its type must be {}", kinds.join(" or "))));
        }
        Ok(name.to_owned())
    }

    fn retention(&self, at: &Spanned<String>) -> Result<Given<SignedDuration>, FileError> {
        let text = at.get_ref();
        if let Some(name) = text.strip_prefix('$') {
            return Ok(Given::Setting(self.meant(
                at,
                name,
                &[SettingType::Span],
            )?));
        }
        let span: VirtualDuration = text
            .parse()
            .map_err(|cause| self.error(at, format!("{cause}")))?;
        if span == VirtualDuration::ZERO {
            return Err(self
                .error(at, "nothing would be kept".into())
                .help("write a span such as \"10m\""));
        }
        Ok(Given::Value(SignedDuration::from_nanos(
            i64::try_from(span.as_nanos()).unwrap_or(i64::MAX),
        )))
    }

    fn field(&self, it: &file::Field) -> Result<Field, FileError> {
        let path: Vec<String> = it
            .path
            .get_ref()
            .split('.')
            .map(str::to_lowercase)
            .collect();
        if path.iter().any(String::is_empty) {
            return Err(self
                .error(&it.path, format!("{:?} is no path", it.path.get_ref()))
                .help("write the names of members with dots between them: \"data.temperature\""));
        }
        let default = match &it.default {
            None => None,
            Some(at) => {
                let value = json(at.get_ref());
                let value = it.kind.read(&value).ok_or_else(|| {
                    self.error(
                        at,
                        format!("field {:?} is {}", it.name.get_ref(), it.kind.what()),
                    )
                })?;
                Some(value)
            }
        };
        let round = match &it.round {
            None => None,
            Some(at) => {
                if it.kind != FieldType::Number {
                    return Err(self
                        .error(at, "only numbers are rounded".into())
                        .help("remove `round`"));
                }
                Some(match at.get_ref() {
                    toml::Value::Integer(digits @ 0..=15) => Given::Value(*digits as i32),
                    toml::Value::String(text) if text.starts_with('$') => {
                        Given::Setting(self.meant(at, &text[1..], &[SettingType::Integer])?)
                    }
                    _ => {
                        return Err(self
                            .error(at, "`round` is a number of digits".into())
                            .help("write 0 to 15, or \"$setting\""));
                    }
                })
            }
        };
        Ok(Field {
            name: it.name.get_ref().as_str().into(),
            path,
            kind: it.kind,
            default,
            round,
        })
    }

    fn window(
        &self,
        it: &file::Window,
        fields: &[Field],
        retention: &Given<SignedDuration>,
    ) -> Result<Window, FileError> {
        let field = self.field_of(&it.field, fields)?;
        let computes = !matches!(it.of, file::Statistic::Last | file::Statistic::Count);
        if computes && field.kind != FieldType::Number {
            return Err(self
                .error(
                    &it.field,
                    format!("field {:?} is no number", it.field.get_ref()),
                )
                .help("of other fields there are `last` and `count`"));
        }
        let over = *it.over.get_ref();
        if over == VirtualDuration::ZERO {
            return Err(self
                .error(&it.over, "a window over no time is empty".into())
                .help("write a span such as \"5m\""));
        }
        if let Given::Value(retention) = retention
            && i128::from(over.as_nanos()) > retention.as_nanos()
        {
            return Err(self
                .error(
                    &it.over,
                    "the window is longer than readings are kept".into(),
                )
                .help("shorten it, or raise `retention`"));
        }
        Ok(Window {
            name: it.name.get_ref().clone(),
            field: Arc::clone(&field.name),
            of: it.of,
            over,
        })
    }

    fn field_of<'a>(
        &self,
        at: &Spanned<String>,
        fields: &'a [Field],
    ) -> Result<&'a Field, FileError> {
        let name = at.get_ref().as_str();
        fields.iter().find(|it| &*it.name == name).ok_or_else(|| {
            let known: Vec<&str> = fields.iter().map(|it| &*it.name).collect();
            self.error(at, format!("there is no field {name:?}"))
                .help(nearest_or_list(name, "fields", &known))
        })
    }

    fn number(&self, at: &Spanned<toml::Value>) -> Result<Given<f64>, FileError> {
        match at.get_ref() {
            toml::Value::Float(number) if number.is_finite() => Ok(Given::Value(*number)),
            toml::Value::Integer(number) => Ok(Given::Value(*number as f64)),
            toml::Value::String(text) if text.starts_with('$') => {
                let kinds = [SettingType::Number, SettingType::Integer];
                Ok(Given::Setting(self.meant(at, &text[1..], &kinds)?))
            }
            _ => Err(self
                .error(at, "a threshold is a number".into())
                .help("write a finite number, or \"$setting\"")),
        }
    }

    /// The field or window that a threshold looks at.
    fn source(
        &self,
        at: &Spanned<String>,
        fields: &[Field],
        windows: &[Window],
    ) -> Result<Source, FileError> {
        let name = at.get_ref().as_str();
        let is_number = |field: &Field| field.kind == FieldType::Number;
        if let Some(window) = windows.iter().find(|window| window.name == name) {
            let field = fields.iter().find(|field| field.name == window.field);
            if window.of == file::Statistic::Count || field.is_some_and(is_number) {
                return Ok(Source::Window(window.name.clone()));
            }
            return Err(self.error(at, format!("window {name:?} is no number")));
        }
        let Some(field) = fields.iter().find(|it| &*it.name == name) else {
            let known: Vec<&str> = fields
                .iter()
                .map(|it| &*it.name)
                .chain(windows.iter().map(|it| it.name.as_str()))
                .collect();
            return Err(self
                .error(at, format!("there is no field or window {name:?}"))
                .help(nearest_or_list(name, "fields and windows", &known)));
        };
        if !is_number(field) {
            return Err(self.error(at, format!("field {name:?} is no number")));
        }
        Ok(Source::Field(Arc::clone(&field.name)))
    }

    fn threshold(
        &self,
        it: &file::Threshold,
        fields: &[Field],
        windows: &[Window],
    ) -> Result<Threshold, FileError> {
        if MEMBERS.contains(&it.name.get_ref().as_str()) {
            return Err(self
                .error(
                    &it.name,
                    format!("the state has another {:?}", it.name.get_ref()),
                )
                .help("give the threshold another name"));
        }
        let of = self.source(&it.of, fields, windows)?;
        let (above, at) = match (&it.above, &it.below) {
            (Some(at), None) => (true, at),
            (None, Some(at)) => (false, at),
            (Some(_), Some(at)) => {
                return Err(self
                    .error(at, "a threshold has one side".into())
                    .help("write two [[threshold]] tables, one `above` and one `below`"));
            }
            (None, None) => {
                return Err(self
                    .error(&it.name, "when does it fire?".into())
                    .help("add `above = …` or `below = …`"));
            }
        };
        let limit = self.number(at)?;
        let until = it.until.as_ref().map(|at| self.number(at)).transpose()?;
        if let (Given::Value(limit), Some(Given::Value(until)), Some(at)) =
            (&limit, &until, &it.until)
            && (if above { until > limit } else { until < limit })
        {
            let side = if above { "above" } else { "below" };
            return Err(self
                .error(
                    at,
                    format!("`until` is {side} the threshold: it would fire without end"),
                )
                .help(
                    "the distance to the threshold is the hysteresis: put it on the other side",
                ));
        }
        if it.start.get_ref().trim().is_empty() {
            return Err(self
                .error(&it.start, "`start` names no workflow".into())
                .help("write the orchestration's name: \"SendNotification\""));
        }
        let mut input = std::collections::BTreeMap::new();
        match &it.input {
            None => {
                for value in VALUES {
                    input.insert(value[1..].to_owned(), value.into());
                }
            }
            Some(given) => {
                for (name, value) in given {
                    if let toml::Value::String(text) = value.get_ref()
                        && text.starts_with('$')
                        && !VALUES.contains(&text.as_str())
                    {
                        match text.strip_prefix("$settings.") {
                            Some(setting) => {
                                use SettingType::{Bool, Integer, Number, Span, Text};
                                self.meant(value, setting, &[Number, Integer, Bool, Text, Span])?;
                            }
                            None => {
                                return Err(self
                                    .error(value, format!("{text:?} stands for nothing"))
                                    .help(nearest_or_list(
                                        text,
                                        "values",
                                        &[VALUES.as_slice(), &["$settings.…"]].concat(),
                                    )));
                            }
                        }
                    }
                    input.insert(name.get_ref().clone(), json(value.get_ref()));
                }
            }
        }
        Ok(Threshold {
            name: it.name.get_ref().clone(),
            of,
            above,
            limit,
            until,
            start: it.start.get_ref().clone(),
            input,
        })
    }
}

/// TOML as JSON; times become texts.
fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(yes) => (*yes).into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(all) => all.iter().map(json).collect(),
        toml::Value::Table(table) => Value::Object(
            table
                .iter()
                .map(|(name, value)| (name.clone(), json(value)))
                .collect(),
        ),
    }
}
