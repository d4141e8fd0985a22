//! Entities, orchestrations, time, recordings and scenarios as a person steers them.

use crate::{JOURNEY, harness::World};

/// An entity is signalled, and an orchestration is restarted, told of an event and purged.
#[tokio::test]
async fn entities_and_orchestrations_are_steered() {
    let world = World::open(JOURNEY, "2m").await;
    world.go("#/twins").await;
    // The first entity stands there without being asked for.
    world.find("[data-test=entity-state] .tree li").await;
    world.over("[data-test=operation]", "Noted").await;
    world.say("[data-test=entity-state]", "Send").await;
    world.says(".toasts", "Signal sent").await;
    world.go("#/workflows").await;
    world.find("[data-test=history] details").await;
    world.click(".grid-row").await;
    world.says("[data-test=instance-status]", "completed").await;
    world.say(".head", "Restart").await;
    world.says(".toasts", "Done").await;
    world.click("[data-tab=raise]").await;
    world.over("[data-test=event-name]", "Acknowledged").await;
    world.find(".json-edit textarea").await;
    let rows = world.count(".grid-row").await;
    world.say(".head", "Purge").await;
    world.say(".head", "Sure?: Purge").await;
    world
        .until(
            "one less",
            &format!("return document.querySelectorAll('.grid-row').length < {rows} + 1"),
        )
        .await;
    world.close().await;
}

/// A bench whose alert tells a webhook that nobody answers: its workflow tries for two and a half
/// minutes and then fails.
const UNHEARD: &str = r#"version = 1
name  = "unheard"
epoch = "2026-01-01T00:00:00Z"
seed  = 3

[[device]]
id       = "oven-01"
backend  = "simulated"
interval = "5s"
configuration = { historyRetention = "00:10:00", temperatureHighThreshold = 30.0 }

[device.sensors]
temperature = { constant = 45.0 }
humidity    = { constant = 50.0 }

[hub]
host = "localhost"

[[app]]
kind    = "serverless-iot"
webhook = { url = "http://127.0.0.1:9/", send = true }
"#;

/// Every button of an orchestration is pressed on one that runs, and its state changes.
#[tokio::test]
async fn an_orchestration_is_steered_through_all_its_states() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unheard.toml");
    std::fs::write(&file, UNHEARD).unwrap();
    let world = World::open(&file.display().to_string(), "8s").await;
    world.go("#/workflows").await;
    world.write("input[data-filter]", "SendNotification").await;
    let status = "[data-test=instance-status]";
    world.says(status, "running").await;
    world.say(".head", "Suspend").await;
    world.says(status, "suspended").await;
    world.shot("workflow-suspended").await;
    world.say(".head", "Resume").await;
    world.says(status, "running").await;
    world.click("[data-tab=raise]").await;
    world.over("[data-test=event-name]", "Acknowledged").await;
    world.say(".json-edit", "Raise event").await;
    world.click("[data-tab=history]").await;
    world.says("[data-test=history]", "Acknowledged").await;
    world.say(".head", "Terminate").await;
    world.say(".head", "Sure?: Terminate").await;
    world.says(status, "terminated").await;
    world.say(".head", "Restart").await;
    world.says(status, "running").await;
    // Every try fails.
    world.choose("[data-test=speed]", "100").await;
    world.says(status, "failed").await;
    world.choose("[data-test=speed]", "1").await;
    // It tries once more, in vain: what tells is that it ended later.
    let lasted = "document.querySelector('.grid-row .number').textContent";
    world.js(&format!("window.before = {lasted}")).await;
    world.say(".head", "Rewind").await;
    world
        .until("another end", &format!("return {lasted} !== window.before"))
        .await;
    world.says(status, "failed").await;
    let id = world.text("[data-test=instance]").await;
    world.say(".head", "Purge").await;
    world.say(".head", "Sure?: Purge").await;
    world
        .until(
            "it is gone",
            &format!(
                "return ![...document.querySelectorAll('.grid-row')].some((row) => row.textContent.includes({id:?}))"
            ),
        )
        .await;
    world.close().await;
}

/// A branch at a moment is a bench of its own, which stands there and goes on by itself.
#[tokio::test]
async fn a_moment_is_branched() {
    let world = World::open(JOURNEY, "40s").await;
    world.press(" ").await;
    world.js(
        "const e = document.querySelector('[data-test=timeline]'), b = e.getBoundingClientRect();
         for (const k of ['pointerdown', 'pointerup']) e.dispatchEvent(new PointerEvent(k, {bubbles: true, button: 0, pointerId: 1, clientX: b.left + b.width / 2, clientY: b.top + 10}))",
    )
    .await;
    world.says("[data-test=inspector]", "00:00:20").await;
    let before = world.js("return location.origin").await;
    world.click("[data-test=branch]").await;
    world
        .until(
            "the branch",
            &format!("return location.origin !== {before}"),
        )
        .await;
    world.says("[data-test=clock]", "00:00:2").await;
    // Its recording names the one that it comes from.
    world.go("#/recordings").await;
    world
        .until(
            "two recordings",
            "return document.querySelectorAll('[data-recording]').length >= 2",
        )
        .await;
    world.click("[data-recording*='/2/'] a").await;
    world.says("[data-test=recorded]", "branch of").await;
    world.close().await;
}

