//! Expectations: when they come true, and what is said when they do not.

use serde_json::json;
use twinbench_model::VirtualTime;
use twinbench_scenario::runner::WorkflowView;

use crate::world::{Script, event, fails, passes, telemetry, uart};

const HOT: &str = "[[step]]\nname = \"hot\"\nwithin = \"5s\"\n\
                   expect.telemetry = { device = \"d\", body.temperature = { above = 30 }, body.unit = \"C\" }\n";

#[test]
fn telemetry_that_comes_in_time() {
    let events = vec![telemetry(1000, 20.0), telemetry(3000, 31.0)];
    let mut script = Script {
        events,
        ..Script::default()
    };
    assert_eq!(passes(HOT, &mut script), 3000);
}

#[test]
fn telemetry_that_never_comes() {
    fails(
        HOT,
        Script::default(),
        "\"hot\" failed at 00:00:05.000\n\
         expected telemetry of d with {body: {temperature: above 30, unit: \"C\"}}\n\
         found no telemetry of d",
    );
}

#[test]
fn telemetry_that_is_otherwise_names_the_nearest_miss() {
    let other = event(2000, "d2c", "d", &json!({"body": {"unit": "F"}}));
    let events = vec![telemetry(1000, 29.5), other];
    fails(
        HOT,
        Script {
            events,
            ..Script::default()
        },
        "\"hot\" failed at 00:00:05.000\n\
         expected telemetry of d with {body: {temperature: above 30, unit: \"C\"}}\n\
         found 2 × telemetry of d, none of them so\n\
         nearest miss: at 00:00:01.000 body.temperature is 29.5, expected above 30",
    );
}

#[test]
fn what_came_before_the_last_action_does_not_count() {
    let steps = format!(
        "[[step]]\nat = \"2s\"\nset = {{ device = \"d\", sensor = \"t\", value = 1 }}\n{HOT}"
    );
    let events = vec![telemetry(1000, 31.0)];
    let mut script = Script {
        events: events.clone(),
        ..Script::default()
    };
    let verdict = crate::world::run(&steps, &mut script);
    assert!(!verdict.passed());
    let from_start = steps.replace("within", "since = \"start\"\nwithin");
    passes(
        &from_start,
        &mut Script {
            events,
            ..Script::default()
        },
    );
}

#[test]
fn two_expectations_after_one_action_need_no_order() {
    let steps = "[[step]]\nset = { device = \"d\", sensor = \"t\", value = 1 }\n\
                 [[step]]\nwithin = \"5s\"\nexpect.uart = { device = \"d\", text = \"late\" }\n\
                 [[step]]\nwithin = \"5s\"\nexpect.telemetry = { device = \"d\" }\n";
    let events = vec![telemetry(1000, 1.0), uart(4000, "too late?\n")];
    assert_eq!(
        passes(
            steps,
            &mut Script {
                events,
                ..Script::default()
            }
        ),
        4000
    );
}

#[test]
fn counts() {
    let steps = |count: &str| {
        format!(
            "[[step]]\nwithin = \"5s\"\nexpect = {{ telemetry = {{ device = \"d\" }}, {count} }}\n"
        )
    };
    let script = || Script {
        events: vec![
            telemetry(1000, 1.0),
            telemetry(2000, 1.0),
            telemetry(3000, 1.0),
        ],
        ..Script::default()
    };
    assert_eq!(passes(&steps("at-least = 2"), &mut script()), 2000);
    assert_eq!(passes(&steps("exactly = 3"), &mut script()), 5000);
    fails(
        &steps("at-least = 4"),
        script(),
        "\"expect at least 4 × telemetry of d\" failed at 00:00:05.000\n\
         expected at least 4 × telemetry of d\nfound 3 of them, the last at 00:00:03.000",
    );
    fails(
        &steps("exactly = 1"),
        script(),
        "\"expect exactly 1 × telemetry of d\" failed at 00:00:02.000\n\
         expected exactly 1 × telemetry of d\nfound 2 of them, the last at 00:00:02.000",
    );
}

#[test]
fn never() {
    let steps = "[[step]]\nwithin = \"5s\"\nnever.connector = { text = { contains = \"hot\" } }\n";
    let call = |text| event(2000, "connector", "d", &json!({"text": text}));
    let events = vec![call("cold")];
    assert_eq!(
        passes(
            steps,
            &mut Script {
                events,
                ..Script::default()
            }
        ),
        5000
    );
    fails(
        steps,
        Script {
            events: vec![call("too hot")],
            ..Script::default()
        },
        "\"never connector call with {text: containing \\\"hot\\\"}\" failed at 00:00:02.000\n\
         expected never connector call with {text: containing \"hot\"}\n\
         found 1 of them, the last at 00:00:02.000",
    );
}

