//! Actions: done at their times, and told when the bench cannot do them.

use crate::world::{Script, fails, passes};

#[test]
fn steps_keep_their_times() {
    let steps = "[[step]]\nat = \"2s\"\npress = { device = \"d\", button = \"a\", for = \"250ms\" }\n\
                 [[step]]\nafter = \"1s\"\nuart = { device = \"d\", text = \"help\" }\n\
                 [[step]]\nat = \"5s\"\n";
    let mut script = Script::default();
    assert_eq!(passes(steps, &mut script), 5000);
    let times: Vec<u64> = script.done.iter().map(|it| it.0).collect();
    assert_eq!(times, [2000, 2250, 3000]);
    assert!(script.done[1].1.contains("pressed: false"));
}

#[test]
fn a_ramp_ends_at_its_value_and_does_not_hold_up_the_steps() {
    let steps = "[[step]]\nramp = { device = \"d\", sensor = \"t\", from = 20, to = 30, over = \"2500ms\", every = \"1s\" }\n\
                 [[step]]\nafter = \"500ms\"\nreset_is_not_here = 1\n";
    let steps = steps.replace(
        "reset_is_not_here = 1",
        "uart = { device = \"d\", text = \"x\" }",
    );
    let mut script = Script::default();
    assert_eq!(
        passes(&steps, &mut script),
        2500,
        "it ends when the ramp has"
    );
    let values: Vec<_> = script
        .done
        .iter()
        .map(|(at, what)| (*at, what.contains("Sensor")))
        .collect();
    assert_eq!(
        values,
        [
            (0, true),
            (500, false),
            (1000, true),
            (2000, true),
            (2500, true)
        ]
    );
    assert!(script.done.last().unwrap().1.contains("value: 30.0"));
}

#[test]
fn faults_begin_and_end() {
    let steps = "for = \"5s\"\n[[fault]]\nfrom = \"1s\"\nfor = \"2s\"\nkind = \"drop\"\n\
                 [[fault]]\nfrom = \"2s\"\nkind = \"crash\"\n[[step]]\nat = \"1500ms\"\n";
    let mut script = Script::default();
    assert_eq!(passes(steps, &mut script), 5000);
    let done: Vec<_> = script
        .done
        .iter()
        .map(|(at, what)| format!("{at} {what}"))
        .collect();
    assert_eq!(
        done,
        [
            "1000 \"fault 0 drop true\"",
            "2000 \"fault 1 crash true\"",
            "3000 \"fault 0 drop false\""
        ]
    );
}

#[test]
fn what_the_bench_cannot_do_is_no_pass() {
    fails(
        "[[step]]\nname = \"faster\"\ndesired = { device = \"d\", properties = { interval = 5 } }\n",
        Script::default(),
        "\"faster\" failed at 00:00:00.000\ndesired properties: not supported by this bench yet",
    );
    fails(
        "[[step]]\nreset = { device = \"d\" }\n",
        Script::default(),
        "\"reset d\" failed at 00:00:00.000\nno reset line on this machine",
    );
}

#[test]
fn a_method_is_waited_for() {
    let steps = "[[step]]\nmethod = { device = \"d\", name = \"led\", payload = true, timeout = \"5s\", status = 200, answer.on = true }\n";
    let mut script = Script {
        answer_at: Some(1000),
        ..Script::default()
    };
    assert_eq!(passes(steps, &mut script), 1000);
    fails(
        steps,
        Script::default(),
        "\"call led of d\" failed at 00:00:06.000\n\
         expected an answer to method led of d within 5s\nfound none",
    );
    fails(
        &steps.replace("status = 200", "status = 501"),
        Script {
            answer_at: Some(1000),
            ..Script::default()
        },
        "\"call led of d\" failed at 00:00:01.000\n\
         expected the answer of method led of d to be {status: 501, payload: {on: true}}\n\
         found {\"payload\":{\"on\":true},\"status\":200}\n\
         nearest miss: status is 200, expected 501",
    );
}

#[test]
fn an_answer_of_the_front_end_is_compared() {
    passes(
        "[[step]]\nrequest = { path = \"/api/devices/d\", status = 404 }\n",
        &mut Script::default(),
    );
    fails(
        "[[step]]\nrequest = { method = \"put\", path = \"/api/devices/d\", status = 200 }\n",
        Script::default(),
        "\"PUT /api/devices/d\" failed at 00:00:00.000\n\
         expected the answer of PUT /api/devices/d to be {status: 200}\n\
         found {\"body\":\"d\",\"status\":404}\nnearest miss: status is 404, expected 200",
    );
}
