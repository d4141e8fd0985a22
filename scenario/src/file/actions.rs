//! What a step does, from the file's types to the plan's.

use std::ops::Range;

use serde_json::{Map, Value};
use twinbench_model::VirtualDuration;

use super::{
    Step,
    check::{Compiler, Result},
    names::{Mention, Mentioned},
};
use crate::{
    matcher::{Matcher, json},
    plan::{Act, Action, MethodCall, What},
};

/// How long the hub waits for a direct method's answer unless said otherwise.
const METHOD_TIMEOUT: VirtualDuration = VirtualDuration::from_secs(30);
/// How long a button is down unless said otherwise.
const PRESS: VirtualDuration = VirtualDuration::from_millis(100);
/// How often a ramp changes the value unless said otherwise.
const RAMP: VirtualDuration = VirtualDuration::from_secs(1);
/// The most values that a ramp or a table may have.
const MOST_VALUES: u64 = 1_000_000;

impl Compiler<'_, '_> {
    /// The actions of a step; a right one has at most one.
    pub(super) fn actions(
        &mut self,
        step: &Step,
        span: &Range<usize>,
        found: &mut Vec<(&'static str, What)>,
    ) -> Result<()> {
        let mut add = |word, action| found.push((word, What::Do(action)));
        if let Some(it) = &step.set {
            let (device, quantity) = self.sensor(&it.device, &it.sensor);
            if !it.value.is_finite() {
                return Err(
                    self.error(it.sensor.span(), "a sensor's value must be a finite number")
                );
            }
            add(
                "set",
                Action::Act(Act::Sensor {
                    device,
                    quantity,
                    value: it.value,
                }),
            );
        }
        if let Some(it) = &step.ramp {
            let (device, quantity) = self.sensor(&it.device, &it.sensor);
            let over = *it.over.get_ref();
            let every = it.every.as_ref().map_or(RAMP, |it| *it.get_ref());
            let place = it
                .every
                .as_ref()
                .map_or_else(|| it.over.span(), toml::Spanned::span);
            if every == VirtualDuration::ZERO || over.as_nanos() / every.as_nanos() > MOST_VALUES {
                return Err(self
                    .error(place, format!("a ramp has at most {MOST_VALUES} values"))
                    .help("make `every` longer"));
            }
            if !(it.from.is_finite() && it.to.is_finite()) {
                return Err(self.error(it.sensor.span(), "a ramp's ends must be finite numbers"));
            }
            add(
                "ramp",
                Action::Ramp {
                    device,
                    quantity,
                    from: it.from,
                    to: it.to,
                    over,
                    every,
                },
            );
        }
        if let Some(it) = &step.stimuli {
            let device = self.device(&it.device);
            let rows = self.rows(&it.csv, &device)?;
            add("stimuli", Action::Rows { device, rows });
        }
        if let Some(it) = &step.press {
            let device = self.device(&it.device);
            let length = it.length.unwrap_or(PRESS);
            add(
                "press",
                Action::Press {
                    device,
                    button: it.button.clone(),
                    length,
                },
            );
        }
        if let Some(it) = &step.uart {
            let device = self.device(&it.device);
            add(
                "uart",
                Action::Act(Act::Uart {
                    device,
                    port: it.port.clone(),
                    text: it.text.clone(),
                }),
            );
        }
        if let Some(it) = &step.reset {
            let device = self.device(&it.device);
            add("reset", Action::Act(Act::Reset { device }));
        }
        if let Some(it) = &step.wifi {
            let device = self.device(&it.device);
            add("wifi", Action::Act(Act::Wifi { device, up: it.up }));
        }
        if let Some(it) = &step.desired {
            let device = self.device(&it.device);
            let patch = with_nulls(json(&toml::Value::Table(it.properties.clone())));
            add("desired", Action::Act(Act::Desired { device, patch }));
        }
        if let Some(it) = &step.method {
            let device = self.device(&it.device);
            let call = MethodCall {
                device,
                name: it.name.clone(),
                payload: it.payload.as_ref().map_or(Value::Null, json),
                timeout: it.timeout.unwrap_or(METHOD_TIMEOUT),
            };
            let answer = self.fields([
                ("status", it.status.as_ref()),
                ("payload", it.answer.as_ref()),
            ])?;
            add(
                "method",
                Action::Method {
                    call,
                    answer: Matcher::Fields(answer),
                },
            );
        }
        if let Some(it) = &step.c2d {
            let device = self.device(&it.device);
            let (body, _) = self.body(it.text.as_ref(), it.body.as_ref(), it.device.span())?;
            let properties = it.properties.clone();
            add(
                "c2d",
                Action::Act(Act::CloudToDevice {
                    device,
                    body,
                    properties,
                }),
            );
        }
        if let Some(it) = &step.publish {
            let device = self.device(&it.device);
            let (body, json) = self.body(it.text.as_ref(), it.body.as_ref(), it.device.span())?;
            let properties = it.properties.clone();
            add(
                "publish",
                Action::Act(Act::Publish {
                    device,
                    body,
                    json,
                    properties,
                    with_next: it.with_next,
                }),
            );
        }
        if let Some(it) = &step.request {
            if !it.path.starts_with('/') {
                return Err(self
                    .error(
                        span.clone(),
                        format!("request path {:?} does not begin with /", it.path),
                    )
                    .help("write `path = \"/api/devices\"`"));
            }
            let answer =
                self.fields([("status", it.status.as_ref()), ("body", it.answer.as_ref())])?;
            add(
                "request",
                Action::Request {
                    method: it.method.to_uppercase(),
                    path: it.path.clone(),
                    body: it.body.as_ref().map(json),
                    answer: Matcher::Fields(answer),
                },
            );
        }
        if let Some(it) = &step.signal {
            let entity = self.entity(&it.entity)?;
            let input = it.input.as_ref().map_or(Value::Null, json);
            let operation = it.operation.clone();
            add(
                "signal",
                Action::Act(Act::Signal {
                    entity,
                    operation,
                    input,
                }),
            );
        }
        if let Some(it) = &step.raise {
            let input = it.input.as_ref().map_or(Value::Null, json);
            let (instance, event) = (it.instance.clone(), it.event.clone());
            add(
                "raise",
                Action::Act(Act::Raise {
                    instance,
                    event,
                    input,
                }),
            );
        }
        Ok(())
    }

    /// The rows of a stimulus file.
    fn rows(
        &mut self,
        path: &toml::Spanned<std::path::PathBuf>,
        device: &str,
    ) -> Result<Vec<(VirtualDuration, String, f64)>> {
        let full = self.file.beside(path.get_ref());
        let text = (self.read)(&full).map_err(|cause| {
            self.error(
                path.span(),
                format!("stimulus file {} cannot be read: {cause}", full.display()),
            )
            .help("the path is relative to the scenario file")
            .missing()
        })?;
        let fail = |message: String| {
            self.error(path.span(), format!("{}: {message}", full.display()))
                .help("the first row names the columns: time,temperature; times are seconds or spans such as 1m 30s")
        };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_reader(text.as_bytes());
        let names: Vec<String> = reader
            .headers()
            .map_err(|cause| fail(cause.to_string()))?
            .iter()
            .map(str::to_owned)
            .collect();
        if names.len() < 2 || names.first().map(String::as_str) != Some("time") {
            return Err(fail(
                "its first column is not `time`, or it has no other".into(),
            ));
        }
        let mut rows = Vec::new();
        let mut last = VirtualDuration::ZERO;
        for (n, record) in reader.records().enumerate() {
            let row = n + 2;
            let record = record.map_err(|cause| fail(cause.to_string()))?;
            let time = record.get(0).unwrap_or_default();
            let time = match time.parse::<f64>() {
                Ok(secs) if secs >= 0.0 && secs.is_finite() => VirtualDuration::from_secs_f64(secs),
                _ => time
                    .parse()
                    .map_err(|cause| fail(format!("row {row}: {cause}")))?,
            };
            if time < last {
                return Err(fail(format!("row {row} is earlier than the one before")));
            }
            last = time;
            for (name, cell) in names.iter().zip(record.iter()).skip(1) {
                if cell.is_empty() {
                    continue;
                }
                let value = cell.parse::<f64>().ok().filter(|it| it.is_finite());
                let value = value
                    .ok_or_else(|| fail(format!("row {row}: {name} = {cell:?} is no number")))?;
                rows.push((time, name.clone(), value));
            }
        }
        if rows.is_empty() {
            return Err(fail("it has no values".into()));
        }
        for name in names.into_iter().skip(1) {
            self.mentions.push(Mention {
                file: self.index,
                span: path.span(),
                what: Mentioned::Sensor(device.to_owned(), name),
            });
        }
        Ok(rows)
    }
}

/// What a person calls a step without a name.
pub(super) fn describe(word: &str, what: &What) -> String {
    match what {
        What::Expect(expectation) | What::Never(expectation) => format!("{word} {expectation}"),
        What::Do(Action::Act(Act::Sensor {
            device,
            quantity,
            value,
        })) => {
            format!("set {quantity} of {device} to {value}")
        }
        What::Do(Action::Ramp {
            device,
            quantity,
            from,
            to,
            ..
        }) => {
            format!("ramp {quantity} of {device} from {from} to {to}")
        }
        What::Do(Action::Press { device, button, .. }) => format!("press {button} of {device}"),
        What::Do(Action::Method { call, .. }) => format!("call {} of {}", call.name, call.device),
        What::Do(Action::Request { method, path, .. }) => format!("{method} {path}"),
        What::Do(Action::Act(Act::Wifi { device, up })) => {
            format!("Wi-Fi of {device} {}", if *up { "up" } else { "down" })
        }
        What::Do(
            Action::Rows { device, .. }
            | Action::Act(
                Act::Uart { device, .. }
                | Act::Reset { device }
                | Act::Desired { device, .. }
                | Act::CloudToDevice { device, .. }
                | Act::Publish { device, .. },
            ),
        ) => format!("{word} {device}"),
        What::Do(Action::Act(Act::Signal {
            entity, operation, ..
        })) => {
            format!("signal {operation} to {entity}")
        }
        What::Do(Action::Act(Act::Raise {
            instance, event, ..
        })) => {
            format!("raise {event} for {instance}")
        }
        What::Do(Action::Act(Act::Button { .. })) | What::Wait => word.to_owned(),
    }
}

/// TOML has no null: the text `null!` stands for it.
fn with_nulls(value: Value) -> Value {
    match value {
        Value::String(text) if text == "null!" => Value::Null,
        Value::Object(object) => object
            .into_iter()
            .map(|(name, value)| (name, with_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}
