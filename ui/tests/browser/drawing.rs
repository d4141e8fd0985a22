//! Charts under the pointer, and what leaves them as files.

use crate::{JOURNEY, harness::World};

/// Pointer events on the first pane, at shares of its width.
fn pointer(kind: &str, x: f64) -> String {
    format!(
        "const e = document.querySelector('.pane-body'), b = e.getBoundingClientRect();
         e.dispatchEvent(new PointerEvent({kind:?}, {{bubbles: true, button: 0, pointerId: 1, clientX: b.left + b.width * {x}, clientY: b.top + b.height / 2}}))"
    )
}

/// The first and last label of the picture's axis of times change with the range; the picture is
/// what tells.
const PICTURE: &str = "document.querySelector('.pane-body canvas').toDataURL()";

/// A channel is dragged in, a range is drawn, the wheel zooms, a double click resets, axes are locked.
#[tokio::test]
async fn charts_are_handled() {
    let world = World::open(JOURNEY, "5m").await;
    world.press(" ").await;
    world.go("#/charts").await;
    world.find(".pane-body canvas").await;
    let dragged = "const from = document.querySelector('[data-channel*=pressure]'), to = document.querySelector('.pane');
         const data = new DataTransfer();
         from.dispatchEvent(new DragEvent('dragstart', {dataTransfer: data, bubbles: true}));
         for (const kind of ['dragover', 'drop']) to.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}))";
    world.js(dragged).await;
    world.says(".pane .chips", "pressure").await;
    world
        .until(
            "a drawing",
            "return document.querySelector('.pane-body canvas').width > 300",
        )
        .await;
    world.says(".pane .channel .mono", "").await;
    for (what, scripts) in [
        (
            "a drawn range",
            vec![
                pointer("pointerdown", 0.4),
                pointer("pointermove", 0.6),
                pointer("pointerup", 0.6),
            ],
        ),
        (
            "the wheel",
            vec![
                "document.querySelector('.pane-body').dispatchEvent(new WheelEvent('wheel', {deltaY: -100, bubbles: true, cancelable: true, clientX: 700}))".to_owned(),
            ],
        ),
        (
            "a key",
            vec![
                "document.querySelector('.pane-body').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', bubbles: true}))".to_owned(),
            ],
        ),
    ] {
        world.js(&format!("window.before = {PICTURE}")).await;
        for script in scripts {
            world.js(&script).await;
        }
        world
            .until(what, &format!("return {PICTURE} !== window.before"))
            .await;
    }
    world.find("[data-test=back-to-live]").await;
    world.js("document.querySelector('.pane-body').dispatchEvent(new MouseEvent('dblclick', {bubbles: true}))").await;
    world
        .until(
            "the present",
            "return !document.querySelector('[data-test=back-to-live]')",
        )
        .await;
    // Linked cursors: one pointer, a line in every pane.
    world.js(&pointer("pointermove", 0.5)).await;
    world
        .until(
            "a cursor in the second pane",
            "const c = document.querySelectorAll('canvas.cursor')[1]; if (!c || !c.width) return false;
             return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v !== 0)",
        )
        .await;
    world
        .click(".pane [aria-label='Lock the value axis']")
        .await;
    world.find(".pane [aria-pressed=true]").await;
    world.close().await;
}

/// The view and the whole session leave as PNG, SVG and CSV.
#[tokio::test]
async fn charts_are_exported() {
    let world = World::open(JOURNEY, "5m").await;
    world.press(" ").await;
    world.go("#/charts").await;
    world
        .until(
            "values",
            "return [...document.querySelectorAll('.pane .channel .mono')].some((e) => /\\d/.test(e.textContent))",
        )
        .await;
    world.choose("[data-test=follow]", "60").await;
    world.catch_files().await;
    for what in ["png", "svg", "csv"] {
        for range in ["view", "whole"] {
            world.click(".pane [aria-label=Export]").await;
            world
                .click(&format!(".pane [data-export={what}-{range}]"))
                .await;
        }
    }
    let view = world.saved("view-0.csv").await;
    let whole = world.saved("whole-0.csv").await;
    assert!(
        view.starts_with("time_s,") && view.contains("[°C]"),
        "{view}"
    );
    assert!(
        whole.lines().count() > view.lines().count(),
        "{} lines of all, {} of a minute",
        whole.lines().count(),
        view.lines().count()
    );
    let svg = world.saved("whole-0.svg").await;
    assert!(svg.contains("<svg") && svg.contains("<polyline"), "{svg}");
    let png = world.saved("view-0.png").await;
    assert!(png.starts_with("data:image/png;base64,"), "{}", &png[..40]);
    world.close().await;
}

/// A layout that was saved is there after a reload, and can be forgotten.
#[tokio::test]
async fn layouts_are_kept() {
    let world = World::open(JOURNEY, "30s").await;
    world.go("#/charts").await;
    world.click("[data-test=new-pane]").await;
    world.click("[data-channel*=pressure]").await;
    world
        .write("[data-test=layout-name]", "pressure alone")
        .await;
    world.click("[data-test=save-layout]").await;
    world.says(".toasts", "Layout saved").await;
    world.client.refresh().await.unwrap();
    world.find("[data-test=layouts]").await;
    world.choose("[data-test=layouts]", "pressure alone").await;
    world.says(".pane:last-of-type .chips", "pressure").await;
    world.click("[data-test=forget-layout]").await;
    world.says(".toasts", "Layout forgotten").await;
    world
        .until(
            "no such layout",
            "return !document.querySelector('[data-test=layouts]').textContent.includes('pressure')",
        )
        .await;
    world.close().await;
}
