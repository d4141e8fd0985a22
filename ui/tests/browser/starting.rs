//! Benches that a person starts from the page: an example, a form, a firmware that is dropped.

use serde_json::Value;

use crate::{JOURNEY, harness::World};

/// An example starts at a click, with a page of its own.
#[tokio::test]
async fn an_example_starts_at_a_click() {
    let world = World::open(JOURNEY, "5s").await;
    let before = world.js("return location.origin").await;
    world.click("[data-example=fleet]").await;
    world
        .until(
            "another bench",
            &format!("return location.origin !== {before}"),
        )
        .await;
    world.says("[data-test=this-bench]", "fleet").await;
    assert_eq!(
        world.js("return location.href.includes('code=')").await,
        Value::Bool(false),
        "the key leaves the address"
    );
    world.go("#/fleet").await;
    world.says("[data-test=fleet-count]", "44 devices").await;
    world.close().await;
}

/// The form makes a bench file and starts it.
#[tokio::test]
async fn a_form_makes_a_bench() {
    let world = World::open(JOURNEY, "5s").await;
    let before = world.js("return location.origin").await;
    world.over("[data-test=new-name]", "quiet room").await;
    world.choose("[data-test=new-backend]", "simulated").await;
    world.click("[data-test=make]").await;
    world
        .until(
            "another bench",
            &format!("return location.origin !== {before}"),
        )
        .await;
    world.says("[data-test=this-bench]", "quiet-room").await;
    let made = std::fs::read_to_string(world.made("benches/quiet-room.toml")).unwrap();
    assert!(made.contains("backend = \"simulated\""), "{made}");
    world.close().await;
}

/// A firmware that is dropped on the window runs on a bench of its own; a picture does not.
#[tokio::test]
async fn a_dropped_firmware_runs() {
    let world = World::open(JOURNEY, "5s").await;
    let drop = "const [name, base64] = arguments;
         const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
         const data = new DataTransfer(); data.items.add(new File([bytes], name));
         for (const kind of ['dragenter', 'dragover', 'drop'])
           window.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}))";
    world
        .with(drop, vec!["picture.png".into(), "iVBORw==".into()])
        .await;
    world.says(".toasts", "This is no ELF file").await;
    let firmware = World::base64("fixtures/firmware/devkit.elf");
    world
        .with(drop, vec!["my firmware.elf".into(), firmware.into()])
        .await;
    world.says("[data-test=this-bench]", "my-firmware").await;
    world.go("#/device/device-01").await;
    world
        .until(
            "the firmware's first lines",
            "return document.querySelectorAll('.console .lines > div').length > 0",
        )
        .await;
    world.close().await;
}
