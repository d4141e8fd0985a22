//! Recordings that are looked at: opened from the start page, dropped on the window, scrubbed.

use crate::{JOURNEY, harness::World};

/// Presses the timeline at a share of its width.
fn timeline(share: f64) -> String {
    format!(
        "const e = document.querySelector('[data-test=timeline]'), b = e.getBoundingClientRect();
         for (const k of ['pointerdown', 'pointermove', 'pointerup']) e.dispatchEvent(new PointerEvent(k, {{bubbles: true, button: 0, pointerId: 1, clientX: b.left + b.width * {share}, clientY: b.top + 10}}))"
    )
}

const EVENTS: &str =
    "return document.querySelectorAll('[data-test=inspector] .chain li').length > 3";

/// A session of the start page opens; its charts have values, its moments events, its events causes.
#[tokio::test]
async fn a_recording_is_scrubbed() {
    let world = World::open(JOURNEY, "2m").await;
    world.press(" ").await;
    world.click("[data-session]").await;
    world.says("[data-test=recorded]", "journey/1/").await;
    world
        .until(
            "values",
            "return [...document.querySelectorAll('.pane .channel .mono')].some((e) => /\\d/.test(e.textContent))",
        )
        .await;
    assert!(world.colours(".pane-body canvas").await > 3);
    assert_eq!(world.count("[data-test=timeline]").await, 1);
    world.js(&timeline(0.5)).await;
    world.says("[data-test=inspector]", "Moment").await;
    world.says("[data-test=recorded-clock]", "00:01:0").await;
    world.until("events before the moment", EVENTS).await;
    let value = "document.querySelector('.pane .channel .mono').textContent";
    world.js(&format!("window.before = {value}")).await;
    world.js(&timeline(0.05)).await;
    world
        .until(
            "the value of another moment",
            &format!("return {value} !== window.before"),
        )
        .await;
    world.shot("recorded").await;
    // The keys are those of a session that runs.
    world.press(".").await;
    world.press("]").await;
    world.says("[data-test=inspector]", "Event").await;
    world.click("[data-tab=journey]").await;
    world
        .says("[data-test=journey-chain]", "events in this chain")
        .await;
    world.shot("recorded-journey").await;
    world.js(&timeline(0.2)).await;
    world.says("[data-test=recorded-clock]", "00:00:2").await;
    world.click("[data-test=recorded-play]").await;
    world.says("[data-test=recorded-clock]", "00:00:27").await;
    world.close().await;
}

/// A recording that is dropped on the window is taken in and opened; one that is broken is not.
#[tokio::test]
async fn a_dropped_recording_opens() {
    let world = World::open(JOURNEY, "5s").await;
    let drop = "const [name, base64] = arguments;
         const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
         const data = new DataTransfer(); data.items.add(new File([bytes], name));
         for (const kind of ['dragenter', 'dragover', 'drop'])
           window.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}))";
    // The first eight bytes of a recording, and no more.
    let broken = "iU1DQVAwDQo=";
    world
        .with(drop, vec!["broken.mcap".into(), broken.into()])
        .await;
    world.says(".toasts", "cannot be opened").await;
    let whole = World::base64("fixtures/recordings/journey.mcap");
    world
        .with(drop, vec!["mine.mcap".into(), whole.into()])
        .await;
    world.says("[data-test=recorded]", "opened/1/").await;
    world.find(".pane-body canvas").await;
    world.close().await;
}
