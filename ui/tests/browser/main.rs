//! The page in a real browser, with a real bench behind it: one test for each thing that a person
//! can do. `cargo xtask test --only browser` builds page and bench and runs them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod drawing;
mod handling;
mod harness;
mod recorded;
mod starting;
mod steering;

use harness::World;

const JOURNEY: &str = "fixtures/benches/journey.toml";
const FLEET: &str = "fixtures/benches/fleet.toml";

/// The first telemetry stands on the screen two clicks and less than five seconds after the start.
#[tokio::test]
async fn opens_with_telemetry_within_two_clicks() {
    let world = World::open(JOURNEY, "30s").await;
    world.says("[data-test=this-bench]", "journey").await;
    let start = harness::now();
    world.client.refresh().await.unwrap();
    world.click("[data-test=see-telemetry]").await;
    world.find(".pane-body canvas").await;
    world
        .until(
            "a chart",
            "return !!document.querySelector('.pane .channel .mono')?.textContent.match(/\\d/)",
        )
        .await;
    let took = start.elapsed();
    assert!(took.as_secs_f64() < 5.0, "{took:?}");
    assert_eq!(
        world
            .js("return location.search + location.hash.includes('code=')")
            .await,
        "false",
        "the key stays out of the address"
    );
    world.close().await;
}

/// Forty-four devices: searched, filtered, sorted, selected, opened.
#[tokio::test]
async fn fleet_is_searched_sorted_and_opened() {
    let world = World::open(FLEET, "30s").await;
    world.go("#/fleet").await;
    world.says("[data-test=fleet-count]", "44 devices").await;
    assert!(
        world.count(".grid-row").await < 40,
        "rows out of sight are not made"
    );
    world.write("[data-test=search]", "devkit").await;
    world.says("[data-test=fleet-count]", "4 / 44").await;
    world.click("[data-test=select-shown]").await;
    world.says("[data-test=ticked]", "4 selected").await;
    world.click("[role=columnheader]:nth-child(2)").await;
    world.says(".grid-row .mono", "devkit-4").await;
    world
        .until(
            "telemetry",
            "return document.querySelectorAll('.grid-row svg polyline').length > 0",
        )
        .await;
    world.shot("fleet").await;
    world.click(".grid-row").await;
    world.says("[data-test=inspector]", "devkit-4").await;
    world.js("document.querySelector('.virtual').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}))").await;
    world.says("[data-test=device]", "devkit-4").await;
    world.close().await;
}

/// The board answers: a button is pressed on the page and an LED of the firmware changes; a sensor
/// is dragged; the console speaks.
#[tokio::test]
async fn device_button_led_sensor_console() {
    let world = World::open(JOURNEY, "30s").await;
    world.go("#/device/devkit-01").await;
    world.find("[data-button=a]").await;
    world.until("pixels on the display", "return (document.querySelector('[data-test=oled] path')?.getAttribute('d') ?? '').length > 40").await;
    let leds = "JSON.stringify([...document.querySelectorAll('[data-led]')].map(l => l.outerHTML))";
    let display = "document.querySelector('[data-test=oled] path').getAttribute('d')";
    world
        .js(&format!("window.before = {leds} + {display}"))
        .await;
    world.js("document.querySelector('[data-button=a]').dispatchEvent(new PointerEvent('pointerdown', {bubbles: true}))").await;
    world
        .until(
            "the board answers the button",
            &format!("return {leds} + {display} !== window.before"),
        )
        .await;
    world.js("document.querySelector('[data-button=a]').dispatchEvent(new PointerEvent('pointerup', {bubbles: true}))").await;
    world.js("const s = document.querySelector('[data-sensor=temperature]'); s.value = 21.5; s.dispatchEvent(new Event('input', {bubbles: true})); s.dispatchEvent(new Event('change', {bubbles: true}))").await;
    world.says(".sensor .value", "21.5").await;
    world
        .until(
            "lines of the console",
            "return document.querySelectorAll('.console .lines > div').length > 3",
        )
        .await;
    world.shot("device").await;
    world.click("[data-tab=twin]").await;
    world.find("[data-test=reported]").await;
    world.click("[data-tab=messages]").await;
    world.find(".grid-row").await;
    world.click("[data-tab=inspect]").await;
    world.says("[data-test=inspect]", "0x").await;
    world.close().await;
}

