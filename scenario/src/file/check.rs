//! What the grammar cannot say: exactly one action a step, conditions that can be read, names that
//! the bench has.

use std::{collections::BTreeMap, ops::Range};

use serde_json::{Map, Value};
use twinbench_model::{EntityId, VirtualDuration};

use super::{Always, Expect, Fault, FaultKind, Since, Step, Written, load::Parsed};
use crate::{
    diagnostic::{FileError, nearest_or_list},
    matcher::{Matcher, json, regex},
    plan::{
        Act, Action, Count, EntityRef, EventTest, Expectation, FactsTest, Invariant, MethodCall,
        PlannedFault, Source, StateTest, TextTest, What,
    },
};

/// How long the hub waits for a direct method's answer unless said otherwise.
const METHOD_TIMEOUT: VirtualDuration = VirtualDuration::from_secs(30);
/// How long a button is down unless said otherwise.
const PRESS: VirtualDuration = VirtualDuration::from_millis(100);
/// How often a ramp changes the value unless said otherwise.
const RAMP: VirtualDuration = VirtualDuration::from_secs(1);
/// The most values that a ramp or a table may have.
const MOST_VALUES: u64 = 1_000_000;

/// Names of a bench, for checking those that a scenario uses.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Devices, each with the quantities of its sensors.
    pub devices: BTreeMap<String, Vec<String>>,
    /// Figures.
    pub metrics: Vec<String>,
}

/// A name that a scenario uses, with its place.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    pub(super) file: usize,
    pub(super) span: Range<usize>,
    pub(super) what: Mentioned,
}

#[derive(Debug, Clone)]
pub(super) enum Mentioned {
    Device(String),
    Sensor(String, String),
    Metric(String),
}

/// Reads one file's content into a plan.
pub(super) struct Compiler<'a, 'r> {
    pub(super) file: &'a Parsed,
    pub(super) index: usize,
    pub(super) mentions: &'a mut Vec<Mention>,
    pub(super) read: &'a mut super::Reader<'r>,
}

/// A file error, with the span in the text.
type Result<T> = std::result::Result<T, FileError>;

impl Compiler<'_, '_> {
    fn error(&self, span: Range<usize>, message: impl Into<String>) -> FileError {
        FileError::at(&self.file.path, &self.file.text, Some(span), message)
    }

    fn device(&mut self, device: &toml::Spanned<String>) -> String {
        self.mentions.push(Mention {
            file: self.index,
            span: device.span(),
            what: Mentioned::Device(device.get_ref().clone()),
        });
        device.get_ref().clone()
    }

    fn sensor(
        &mut self,
        device: &toml::Spanned<String>,
        sensor: &toml::Spanned<String>,
    ) -> (String, String) {
        let device = self.device(device);
        self.mentions.push(Mention {
            file: self.index,
            span: sensor.span(),
            what: Mentioned::Sensor(device.clone(), sensor.get_ref().clone()),
        });
        (device, sensor.get_ref().clone())
    }

    fn matcher(&self, written: &Written) -> Result<Matcher> {
        Matcher::parse(written.0.get_ref()).map_err(|cause| {
            self.error(written.0.span(), cause.to_string())
                .help(cause.help())
        })
    }

