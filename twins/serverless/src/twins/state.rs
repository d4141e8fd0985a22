//! The state of a twin that a file describes. One transition an operation, no IO.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use twinbench_engine::{Entity, EntityContext, Failure, Json};

use super::{Given, Source, Threshold, TwinType, Window, file::Statistic, settings::span};
use crate::device::round_half_even;

/// What the event-batch function tells a twin of a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TwinTelemetry {
    pub(crate) timestamp: Timestamp,
    pub(crate) device_id: String,
    pub(crate) device_name: String,
    /// The whole message.
    pub(crate) body: Value,
}

pub(crate) type Reading = BTreeMap<String, Value>;

/// The state, with the members' names of the application's own entities.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TwinState {
    history_data: Option<BTreeMap<Timestamp, Reading>>,
    entity_config: Map<String, Value>,
    device_name: Option<String>,
    last_update: Option<Timestamp>,
    last_data: Option<Reading>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    windows: BTreeMap<String, Value>,
    /// Which thresholds have fired.
    #[serde(flatten)]
    fired: BTreeMap<String, bool>,
}

impl Entity for TwinState {
    const ALWAYS_SERIALISES: bool = true;

    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        let Some(kind) = cx.settings::<TwinType>().cloned() else {
            return Err(Failure::new("TwinFile", "this twin's file is not there"));
        };
        let wrong = |reason: String| Failure::new("Configuration", reason);
        if self.entity_config.is_empty() {
            self.entity_config = kind.configured(&Value::Null).map_err(wrong)?;
        }
        for threshold in &kind.thresholds {
            if !self.fired.contains_key(&threshold.name) {
                self.fired.insert(threshold.name.clone(), false);
            }
        }
        if operation.eq_ignore_ascii_case("TelemetryReceived") {
            let telemetry: TwinTelemetry = input.read()?;
            let now = cx.now();
            let read = kind.read(&telemetry.body);
            let is_reading = read.is_some();
            let kept = self.keep(&kind, &telemetry, read, now);
            if !kept && is_reading && !cx.exists() {
                // Too old to be kept: no reason to have an entity.
                cx.delete();
            }
            if kept {
                for (workflow, input) in self.thresholds(&kind, &telemetry) {
                    cx.start(&workflow, Json::of(&input)?);
                }
            }
        } else if operation.eq_ignore_ascii_case("SetConfiguration") {
            let given: Value = input.read()?;
            if !given.is_null() {
                self.entity_config = kind.configured(&given).map_err(wrong)?;
            }
        } else {
            return Err(Failure::unknown_operation(operation));
        }
        Ok(None)
    }
}

impl TwinType {
    /// The reading of a message; `None` when it is none.
    pub(crate) fn read(&self, body: &Value) -> Option<Reading> {
        let mut reading = Reading::new();
        for field in &self.fields {
            let (last, around) = field.path.split_last()?;
            let around = around
                .iter()
                .try_fold(body, |value, name| any_case(value, name))?;
            around.as_object()?;
            let value = match any_case(around, last) {
                Some(value) => field.kind.read(value)?,
                None => field.default.clone()?,
            };
            reading.insert(field.name.to_string(), value);
        }
        Some(reading)
    }
}

/// A member whose name is written in lower case here, in any case there.
pub(super) fn any_case<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    // Of two that differ in case alone the later one counts, as in the original's serialiser.
    members.get(name).or_else(|| {
        let found = members
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value).next_back()
    })
}

impl TwinState {
    fn setting(&self, name: &str) -> Option<&Value> {
        let mut names = name.split('.');
        let first = self.entity_config.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    }

    fn number(&self, given: &Given<f64>) -> Option<f64> {
        match given {
            Given::Value(number) => Some(*number),
            Given::Setting(name) => self.setting(name)?.as_f64(),
        }
    }