/// A twin that is no JSON is not sent; one that is reaches the hub.
#[tokio::test]
async fn twin_is_edited_with_validation() {
    let world = World::open(JOURNEY, "30s").await;
    world.go("#/device/devkit-01").await;
    world.click("[data-tab=twin]").await;
    world.find(".json-edit textarea").await;
    let set = |text: &str| {
        format!(
            "const t = document.querySelector('.json-edit textarea'); t.value = {text:?}; t.dispatchEvent(new Event('input', {{bubbles: true}}))"
        )
    };
    world.js(&set("{\"interval\" 5}")).await;
    world.says(".json-edit .problem", "line 1, column").await;
    world.js(&set("{\"colour\": \"teal\"}")).await;
    world
        .until(
            "no problem",
            "return document.querySelector('.json-edit .problem').textContent === ''",
        )
        .await;
    world.click(".json-edit button.primary").await;
    world.says(".toasts", "Desired properties sent").await;
    world
        .until(
            "the version counts",
            "return /version \\d+/.test(document.querySelector('.columns h2').textContent)",
        )
        .await;
    world.close().await;
}

/// Panes: a channel is put in, the wheel zooms, a pause says how far behind it is, two clicks measure.
#[tokio::test]
async fn charts_zoom_measure_pause() {
    let world = World::open(JOURNEY, "5m").await;
    world.go("#/charts").await;
    world.find(".pane-body canvas").await;
    world
        .until(
            "a drawing",
            "return document.querySelector('.pane-body canvas').width > 300",
        )
        .await;
    assert!(world.colours(".pane-body canvas").await > 8);
    world.click("[data-channel*=humidity]").await;
    world.until("a channel more", "return document.querySelector('.pane:last-of-type .pane-head').textContent.includes('humidity')").await;
    world.click("[data-test=pause-view]").await;
    world.says("main", "behind").await;
    world.click("[data-test=measure]").await;
    for x in [0.3, 0.7] {
        let point = format!(
            "const b = document.querySelector('.pane-body').getBoundingClientRect(), e = document.querySelector('.pane-body');
             for (const k of ['pointerdown', 'pointerup']) e.dispatchEvent(new PointerEvent(k, {{bubbles: true, button: 0, pointerId: 1, clientX: b.left + b.width * {x}, clientY: b.top + b.height / 2}}))"
        );
        world.client.execute(&point, vec![]).await.unwrap();
    }
    world.says("[data-test=measured]", "\u{394}t").await;
    world.shot("charts").await;
    world.write("[data-test=layout-name]", "mine").await;
    world.click("[data-test=save-layout]").await;
    world.says("[data-test=layouts]", "mine").await;
    world.close().await;
}

/// Entities with state and operations; orchestrations with history, Gantt and sequence.
#[tokio::test]
async fn twins_and_workflows() {
    let world = World::open(JOURNEY, "5m").await;
    world.go("#/twins").await;
    world.click(".grid-row").await;
    world.find("[data-test=entity-state] .tree li").await;
    world
        .until(
            "operations",
            "return document.querySelectorAll('[data-test=entity-history] details').length > 0",
        )
        .await;
    world.shot("twins").await;
    world.go("#/workflows").await;
    world.click(".grid-row").await;
    world
        .until(
            "a history",
            "return document.querySelectorAll('[data-test=history] details').length > 0",
        )
        .await;
    world.click("[data-tab=sequence]").await;
    world.find("[data-test=sequence] svg").await;
    world.click("[data-tab=gantt]").await;
    world.find("[data-test=gantt] rect").await;
    world.shot("workflows").await;
    world.click("[data-tab=outbox]").await;
    world.find(".grid-row").await;
    world.close().await;
}

/// An event is selected, and its chain of causes and effects is lit.
#[tokio::test]
async fn journey_lights_a_chain() {
    let world = World::open(JOURNEY, "2m").await;
    world.go("#/journey").await;
    world
        .until(
            "chips",
            "return document.querySelector('.journey canvas')?.width > 300",
        )
        .await;
    let key = |key: &str| {
        format!(
            "document.querySelector('[data-test=journey]').dispatchEvent(new KeyboardEvent('keydown', {{key: {key:?}, bubbles: true}}))"
        )
    };
    world.js(&key("ArrowLeft")).await;
    world.says("[data-test=inspector]", "Caused by").await;
    // Back along the events until one that was caused by others.
    let start = harness::now();
    loop {
        let lit = world.text("[data-test=journey-chain]").await;
        if lit
            .split(' ')
            .next()
            .and_then(|n| n.parse::<u32>().ok())
            .is_some_and(|n| n >= 3)
        {
            break;
        }
        assert!(
            start.elapsed().as_secs() < 30,
            "no chain of three events: {lit}"
        );
        world.js(&key("ArrowLeft")).await;
    }
    world.shot("journey").await;
    world.close().await;
}

