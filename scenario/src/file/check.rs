//! What the grammar cannot say: one thing a step, conditions that can be read, faults and
//! invariants that make sense.

use std::ops::Range;

use twinbench_model::{EntityId, VirtualDuration};

use super::{
    Always, Fault, FaultKind, Since, Step, Written,
    actions::describe,
    load::Parsed,
    names::{Mention, Mentioned},
};
use crate::{
    diagnostic::FileError,
    matcher::{Matcher, json, regex},
    plan::{EntityRef, Expectation, Invariant, PlannedFault, StateTest, TextTest, What},
};

/// Reads one file's content into a plan.
pub(super) struct Compiler<'a, 'r> {
    pub(super) file: &'a Parsed,
    pub(super) index: usize,
    pub(super) mentions: &'a mut Vec<Mention>,
    pub(super) read: &'a mut super::Reader<'r>,
}

/// Of reading: the error has its place in the text.
pub(super) type Result<T> = std::result::Result<T, FileError>;

impl Compiler<'_, '_> {
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> FileError {
        FileError::at(&self.file.path, &self.file.text, Some(span), message)
    }

    pub(super) fn device(&mut self, device: &toml::Spanned<String>) -> String {
        self.mentions.push(Mention {
            file: self.index,
            span: device.span(),
            what: Mentioned::Device(device.get_ref().clone()),
        });
        device.get_ref().clone()
    }

    pub(super) fn sensor(
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

    pub(super) fn matcher(&self, written: &Written) -> Result<Matcher> {
        Matcher::parse(written.0.get_ref()).map_err(|cause| {
            self.error(written.0.span(), cause.to_string())
                .help(cause.help())
        })
    }

    /// An object's condition from the members that are given.
    pub(super) fn fields<'b>(
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

    pub(super) fn text(
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

    pub(super) fn entity(&self, id: &toml::Spanned<String>) -> Result<EntityId> {
        id.get_ref()
            .parse()
            .map_err(|cause: twinbench_model::EntityIdError| {
                self.error(id.span(), cause.to_string())
                    .help("write `@standarddeviceentity@devkit-01`, or `device = \"devkit-01\"`")
            })
    }

    pub(super) fn entity_ref(
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
    pub(super) fn body(
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
