//! The session's timeline at the bottom: density, alerts, faults; a drag goes there.

use leptos::{html, prelude::*};
use twinbench_plot::Severity;

use crate::{
    app::{App, Pick},
    chart::theme_of_page,
    format,
    parts::watch_size,
    state::{Events, LiveStoreFields as _, severity},
    words as w,
};

/// Pixels of one bar of the density.
const BAR: usize = 4;

/// How many events fall into each of `bars` equal parts of the time until `end`.
pub(crate) fn density(events: &Events, end: u64, bars: usize) -> Vec<u32> {
    let mut counts = vec![0; bars.max(1)];
    for event in events.all() {
        let at = (event.at as f64 / end.max(1) as f64 * bars as f64) as usize;
        if let Some(count) = counts.get_mut(at.min(bars.saturating_sub(1))) {
            *count += 1;
        }
    }
    counts
}

/// The timeline.
#[component]
pub(crate) fn Timeline() -> impl IntoView {
    let app = expect_context::<App>();
    let area = NodeRef::<html::Div>::new();
    let canvas = NodeRef::<html::Canvas>::new();
    let size = RwSignal::new((0.0, 0.0));
    let dragging = StoredValue::new(false);
    watch_size(area, move |width, height| {
        size.try_set((width, height));
    });
    // Four times a second is often enough for a picture of the whole session.
    Effect::new(move || {
        app.tick.track();
        app.theme.track();
        let pick = app.pick.get();
        let marked = app.marked.get();
        let (width, height) = size.get();
        let Some(element) = canvas.get() else { return };
        app.live.events().with_untracked(|events| {
            let at = match &pick {
                Pick::Moment(at) => Some(*at),
                Pick::Event(id) => events.get(*id).map(|event| event.at),
                _ => None,
            };
            draw(
                &element,
                (width, height),
                events,
                app.shown.get_untracked(),
                (at, marked),
            );
        });
    });
    let go = move |event: &leptos::ev::PointerEvent| {
        if let Some(element) = area.get_untracked() {
            let place = element.get_bounding_client_rect();
            let share = (f64::from(event.client_x()) - place.left()) / place.width().max(1.0);
            let at = share.clamp(0.0, 1.0) * app.shown.get_untracked() as f64;
            app.pick.set(Pick::Moment(at as u64));
        }
    };
    let keys = move |event: leptos::ev::KeyboardEvent| {
        let step = app.shown.get_untracked() / 100;
        let now = match app.pick.get_untracked() {
            Pick::Moment(at) => at,
            _ => app.shown.get_untracked(),
        };
        let next = match event.key().as_str() {
            "ArrowLeft" => now.saturating_sub(step),
            "ArrowRight" => (now + step).min(app.shown.get_untracked()),
            _ => return,
        };
        event.prevent_default();
        app.pick.set(Pick::Moment(next));
    };
    let value = move || match app.pick.get() {
        Pick::Moment(at) => at,
        _ => app.shown.get(),
    };
    view! {
        <footer class="foot">
            <div
                class="timeline"
                data-test="timeline"
                node_ref=area
                role="slider"
                tabindex="0"
                aria-label=w::TIMELINE
                aria-valuemin="0"
                aria-valuemax=move || { app.tick.track(); (app.shown.get() / 1_000_000_000).to_string() }
                aria-valuenow=move || (value() / 1_000_000_000).to_string()
                aria-valuetext=move || format::clock(value())
                on:keydown=keys
                on:pointerdown=move |event| {
                    dragging.set_value(true);
                    if let Some(element) = area.get_untracked() {
                        // A drag that ends at the edge is no harm.
                        let _ = element.set_pointer_capture(event.pointer_id());
                    }
                    go(&event);
                }
                on:pointermove=move |event| {
                    if dragging.get_value() {
                        go(&event);
                    }
                }
                on:pointerup=move |_| dragging.set_value(false)
            >
                <canvas node_ref=canvas></canvas>
            </div>
        </footer>
    }
}

fn draw(
    element: &web_sys::HtmlCanvasElement,
    (width, height): (f64, f64),
    events: &Events,
    end: u64,
    (picked, marked): (Option<u64>, Option<u64>),
) {
    use wasm_bindgen::JsCast as _;
    let ratio = window().device_pixel_ratio();
    let (columns, rows) = ((width * ratio) as u32, (height * ratio) as u32);
    if columns == 0 || rows == 0 {
        return;
    }
    if element.width() != columns || element.height() != rows {
        element.set_width(columns);
        element.set_height(rows);
    }
    let context = element.get_context("2d").ok().flatten();
    let Some(context) =
        context.and_then(|c| c.dyn_into::<web_sys::CanvasRenderingContext2d>().ok())
    else {
        return;
    };
    let theme = theme_of_page();
    let css =
        |color: plotters::style::RGBColor| format!("rgb({},{},{})", color.0, color.1, color.2);
    let reset = context.reset_transform();
    if reset.is_err() || context.scale(ratio, ratio).is_err() {
        return;
    }
    context.clear_rect(0.0, 0.0, width, height);
    let end = end.max(1);
    let x_of = |at: u64| at as f64 / end as f64 * width;
    let counts = density(events, end, (width as usize / BAR).max(1));
    let most = f64::from(counts.iter().copied().max().unwrap_or(1).max(1));
    context.set_fill_style_str(&css(theme.text_dim()));
    context.set_global_alpha(0.55);
    for (at, count) in counts.iter().enumerate() {
        if *count > 0 {
            // The root keeps quiet times visible beside busy ones.
            let tall = (f64::from(*count) / most).sqrt() * (height - 18.0);
            context.fill_rect(
                (at * BAR) as f64,
                height - 4.0 - tall,
                BAR as f64 - 1.0,
                tall,
            );
        }
    }
    context.set_global_alpha(1.0);
    for event in events.marks() {
        let grave = severity(event);
        context.set_fill_style_str(&css(theme.severity(grave)));
        let tall = if grave == Severity::Alert { 10.0 } else { 7.0 };
        context.fill_rect(x_of(event.at) - 1.0, 2.0, 2.0, tall);
    }
    if let Some(at) = marked {
        context.set_fill_style_str(&css(theme.severity(Severity::Alert)));
        context.fill_rect(x_of(at).min(width - 3.0) - 1.0, 0.0, 3.0, height);
    }
    context.set_fill_style_str(&css(theme.text_dim()));
    context.set_font("10px monospace");
    context.set_text_baseline("top");
    // The times at the two ends; text that cannot be drawn is not missed.
    let _ = context.fill_text("00:00:00", 4.0, 2.0);
    context.set_text_align("right");
    let _ = context.fill_text(&format::clock(end), width - 4.0, 2.0);
    context.set_text_align("left");
    if let Some(at) = picked {
        context.set_fill_style_str(&css(theme.text()));
        context.fill_rect(x_of(at).min(width - 2.0) - 1.0, 0.0, 2.0, height);
        let _ = context.fill_text(
            &format::clock(at),
            (x_of(at) + 5.0).min(width - 160.0),
            14.0,
        );
    }
}
