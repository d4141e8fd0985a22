//! What a person does to devices: many at once, and one in every way.

use crate::{FLEET, JOURNEY, harness::World};

/// Filters by state and backend narrow the list, and what is ticked is acted on together.
#[tokio::test]
async fn devices_are_handled_together() {
    let world = World::open(FLEET, "10s").await;
    world.go("#/fleet").await;
    world.says("[data-test=fleet-count]", "44 devices").await;
    world.choose("select[aria-label=Backend]", "emulator").await;
    world.says("[data-test=fleet-count]", "/ 44").await;
    let emulated = world.text("[data-test=fleet-count]").await;
    world.click("[data-test=select-shown]").await;
    world
        .until(
            "all that are shown",
            &format!("return document.querySelector('[data-test=ticked]').textContent.split(' ')[0] === {emulated:?}.split(' ')[0]"),
        )
        .await;
    world.click("[data-test=bulk-wifi-down]").await;
    world.says(".toasts", "Done").await;
    // What cannot be undone asks once.
    world.say("[role=toolbar]", "Disconnect").await;
    world.say("[role=toolbar]", "Sure?: Disconnect").await;
    world.choose("select[aria-label=Backend]", "").await;
    world.says("[data-test=fleet-count]", "44 devices").await;
    world.close().await;
}

/// A line is typed into the console, a method is called, a message is sent, the network goes and
/// comes, firmware is loaded.
#[tokio::test]
async fn a_device_is_handled() {
    let world = World::open(JOURNEY, "30s").await;
    world.go("#/device/devkit-01").await;
    world.find("[data-button=a]").await;
    world
        .until(
            "lines",
            "return document.querySelectorAll('.console .lines > div').length > 2",
        )
        .await;
    world.write("[data-test=console-search]", "telemetry").await;
    world.find(".console mark").await;
    world.write("[data-test=console-input]", "hello").await;
    world.say(".console form", "Send").await;
    world
        .until(
            "the line is sent",
            "return document.querySelector('[data-test=console-input]').value === ''",
        )
        .await;

    world.click("[data-tab=methods]").await;
    world.over("[data-test=method]", "setLedState").await;
    world.over(".columns > :first-child textarea", "true").await;
    world.say(".columns > :first-child", "Call").await;
    world.says("[data-test=method-answer]", "200").await;
    world.over("[data-test=c2d]", "good morning").await;
    world.say(".columns > :last-child", "Send").await;
    world.says(".toasts", "on its way").await;

    world.click("[data-tab=connection]").await;
    world.say(".columns", "Wi-Fi away").await;
    world.says(".toasts", "The network is away").await;
    world.say(".columns", "Wi-Fi back").await;
    world.says(".toasts", "The network is back").await;
    world.say(".columns", "Slow").await;
    world.says(".toasts", "Fault is on").await;
    world
        .over("[data-test=firmware]", "fixtures/firmware/devkit.elf")
        .await;
    world.say(".columns", "Load firmware").await;
    // A running machine keeps its firmware, and the page says what to do.
    world.says(".toasts", "firmware").await;
    world.shot("connection").await;
    world.close().await;
}