#[test]
fn uart_text_is_found_however_it_was_cut() {
    let events = vec![
        uart(1000, "hub: conn"),
        uart(1500, "ected\r\nhub: on"),
        uart(2000, "line 7\r\n"),
    ];
    let steps = "[[step]]\nwithin = \"5s\"\nexpect.uart = { device = \"d\", text = \"connected\" }\n\
                 [[step]]\nwithin = \"5s\"\nexpect.uart = { device = \"d\", matches = '^hub: online \\d+$' }\n";
    assert_eq!(
        passes(
            steps,
            &mut Script {
                events: events.clone(),
                ..Script::default()
            }
        ),
        2000
    );
    fails(
        "[[step]]\nwithin = \"3s\"\nexpect.uart = { device = \"d\", matches = '^offline' }\n",
        Script {
            events,
            ..Script::default()
        },
        "\"expect output of d with /^offline/\" failed at 00:00:03.000\n\
         expected output of d with /^offline/\nfound other output of d\n\
         nearest miss: at 00:00:02.000 the last line was \"hub: online 7\"",
    );
}

#[test]
fn states_of_entities() {
    let steps = "[[step]]\nwithin = \"5s\"\nexpect.entity = { device = \"d\", state.count = { at-least = 2 } }\n";
    let news = |millis| event(millis, "entity", "@thing@d", &json!({"operation": "add"}));
    let mut script = Script {
        entities: vec![
            (1000, "@thing@d", json!({"count": 1})),
            (2000, "@thing@d", json!({"count": 2})),
        ],
        events: vec![news(1000), news(2000)],
        ..Script::default()
    };
    assert_eq!(passes(steps, &mut script), 2000);
    fails(
        steps,
        Script {
            entities: vec![(0, "@thing@d", json!({"count": 1}))],
            ..Script::default()
        },
        "\"expect state {count: at least 2} of the entity of d\" failed at 00:00:05.000\n\
         expected state {count: at least 2} of the entity of d\nfound {\"count\":1}\n\
         nearest miss: count is 1, expected at least 2",
    );
    fails(
        steps,
        Script::default(),
        "\"expect state {count: at least 2} of the entity of d\" failed at 00:00:05.000\n\
         expected state {count: at least 2} of the entity of d\nfound @thing@d has no state",
    );
}

#[test]
fn lights_twins_metrics() {
    let pin = event(1000, "pin", "d", &json!({"name": "led-user", "high": true}));
    let led = "[[step]]\nwithin = \"5s\"\nexpect.led = { device = \"d\", name = \"led-user\", on = true }\n";
    passes(
        led,
        &mut Script {
            events: vec![pin.clone()],
            ..Script::default()
        },
    );
    fails(
        &led.replace("led-user", "led-azure"),
        Script {
            events: vec![pin],
            ..Script::default()
        },
        "\"expect led-azure of d on\" failed at 00:00:05.000\n\
         expected led-azure of d on\nfound it never changed\nnearest miss: pins that changed: led-user",
    );
    passes(
        "[[step]]\nexpect.twin = { device = \"d\", desired.interval = 5 }\n",
        &mut Script::default(),
    );
    fails(
        "[[step]]\nexpect.metric = { name = \"alerts\", value = { at-most = 3 } }\n",
        Script {
            metrics: [("alerts", 4.0)].into(),
            ..Script::default()
        },
        "\"expect metric alerts at most 3\" failed at 00:00:00.000\n\
         expected metric alerts at most 3\nfound 4.0",
    );
    fails(
        "[[step]]\nexpect.display = { device = \"d\", text = \"hi\" }\n",
        Script::default(),
        "\"expect display of d with \\\"hi\\\"\" failed at 00:00:00.000\n\
         expected display of d with \"hi\"\nfound the display was never drawn",
    );
}

#[test]
fn workflows() {
    let view = |status: &str| WorkflowView {
        created: VirtualTime::ZERO,
        updated: VirtualTime::ZERO,
        value: json!({"instance": "i-1", "name": "Send", "status": status, "history": [{"kind": "Done"}]}),
    };
    let steps = "[[step]]\nwithin = \"1s\"\nexpect.workflow = { name = \"Send\", status = \"Completed\", \
                 history = { last.kind = \"Done\" } }\n";
    passes(
        steps,
        &mut Script {
            workflows: vec![view("Completed")],
            ..Script::default()
        },
    );
    fails(
        steps,
        Script {
            workflows: vec![view("Failed")],
            ..Script::default()
        },
        "\"expect workflow {name: \\\"Send\\\", status: \\\"Completed\\\", history: with the last item {kind: \\\"Done\\\"}}\" \
         failed at 00:00:01.000\n\
         expected workflow {name: \"Send\", status: \"Completed\", history: with the last item {kind: \"Done\"}}\n\
         found 1 instances, 0 of them so\nnearest miss: i-1: status is \"Failed\", expected \"Completed\"",
    );
    let none =
        "[[step]]\nwithin = \"1s\"\nexpect = { workflow = { name = \"Send\" }, exactly = 0 }\n";
    assert_eq!(passes(none, &mut Script::default()), 1000);
}