    /// Keeps a reading, and says whether it did: the application's own rules.
    fn keep(
        &mut self,
        kind: &TwinType,
        telemetry: &TwinTelemetry,
        reading: Option<Reading>,
        now: Timestamp,
    ) -> bool {
        self.history_data.get_or_insert_default();
        let Some(mut reading) = reading else {
            return false;
        };
        let retention = match &kind.retention {
            Given::Value(span) => *span,
            Given::Setting(name) => self
                .setting(name)
                .and_then(span)
                .map_or(SignedDuration::ZERO, |it| it.0),
        };
        let horizon = now.saturating_sub(retention).unwrap_or(Timestamp::MIN);
        if telemetry.timestamp < horizon {
            return false;
        }
        for field in &kind.fields {
            let digits = match &field.round {
                None => continue,
                Some(Given::Value(digits)) => *digits,
                Some(Given::Setting(name)) => match self.setting(name).and_then(Value::as_i64) {
                    Some(digits) => digits.clamp(0, 15) as i32,
                    None => continue,
                },
            };
            if let Some(value) = reading.get_mut(&*field.name)
                && let Some(number) = value.as_f64()
            {
                *value = round_half_even(number, digits).into();
            }
        }
        let Some(history) = &mut self.history_data else {
            return false;
        };
        history.insert(telemetry.timestamp, reading.clone());
        if self
            .last_update
            .is_none_or(|last| last < telemetry.timestamp)
        {
            self.last_update = Some(telemetry.timestamp);
            self.last_data = Some(reading);
            self.device_name = Some(telemetry.device_name.clone());
        }
        while let Some(oldest) = history.first_entry() {
            if *oldest.key() >= horizon {
                break;
            }
            oldest.remove();
        }
        self.windows = kind
            .windows
            .iter()
            .map(|window| (window.name.clone(), compute(window, history, now)))
            .collect();
        true
    }

    /// The workflows that the state starts: name and input.
    fn thresholds(&mut self, kind: &TwinType, telemetry: &TwinTelemetry) -> Vec<(String, Value)> {
        let mut started = Vec::new();
        for threshold in &kind.thresholds {
            let value = match &threshold.of {
                Source::Field(name) => self.last_data.as_ref().and_then(|it| it.get(&**name)),
                Source::Window(name) => self.windows.get(name),
            };
            let Some(value) = value.and_then(Value::as_f64) else {
                continue;
            };
            let Some(limit) = self.number(&threshold.limit) else {
                continue;
            };
            let until = threshold.until.as_ref().and_then(|it| self.number(it));
            let until = until.unwrap_or(limit);
            let (beyond, back) = if threshold.above {
                (value > limit, value < until)
            } else {
                (value < limit, value > until)
            };
            let fired = self.fired.get(&threshold.name).copied().unwrap_or_default();
            if beyond && !fired {
                self.fired.insert(threshold.name.clone(), true);
                let input = self.input(threshold, telemetry, value, limit);
                started.push((threshold.start.clone(), input));
            } else if back {
                self.fired.insert(threshold.name.clone(), false);
            }
        }
        started
    }

    fn input(
        &self,
        threshold: &Threshold,
        telemetry: &TwinTelemetry,
        value: f64,
        limit: f64,
    ) -> Value {
        let stands_for = |text: &str| match text {
            "$time" => self.last_update.map(|it| it.to_string()).into(),
            "$value" => value.into(),
            "$threshold" => limit.into(),
            "$device" => telemetry.device_id.as_str().into(),
            "$name" => self.device_name.clone().into(),
            _ => match text.strip_prefix("$settings.") {
                Some(name) => self.setting(name).cloned().unwrap_or_default(),
                None => text.into(),
            },
        };
        let members = threshold.input.iter().map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.clone(), stands_for);
            (name.clone(), value)
        });
        Value::Object(members.collect())
    }
}

/// What a window computes; null of no readings.
fn compute(window: &Window, history: &BTreeMap<Timestamp, Reading>, now: Timestamp) -> Value {
    let span =
        SignedDuration::from_nanos(i64::try_from(window.over.as_nanos()).unwrap_or(i64::MAX));
    let first = now.saturating_sub(span).unwrap_or(Timestamp::MIN);
    let values = || {
        let readings = history.range(first..);
        readings.filter_map(|(_, reading)| reading.get(&*window.field))
    };
    let numbers = || values().filter_map(Value::as_f64);
    match window.of {
        Statistic::Last => values().next_back().cloned().unwrap_or_default(),
        Statistic::Count => values().count().into(),
        Statistic::Min => numbers().reduce(f64::min).into(),
        Statistic::Max => numbers().reduce(f64::max).into(),
        Statistic::Mean => match numbers().count() {
            0 => Value::Null,
            count => (numbers().sum::<f64>() / count as f64).into(),
        },
    }
}