/// A device's connection string is copied for every SDK.
#[tokio::test]
async fn connection_strings_are_copied() {
    let world = World::open(JOURNEY, "5s").await;
    world.go("#/machines").await;
    world.find("[data-test=strings] button").await;
    world
        .js("window.copied = []; navigator.clipboard.writeText = (text) => { window.copied.push(text); return Promise.resolve(); }")
        .await;
    for sdk in ["text", "Python", "Node", ".NET", "C"] {
        world.say("[data-test=strings]", sdk).await;
    }
    world
        .until("all of them", "return window.copied.length === 5")
        .await;
    world.says(".toasts", "Copied").await;
    let copied = world.js("return window.copied").await;
    let calls = [
        "",
        "create_from_connection_string",
        "fromConnectionString",
        "CreateFromConnectionString",
        "IoTHubDeviceClient_LL_CreateFromConnectionString",
    ];
    for (at, call) in calls.into_iter().enumerate() {
        let text = copied[at].as_str().unwrap();
        let whole = ["HostName=localhost", ";SharedAccessKey="];
        assert!(
            text.contains(call) && whole.iter().all(|part| text.contains(part)),
            "{text}"
        );
    }
    world.close().await;
}

/// The scrubber goes to a moment; alerts are gone to by keys; the bench stops at a time that is set.
#[tokio::test]
async fn time_is_scrubbed() {
    let world = World::open(JOURNEY, "2m").await;
    world.press(" ").await;
    world.js(
        "const e = document.querySelector('[data-test=timeline]'), b = e.getBoundingClientRect();
         for (const k of ['pointerdown', 'pointerup']) e.dispatchEvent(new PointerEvent(k, {bubbles: true, button: 0, pointerId: 1, clientX: b.left + b.width / 2, clientY: b.top + 10}))",
    )
    .await;
    world.says("[data-test=inspector]", "Moment").await;
    world.says("[data-test=inspector]", "00:01:0").await;
    world.find("[data-test=jump]").await;
    world.find("[data-test=branch]").await;
    // The moment is a bench of its own, which stands there.
    let before = world.js("return location.origin").await;
    world.click("[data-test=jump]").await;
    world
        .until(
            "the moment",
            &format!("return location.origin !== {before}"),
        )
        .await;
    world.says("[data-test=clock]", "00:01:0").await;
    world.press("[").await;
    world.says("[data-test=inspector]", "Event").await;
    world.write("[data-test=until]", "2m 20s\u{e007}").await;
    world.choose("[data-test=speed]", "100").await;
    world
        .until(
            "the bench stands where it was told to",
            "return /^00:02:(19|20)/.test(document.querySelector('[data-test=clock]').textContent) && document.querySelector('[data-test=play]').ariaLabel === 'Play'",
        )
        .await;
    world.close().await;
}

/// Events that are ticked become a scenario file, which then stands in the list.
#[tokio::test]
async fn a_session_becomes_a_scenario() {
    let world = World::open(JOURNEY, "1m").await;
    world.go("#/scenarios").await;
    world
        .find("[data-test=from-session] input[type=checkbox]")
        .await;
    world
        .click("[data-test=from-session] label:nth-child(2) input")
        .await;
    world
        .over(
            "[data-test=from-session] input[aria-label='Name of the scenario']",
            "as it was",
        )
        .await;
    world.say("[data-test=from-session]", "Save scenario").await;
    world.says(".toasts", "Scenario saved").await;
    assert!(world.made("scenarios/as it was.toml").is_file());
    world.find("[data-scenario*='as it was']").await;
    world.close().await;
}

/// A scenario that fails says what it saw, and leads to the moment.
#[tokio::test]
async fn a_failing_step_leads_to_its_moment() {
    let world = World::open(JOURNEY, "20s").await;
    let scenario = r#"version = 1
name  = "never"
bench = "../fixtures/scenarios/_greenhouse.bench.toml"

[[step]]
name   = "hotter than the sun's face"
within = "20s"
expect.entity = { device = "greenhouse", state.lastData.temperature = { above = 6000 } }
"#;
    std::fs::create_dir_all(world.made("scenarios")).unwrap();
    std::fs::write(world.made("scenarios/never.toml"), scenario).unwrap();
    world.go("#/scenarios").await;
    world.click("[data-scenario*=never] button").await;
    world.says("[data-test=run-state]", "failed").await;
    world.find("[data-step=failed]").await;
    world.shot("scenario-failed").await;
    world.say("[data-step=failed]", "To the moment").await;
    world.find("[data-test=journey]").await;
    world.says("[data-test=inspector]", "Moment").await;
    world.close().await;
}

/// Two recordings are compared: the first difference is told.
#[tokio::test]
async fn recordings_are_compared() {
    let world = World::open(JOURNEY, "20s").await;
    // Another run of the same bench, which has a recording of its own.
    let before = world.js("return location.origin").await;
    world.click("[data-example=journey]").await;
    world
        .until(
            "another run",
            &format!("return location.origin !== {before}"),
        )
        .await;
    world.says("[data-test=this-bench]", "journey").await;
    // Something is done that the other run has not.
    world.go("#/device/devkit-01").await;
    world.find("[data-sensor=temperature]").await;
    world.js("const s = document.querySelector('[data-sensor=temperature]'); s.value = 23.5; for (const e of ['input', 'change']) s.dispatchEvent(new Event(e, {bubbles: true}))").await;
    world.says(".sensor .value", "23.5").await;
    world.go("#/recordings").await;
    world
        .until(
            "two recordings",
            "return document.querySelectorAll('[data-recording]').length >= 2",
        )
        .await;
    for row in [1, 2] {
        world
            .click(&format!("[data-recording]:nth-child({row}) input"))
            .await;
    }
    world.click("[data-test=compare]").await;
    world.says("[data-test=difference-at]", "00:0").await;
    world.find("[data-side=left]").await;
    world.shot("recordings-compared").await;
    let at = world.text("[data-test=difference-at]").await;
    // Either is opened at the moment, which is marked there.
    world.click("[data-test=open-at]").await;
    world.says("[data-test=recorded-clock]", at.trim()).await;
    world.says("[data-test=inspector]", "Moment").await;
    world.close().await;
}