    /// An object's condition from the members that are given.
    fn fields<'b>(
        &self,
        members: impl IntoIterator<Item = (&'b str, Option<&'b Written>)>,
    ) -> Result<Vec<(String, Matcher)>> {
        let mut fields = Vec::new();
        for (name, written) in members {
            if let Some(written) = written {
                fields.push((name.to_owned(), self.matcher(written)?));
            }
        }
        Ok(fields)
    }

    fn text(
        &self,
        text: Option<&String>,
        matches: Option<&toml::Spanned<String>>,
        span: Range<usize>,
    ) -> Result<TextTest> {
        match (text, matches) {
            (Some(text), None) => Ok(TextTest::Contains(text.clone())),
            (None, Some(matches)) => {
                regex(matches.get_ref())
                    .map(TextTest::Matches)
                    .map_err(|cause| {
                        self.error(matches.span(), cause.to_string())
                            .help(cause.help())
                    })
            }
            _ => Err(self
                .error(span, "either `text` or `matches` is needed")
                .help("`text` is searched as it is, `matches` is a regular expression")),
        }
    }

    fn entity(&self, id: &toml::Spanned<String>) -> Result<EntityId> {
        id.get_ref()
            .parse()
            .map_err(|cause: twinbench_model::EntityIdError| {
                self.error(id.span(), cause.to_string())
                    .help("write `@standarddeviceentity@devkit-01`, or `device = \"devkit-01\"`")
            })
    }

    fn entity_ref(
        &mut self,
        id: Option<&toml::Spanned<String>>,
        device: Option<&toml::Spanned<String>>,
        span: Range<usize>,
    ) -> Result<EntityRef> {
        match (id, device) {
            (Some(id), None) => Ok(EntityRef::Id(self.entity(id)?)),
            (None, Some(device)) => Ok(EntityRef::Device(self.device(device))),
            _ => Err(self
                .error(span, "either `id` or `device` is needed")
                .help("`id` is the entity's (`@name@key`), `device` means the application's entity of a device")),
        }
    }

    /// A message's body: text or JSON.
    fn body(
        &self,
        text: Option<&String>,
        body: Option<&toml::Value>,
        span: Range<usize>,
    ) -> Result<(Vec<u8>, bool)> {
        match (text, body) {
            (Some(text), None) => Ok((text.clone().into_bytes(), false)),
            (None, Some(body)) => Ok((json(body).to_string().into_bytes(), true)),
            _ => Err(self
                .error(span, "either `text` or `body` is needed")
                .help("`text` is sent as it is, `body` as JSON")),
        }
    }

    /// A step's action or expectation.
    pub(super) fn step(&mut self, step: &toml::Spanned<Step>) -> Result<crate::plan::Step> {
        let span = step.span();
        let step = step.get_ref();
        let mut found: Vec<(&'static str, What)> = Vec::new();
        self.actions(step, &span, &mut found)?;
        for (word, expect) in [("expect", &step.expect), ("never", &step.never)] {
            if let Some(expect) = expect {
                let what = self.expectation(expect)?;
                let what = if word == "expect" {
                    What::Expect(what)
                } else {
                    What::Never(what)
                };
                found.push((word, what));
            }
        }
        if found.len() > 1 {
            let words: Vec<_> = found.iter().map(|(word, _)| format!("`{word}`")).collect();
            return Err(self
                .error(
                    span,
                    format!(
                        "a step does one thing, this one has {}",
                        words.join(" and ")
                    ),
                )
                .help("write a [[step]] for each; without `at` and `after` they follow at once"));
        }
        let (word, what) = match found.pop() {
            Some((word, what)) => (word, what),
            None if step.at.is_some() || step.after.is_some() => ("wait", What::Wait),
            None => {
                return Err(self.error(span, "this step does nothing").help(
                    "add an action (`set`, `ramp`, `stimuli`, `press`, `uart`, `reset`, `wifi`, `desired`, `method`, `c2d`, \
                     `publish`, `request`, `signal`, `raise`), `expect`, `never`, or a time to wait (`at`, `after`)",
                ));
            }
        };
        if let Some(within) = &step.within
            && matches!(what, What::Do(_) | What::Wait)
        {
            return Err(self
                .error(within.span(), "`within` is for expectations")
                .help("`at` and `after` say when something is done"));
        }
        if let (Some(after), Some(_)) = (&step.after, &step.at) {
            return Err(self
                .error(after.span(), "a step has `at` or `after`, not both")
                .help("`at` counts from the scenario's begin, `after` from the step before"));
        }
        if let What::Never(_) = what
            && step.within.is_none()
        {
            return Err(self
                .error(span, "`never` needs `within`: for how long?")
                .help("add `within = \"1m\"`; an [[always]] table watches the whole scenario"));
        }
        if let Some(since) = &step.since
            && !matches!(
                what,
                What::Expect(
                    Expectation::Event(_) | Expectation::State(StateTest::Workflow { .. })
                ) | What::Never(
                    Expectation::Event(_) | Expectation::State(StateTest::Workflow { .. })
                )
            )
        {
            return Err(self
                .error(
                    since.span(),
                    "`since` is for expectations of events and workflows",
                )
                .help("a state is looked at as it is now"));
        }
        let usual = if matches!(what, What::Never(_)) {
            Since::Step
        } else {
            Since::Action
        };
        let name = step.name.clone().unwrap_or_else(|| describe(word, &what));
        Ok(crate::plan::Step {
            name,
            place: self.file.place(&span),
            at: step.at.as_ref().map(|it| *it.get_ref()),
            after: step.after.as_ref().map(|it| *it.get_ref()),
            within: step
                .within
                .as_ref()
                .map_or(VirtualDuration::ZERO, |it| *it.get_ref()),
            since: step.since.as_ref().map_or(usual, |it| *it.get_ref()),
            what,
        })
    }

    fn actions(
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

    /// An expectation.
    fn expectation(&mut self, expect: &toml::Spanned<Expect>) -> Result<Expectation> {
        let span = expect.span();
        let expect = expect.get_ref();
        let count = match (&expect.at_least, &expect.exactly) {
            (None, None) => Count::AtLeast(1),
            (Some(n), None) if *n.get_ref() > 0 => Count::AtLeast(*n.get_ref()),
            (Some(n), None) => {
                return Err(self
                    .error(n.span(), "`at-least` = 0 always holds")
                    .help("write `exactly = 0`, or `never`"));
            }
            (None, Some(n)) => Count::Exactly(*n.get_ref()),
            (Some(_), Some(n)) => {
                return Err(self.error(n.span(), "`at-least` and `exactly` exclude each other"));
            }
        };
        let mut found = Vec::new();
        self.events(expect, &span, count, &mut found)?;
        self.states(expect, &span, count, &mut found)?;
        if found.len() > 1 {
            let words: Vec<_> = found.iter().map(|(word, _)| format!("`{word}`")).collect();
            return Err(self
                .error(
                    span,
                    format!(
                        "one expectation at a time, this has {}",
                        words.join(" and ")
                    ),
                )
                .help("write a [[step]] for each"));
        }
        let Some((word, expectation)) = found.pop() else {
            return Err(self.error(span, "nothing is expected here").help(
                "add one of `telemetry`, `uart`, `entity`, `operation`, `twin`, `led`, `display`, `workflow`, `connector`, \
                 `dead-letter`, `metric`, `event`",
            ));
        };
        let counted = matches!(
            expectation,
            Expectation::Event(_) | Expectation::State(StateTest::Workflow { .. })
        );
        if let Some(n) = expect.at_least.as_ref().or(expect.exactly.as_ref())
            && !counted
        {
            return Err(self.error(
                n.span(),
                format!("`{word}` is a state and cannot be counted"),
            ));
        }
        Ok(expectation)
    }

    fn events(
        &mut self,
        expect: &Expect,
        span: &Range<usize>,
        count: Count,
        found: &mut Vec<(&'static str, Expectation)>,
    ) -> Result<()> {
        let event = |label: String, kind: &str, source, test| {
            let kind = kind.to_owned();
            Expectation::Event(EventTest {
                label,
                kind,
                source,
                test,
                count,
            })
        };
        let facts = |fields| FactsTest::Json(Matcher::Fields(fields));
        if let Some(it) = &expect.telemetry {
            let source = self.source(it.device.as_ref());
            let fields = self.fields([
                ("body", it.body.as_ref()),
                ("properties", it.properties.as_ref()),
                ("system", it.system.as_ref()),
            ])?;
            found.push((
                "telemetry",
                event(of("telemetry", &source), "d2c", source, facts(fields)),
            ));
        }
        if let Some(it) = &expect.uart {
            let device = self.device(&it.device);
            let text = self.text(it.text.as_ref(), it.matches.as_ref(), it.device.span())?;
            // The console's channel is the device's own, see the stepping loop.
            let name = if it.port == "console" {
                device
            } else {
                format!("{device}/{}", it.port)
            };
            let label = format!("output of {name}");
            found.push((
                "uart",
                event(label, "uart", Source::Exact(name), FactsTest::Text(text)),
            ));
        }
        if let Some(it) = &expect.operation {
            let source = match (&it.id, &it.device) {
                (None, None) => Source::Any,
                (id, device) => {
                    match self.entity_ref(id.as_ref(), device.as_ref(), span.clone())? {
                        EntityRef::Id(id) => Source::Exact(id.to_string()),
                        EntityRef::Device(device) => Source::EntityOf(device),
                    }
                }
            };
            let fields = self.fields([
                ("operation", it.operation.as_ref()),
                ("input", it.input.as_ref()),
                ("result", it.result.as_ref()),
            ])?;
            found.push((
                "operation",
                event(of("operation", &source), "entity", source, facts(fields)),
            ));
        }
        if let Some(it) = &expect.connector {
            let source = self.source(it.device.as_ref());
            let fields = self.fields([
                ("connector", it.connector.as_ref()),
                ("to", it.to.as_ref()),
                ("text", it.text.as_ref()),
                ("properties", it.properties.as_ref()),
            ])?;
            let label = of("connector call", &source);
            found.push((
                "connector",
                event(label, "connector", source, facts(fields)),
            ));
        }
        if let Some(it) = &expect.dead_letter {
            let source = self.source(it.device.as_ref());
            let fields = self.fields([("reason", it.reason.as_ref())])?;
            let label = of("dead letter", &source);
            found.push((
                "dead-letter",
                event(label, "dead-letter", source, facts(fields)),
            ));
        }
        if let Some(it) = &expect.event {
            let source = match &it.source {
                None => Source::Any,
                Some(source) if source.contains('*') => Source::Pattern(source.clone()),
                Some(source) => Source::Exact(source.clone()),
            };
            let matcher = match &it.facts {
                Some(facts) => self.matcher(facts)?,
                None => Matcher::Fields(Vec::new()),
            };
            let label = of(&format!("{} event", it.kind), &source);
            found.push((
                "event",
                event(label, &it.kind, source, FactsTest::Json(matcher)),
            ));
        }
        Ok(())
    }

    fn states(
        &mut self,
        expect: &Expect,
        span: &Range<usize>,
        count: Count,
        found: &mut Vec<(&'static str, Expectation)>,
    ) -> Result<()> {
        let mut add = |word, state| found.push((word, Expectation::State(state)));
        if let Some(it) = &expect.entity {
            let entity = self.entity_ref(it.id.as_ref(), it.device.as_ref(), span.clone())?;
            add(
                "entity",
                StateTest::Entity {
                    entity,
                    state: self.matcher(&it.state)?,
                },
            );
        }
        if let Some(it) = &expect.twin {
            let device = self.device(&it.device);
            let fields = self.fields([
                ("desired", it.desired.as_ref()),
                ("reported", it.reported.as_ref()),
                ("tags", it.tags.as_ref()),
            ])?;
            if fields.is_empty() {
                return Err(self
                    .error(it.device.span(), "nothing of the twin is expected")
                    .help("add `desired`, `reported` or `tags`"));
            }
            add(
                "twin",
                StateTest::Twin {
                    device,
                    twin: Matcher::Fields(fields),
                },
            );
        }
        if let Some(it) = &expect.led {
            let device = self.device(&it.device);
            add(
                "led",
                StateTest::Led {
                    device,
                    name: it.name.clone(),
                    on: it.on,
                },
            );
        }
        if let Some(it) = &expect.display {
            let device = self.device(&it.device);
            let text = self.text(it.text.as_ref(), it.matches.as_ref(), it.device.span())?;
            add("display", StateTest::Display { device, text });
        }
        if let Some(it) = &expect.workflow {
            let mut fields = Vec::new();
            if let Some(name) = &it.name {
                fields.push(("name".to_owned(), Matcher::Is(name.as_str().into())));
            }
            fields.extend(self.fields([
                ("instance", it.instance.as_ref()),
                ("status", it.status.as_ref()),
                ("input", it.input.as_ref()),
                ("output", it.output.as_ref()),
                ("history", it.history.as_ref()),
            ])?);
            add(
                "workflow",
                StateTest::Workflow {
                    instance: Matcher::Fields(fields),
                    count,
                },
            );
        }
        if let Some(it) = &expect.metric {
            self.mentions.push(Mention {
                file: self.index,
                span: it.name.span(),
                what: Mentioned::Metric(it.name.get_ref().clone()),
            });
            let name = it.name.get_ref().clone();
            add(
                "metric",
                StateTest::Metric {
                    name,
                    value: self.matcher(&it.value)?,
                },
            );
        }
        Ok(())
    }

    fn source(&mut self, device: Option<&toml::Spanned<String>>) -> Source {
        match device {
            None => Source::Any,
            Some(device) if device.get_ref().contains('*') => {
                // `*` is a character of device ids too, but never of one that a bench uses twice.
                Source::Pattern(self.device(device))
            }
            Some(device) => Source::Exact(self.device(device)),
        }
    }

    /// An invariant.
    pub(super) fn always(&mut self, always: &toml::Spanned<Always>) -> Result<Invariant> {
        let span = always.span();
        let always = always.get_ref();
        let (holds, expect) = match (&always.expect, &always.never) {
            (Some(expect), None) => (true, expect),
            (None, Some(never)) => (false, never),
            _ => {
                return Err(self
                    .error(span, "an [[always]] table has either `expect` or `never`")
                    .help("`expect` is a state that holds, `never` an event or a state that must not be"));
            }
        };
        let what = self.expectation(expect)?;
        if holds && matches!(what, Expectation::Event(_)) {
            return Err(self
                .error(expect.span(), "an event cannot hold all the time")
                .help("write `never` for what must not happen, or a [[step]] with `within`"));
        }
        Ok(Invariant {
            name: always
                .name
                .clone()
                .unwrap_or_else(|| format!("{} {what}", if holds { "always" } else { "never" })),
            place: self.file.place(&span),
            from: always.from.unwrap_or_default(),
            until: always.until,
            holds,
            what,
        })
    }

    /// A fault.
    pub(super) fn fault(&mut self, fault: &toml::Spanned<Fault>) -> Result<PlannedFault> {
        let span = fault.span();
        let it = fault.get_ref();
        if let Some(probability) = it.probability
            && !(0.0..=1.0).contains(&probability)
        {
            return Err(self.error(
                span,
                format!("`probability` = {probability} is not between 0 and 1"),
            ));
        }
        if it.kind.is_instant() && it.length.is_some() {
            return Err(self
                .error(
                    span,
                    format!(
                        "a {} happens at an instant and has no `for`",
                        it.kind.name()
                    ),
                )
                .help("remove `for`"));
        }
        if it.kind.is_whole_run() && (it.from != VirtualDuration::ZERO || it.length.is_some()) {
            return Err(self
                .error(
                    span,
                    format!("a {} is there for the whole run", it.kind.name()),
                )
                .help("write `from = \"0s\"`, and no `for`"));
        }
        if matches!(it.kind, FaultKind::Brownout) && it.length.is_none() {
            return Err(self
                .error(
                    span,
                    "a brownout needs `for`: when does the supply come back?",
                )
                .help("add `for = \"200ms\"`"));
        }
        if let Some(device) = &it.device {
            self.mentions.push(Mention {
                file: self.index,
                span: span.clone(),
                what: Mentioned::Device(device.clone()),
            });
        }
        Ok(PlannedFault {
            fault: it.clone(),
            place: self.file.place(&span),
        })
    }
}

/// Refuses names that the bench does not have.
pub(super) fn check_names(files: &[Parsed], mentions: &[Mention], known: &Known) -> Result<()> {
    let devices: Vec<&str> = known.devices.keys().map(String::as_str).collect();
    for mention in mentions {
        let Some(file) = files.get(mention.file) else {
            continue;
        };
        let at = |message: String| {
            FileError::at(&file.path, &file.text, Some(mention.span.clone()), message)
        };
        match &mention.what {
            Mentioned::Device(device) => {
                let there = known.devices.contains_key(device)
                    || devices.iter().any(|known| crate::plan::fits(device, known));
                if !there {
                    return Err(at(format!("device {device:?} is not on this bench"))
                        .help(nearest_or_list(device, "devices", &shorten(&devices))));
                }
            }
            Mentioned::Sensor(device, sensor) => {
                let Some(sensors) = known.devices.get(device) else {
                    continue;
                };
                if !sensors.contains(sensor) {
                    let sensors: Vec<&str> = sensors.iter().map(String::as_str).collect();
                    return Err(at(format!("device {device:?} has no sensor {sensor:?}"))
                        .help(nearest_or_list(sensor, "sensors", &sensors)));
                }
            }
            Mentioned::Metric(metric) => {
                if !known.metrics.contains(metric) {
                    let metrics: Vec<&str> = known.metrics.iter().map(String::as_str).collect();
                    return Err(at(format!("metric {metric:?} is not known"))
                        .help(nearest_or_list(metric, "metrics", &metrics)));
                }
            }
        }
    }
    Ok(())
}

/// A fleet's list is cut to what a person reads.
fn shorten<'a>(names: &[&'a str]) -> Vec<&'a str> {
    names.iter().take(12).copied().collect()
}

/// `telemetry of devkit-01`.
fn of(what: &str, source: &Source) -> String {
    match source {
        Source::Any => what.to_owned(),
        Source::Exact(name) | Source::Pattern(name) => format!("{what} of {name}"),
        Source::EntityOf(device) => format!("{what} of the entity of {device}"),
    }
}

fn describe(word: &str, what: &What) -> String {
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