/// Time is paused, stepped, played faster, by keys as well.
#[tokio::test]
async fn time_is_paused_stepped_and_played() {
    let world = World::open(JOURNEY, "10s").await;
    world.press(" ").await;
    world
        .until(
            "a paused clock",
            "return document.querySelector('[data-test=play]').ariaLabel === 'Play'",
        )
        .await;
    let clock = world.text("[data-test=clock]").await;
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    assert_eq!(world.text("[data-test=clock]").await, clock, "time stands");
    world.press(".").await;
    world
        .until(
            "a step",
            &format!(
                "return document.querySelector('[data-test=clock]').textContent !== {clock:?}"
            ),
        )
        .await;
    world.choose("[data-test=speed]", "10").await;
    world.press(" ").await;
    world
        .until(
            "a running clock",
            "return document.querySelector('[data-test=play]').ariaLabel === 'Pause'",
        )
        .await;
    world.press("g").await;
    world.press("j").await;
    world
        .until("the journey", "return location.hash === '#/journey'")
        .await;
    world.js("window.dispatchEvent(new KeyboardEvent('keydown', {key: 'k', ctrlKey: true, bubbles: true}))").await;
    world.write(".palette input", "machines").await;
    world.write(".palette input", "\u{e007}").await;
    world
        .until("the machines", "return location.hash === '#/machines'")
        .await;
    world.press("?").await;
    world
        .until(
            "the keys",
            "return !!document.querySelector('dialog[open] .keys-table')",
        )
        .await;
    world.close().await;
}

/// A scenario runs, and its steps turn green on the page.
#[tokio::test]
async fn scenarios_run_live() {
    let world = World::open(JOURNEY, "10s").await;
    world.go("#/scenarios").await;
    world.find("[data-scenario]").await;
    world.click("[data-scenario*='/cloud.toml'] button").await;
    world
        .until(
            "steps",
            "return document.querySelectorAll('[data-step=passed]').length > 0",
        )
        .await;
    world.says("[data-test=run-state]", "passed").await;
    world.shot("scenarios").await;
    world.close().await;
}

/// Doctor, ports and connection strings; the theme changes and stays.
#[tokio::test]
async fn machines_and_settings() {
    let world = World::open(JOURNEY, "10s").await;
    world.go("#/machines").await;
    world.find("[data-test=doctor] tr").await;
    world.find("[data-test=ports] tr").await;
    world.says("[data-test=strings]", "devkit-01").await;
    world.choose("[data-test=theme-select]", "dark").await;
    world
        .until(
            "dark",
            "return getComputedStyle(document.body).backgroundColor === 'rgb(15, 20, 25)'",
        )
        .await;
    world.client.refresh().await.unwrap();
    world.find("[data-test=doctor] tr").await;
    world
        .until(
            "dark again",
            "return getComputedStyle(document.body).backgroundColor === 'rgb(15, 20, 25)'",
        )
        .await;
    world.shot("machines").await;
    world.close().await;
}

/// The recording of the session is listed.
#[tokio::test]
async fn recordings_are_listed() {
    let world = World::open(JOURNEY, "10s").await;
    world.go("#/recordings").await;
    world.find("[data-recording]").await;
    world.shot("recordings").await;
    world.close().await;
}

/// The main views in both themes and two sizes, for people to look at.
#[tokio::test]
async fn every_view_in_both_themes() {
    for size in [(1280, 800), (1920, 1080)] {
        let world = World::sized(JOURNEY, "5m", size).await;
        for theme in ["light", "dark"] {
            world.theme(theme).await;
            for view in [
                "",
                "fleet",
                "device/devkit-01",
                "charts",
                "journey",
                "twins",
                "workflows",
                "scenarios",
                "recordings",
                "machines",
            ] {
                world.go(&format!("#/{view}")).await;
                world
                    .until(
                        "a view",
                        "return !document.querySelector('main [aria-busy=true]')",
                    )
                    .await;
                tokio::time::sleep(std::time::Duration::from_millis(600)).await;
                let name = if view.is_empty() {
                    "start"
                } else {
                    view.split('/').next().unwrap()
                };
                world.shot(&format!("{name}-{theme}-{}", size.0)).await;
            }
        }
        world.close().await;
    }
}
