//! Invariants: what must hold all the time.

use serde_json::json;

use crate::world::{Script, event, fails, passes, telemetry};

#[test]
fn an_event_that_must_not_be_ends_the_scenario() {
    let steps = "[[step]]\nat = \"10s\"\n[[always]]\nname = \"cool\"\nnever.telemetry = { body.temperature = { above = 40 } }\n";
    passes(
        steps,
        &mut Script {
            events: vec![telemetry(1000, 39.0)],
            ..Script::default()
        },
    );
    fails(
        steps,
        Script {
            events: vec![telemetry(1000, 41.0)],
            ..Script::default()
        },
        "\"cool\" failed at 00:00:01.000\n\
         expected never telemetry with {body: {temperature: above 40}}\n\
         found 1 of them, the last at 00:00:01.000",
    );
}

#[test]
fn a_state_counts_within_its_window_only() {
    let steps = |window: &str| {
        format!(
            "[[step]]\nat = \"10s\"\n[[always]]\n{window}\nexpect.entity = {{ device = \"d\", state.n = {{ below = 5 }} }}\n"
        )
    };
    let script = || Script {
        entities: vec![
            (0, "@thing@d", json!({"n": 1})),
            (4000, "@thing@d", json!({"n": 9})),
        ],
        events: vec![event(4000, "entity", "@thing@d", &json!({}))],
        ..Script::default()
    };
    fails(
        &steps(""),
        script(),
        "\"always state {n: below 5} of the entity of d\" failed at 00:00:04.000\n\
         expected state {n: below 5} of the entity of d\nfound {\"n\":9}\n\
         nearest miss: n is 9, expected below 5",
    );
    passes(&steps("until = \"3s\""), &mut script());
}

#[test]
fn a_threshold_on_a_figure() {
    let steps = "[[step]]\nat = \"1s\"\n[[always]]\nexpect.metric = { name = \"m\", value = { at-most = 1 } }\n";
    passes(
        steps,
        &mut Script {
            metrics: [("m", 1.0)].into(),
            ..Script::default()
        },
    );
    let verdict = crate::world::run(
        steps,
        &mut Script {
            metrics: [("m", 2.0)].into(),
            ..Script::default()
        },
    );
    assert!(!verdict.passed());
    assert!(
        !verdict.steps[0].is_bad(),
        "the step itself was only not reached"
    );
}
