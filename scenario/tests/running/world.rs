//! A bench that is made up: a script of events and states, and a list of what was done to it.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};
use twinbench_model::{EntityId, Event, Room, VirtualTime};
use twinbench_scenario::{
    Case, Suite,
    file::Fault,
    plan::{Act, MethodCall},
    runner::{Answer, Next, Runner, Ticket, Verdict, WorkflowView, World, WorldError},
};

#[derive(Default)]
pub(crate) struct Script {
    pub(crate) now: VirtualTime,
    /// Events by time in milliseconds.
    pub(crate) events: Vec<(u64, Event)>,
    /// States of entities from times on.
    pub(crate) entities: Vec<(u64, &'static str, Value)>,
    pub(crate) metrics: BTreeMap<&'static str, f64>,
    pub(crate) workflows: Vec<WorkflowView>,
    /// When the method is answered.
    pub(crate) answer_at: Option<u64>,
    pub(crate) done: Vec<(u64, String)>,
}

pub(crate) fn event(millis: u64, kind: &'static str, source: &str, facts: &Value) -> (u64, Event) {
    let room = match kind {
        "entity" => Room::Entities,
        "connector" => Room::Connectors,
        "pin" => Room::Machine,
        _ => Room::Hub,
    };
    let time = VirtualTime::from_millis(millis);
    (millis, Event::json(time, room, kind, source.into(), facts))
}

pub(crate) fn uart(millis: u64, text: &'static str) -> (u64, Event) {
    let bytes = bytes::Bytes::from_static(text.as_bytes());
    let time = VirtualTime::from_millis(millis);
    (
        millis,
        Event::bytes(time, Room::Machine, "uart", "d".into(), bytes),
    )
}

/// Telemetry of device `d` with this temperature.
pub(crate) fn telemetry(millis: u64, temperature: f64) -> (u64, Event) {
    event(
        millis,
        "d2c",
        "d",
        &json!({"body": {"temperature": temperature, "unit": "C"}}),
    )
}

impl Script {
    fn note(&mut self, what: impl std::fmt::Debug) {
        let millis = self.now.as_nanos() / 1_000_000;
        self.done.push((millis, format!("{what:?}")));
    }
}

impl World for Script {
    fn now(&self) -> VirtualTime {
        self.now
    }
    fn act(&mut self, act: &Act) -> Result<(), WorldError> {
        match act {
            Act::Desired { .. } => return Err(WorldError::not_supported("desired properties")),
            Act::Reset { .. } => return Err(WorldError::refused("no reset line on this machine")),
            _ => {}
        }
        self.note(act);
        Ok(())
    }
    fn request(
        &mut self,
        method: &str,
        path: &str,
        _: Option<&Value>,
    ) -> Result<Answer, WorldError> {
        self.note(format!("{method} {path}"));
        Ok(Answer {
            status: 404,
            body: json!("d"),
        })
    }
    fn call(&mut self, call: &MethodCall) -> Result<Ticket, WorldError> {
        self.note(call);
        Ok(1)
    }
    fn answer(&mut self, _: Ticket) -> Result<Option<Answer>, WorldError> {
        let due = self.answer_at.map(VirtualTime::from_millis);
        let answered = due.is_some_and(|due| due <= self.now);
        Ok(answered.then(|| Answer {
            status: 200,
            body: json!({"on": true}),
        }))
    }
    fn fault(&mut self, number: usize, fault: &Fault, begins: bool) -> Result<(), WorldError> {
        self.note(format!("fault {number} {} {begins}", fault.kind.name()));
        Ok(())
    }
    fn entity_of(&self, device: &str) -> Result<EntityId, WorldError> {
        EntityId::new("thing", device).map_err(WorldError::refused)
    }
    fn entity(&self, id: &EntityId) -> Result<Option<Value>, WorldError> {
        let id = id.to_string();
        let now = self.now.as_nanos() / 1_000_000;
        let states = self.entities.iter().filter(|it| it.1 == id && it.0 <= now);
        Ok(states.max_by_key(|it| it.0).map(|it| it.2.clone()))
    }
    fn twin(&self, _: &str) -> Result<Value, WorldError> {
        Ok(json!({"desired": {"interval": 5}, "reported": {}}))
    }
    fn workflows(&self) -> Result<Vec<WorkflowView>, WorldError> {
        Ok(self.workflows.clone())
    }
    fn metric(&self, name: &str) -> Result<f64, WorldError> {
        let value = self.metrics.get(name).copied();
        value.ok_or_else(|| WorldError::refused(format!("no metric {name}")))
    }
}

pub(crate) fn case(text: &str) -> Case {
    let text = format!("version = 1\nbench = \"b.toml\"\n{text}");
    let mut read = |_: &Path| Ok(text.clone());
    Suite::load(Path::new("s.toml"), &mut read)
        .unwrap_or_else(|error| panic!("{}", error.plain()))
        .cases
        .remove(0)
}

/// Runs a scenario on a script in steps of at most 100 ms.
pub(crate) fn run(text: &str, script: &mut Script) -> Verdict {
    let mut runner = Runner::new(&case(text));
    let events = std::mem::take(&mut script.events);
    let mut events = events.into_iter().peekable();
    loop {
        while let Some((millis, event)) =
            events.next_if(|it| VirtualTime::from_millis(it.0) <= script.now)
        {
            runner.observe(&event, VirtualTime::from_millis(millis));
        }
        match runner.advance(script).unwrap() {
            Next::Done => return runner.verdict().clone(),
            Next::Until(wake) => {
                assert!(wake > script.now, "it must go on: {wake} at {}", script.now);
                let step = script.now + twinbench_model::VirtualDuration::from_millis(100);
                script.now = wake.min(step);
            }
        }
    }
}

/// Checks that a scenario fails with this story (without its place).
pub(crate) fn fails(text: &str, mut script: Script, expected: &str) {
    let verdict = run(text, &mut script);
    let failure = verdict
        .failure()
        .unwrap_or_else(|| panic!("it passed: {verdict:#?}"));
    let story = failure.story();
    let story = story.split_once(": ").unwrap().1;
    assert_eq!(story, expected);
}

/// Checks that a scenario passes; gives when it ended, in milliseconds.
pub(crate) fn passes(text: &str, script: &mut Script) -> u64 {
    let verdict = run(text, script);
    let stories: Vec<_> = verdict
        .all()
        .map(twinbench_scenario::runner::StepVerdict::story)
        .collect();
    assert!(verdict.passed(), "{stories:#?}\n{verdict:#?}");
    verdict.ended.as_nanos() / 1_000_000
}
