//! What a step or an invariant expects, from the file's types to the plan's.

use std::ops::Range;

use super::{
    Expect,
    check::{Compiler, Result},
    names::{Mention, Mentioned},
};
use crate::{
    matcher::Matcher,
    plan::{Count, EntityRef, EventTest, Expectation, FactsTest, Source, StateTest},
};

impl Compiler<'_, '_> {
    /// An expectation.
    pub(super) fn expectation(&mut self, expect: &toml::Spanned<Expect>) -> Result<Expectation> {
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
}

/// `telemetry of devkit-01`.
fn of(what: &str, source: &Source) -> String {
    match source {
        Source::Any => what.to_owned(),
        Source::Exact(name) | Source::Pattern(name) => format!("{what} of {name}"),
        Source::EntityOf(device) => format!("{what} of the entity of {device}"),
    }
}
