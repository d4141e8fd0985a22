//! The journey: one causal timeline from UART line to connector call.

use std::collections::BTreeSet;

use leptos::{html, prelude::*};
use plotters::style::RGBColor;
use twinbench_plot::{Severity, Theme};
use wasm_bindgen::JsCast as _;

use crate::{
    app::{App, Pick},
    chart::{TimeView, theme_of_page},
    format,
    parts::{Empty, watch_size},
    state::{Events, LiveStoreFields as _},
    wire::EventRow,
    words as w,
};

/// The lanes from the top, in the order of the journey.
pub(crate) const LANES: [&str; 10] = [
    "uart",
    "message",
    "twin",
    "method",
    "function",
    "entity",
    "workflow",
    "connector",
    "fault",
    "alert",
];
/// Width of the lanes' names.
const NAMES: f64 = 96.0;
/// Height of a chip.
const CHIP: f64 = 18.0;
/// Smallest width of a chip with its text.
const WIDE: f64 = 64.0;
/// Height of the row of times.
const HEAD: f64 = 22.0;

/// Where an event's chip stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chip {
    /// The event's number.
    pub(crate) id: u64,
    /// Left edge.
    pub(crate) x: f64,
    /// Upper edge.
    pub(crate) y: f64,
    /// Width; a narrow one has no text.
    pub(crate) width: f64,
    /// The lane's place.
    pub(crate) lane: usize,
    /// The text.
    pub(crate) text: String,
}

/// Which lanes have an event in a range.
fn busy<'a>(
    events: impl Iterator<Item = &'a EventRow>,
    (from, to): (f64, f64),
) -> [bool; LANES.len()] {
    let mut busy = [false; LANES.len()];
    for event in events {
        if let Some(lane) = LANES.iter().position(|name| *name == event.lane)
            && (from..=to).contains(&(event.at as f64 / 1e9))
        {
            busy[lane] = true;
        }
    }
    busy
}

/// Upper edges of the lanes, and the lower edge of the last: lanes in which nothing happens are as
/// high as their name.
fn tops(busy: &[bool; LANES.len()], height: f64) -> Vec<f64> {
    let quiet = CHIP + 8.0;
    let count = busy.iter().filter(|busy| **busy).count();
    let room = height - HEAD - (LANES.len() - count) as f64 * quiet;
    // A lane higher than five chips is empty below.
    let tall = (room / count.max(1) as f64).clamp(CHIP + 4.0, 5.0 * (CHIP + 2.0) + 6.0);
    let mut at = HEAD;
    let mut tops = vec![at];
    for busy in busy {
        at += if *busy { tall } else { quiet };
        tops.push(at);
    }
    tops
}

/// Places chips: each in its lane at its time, in the first row in which it is free; where there is
/// no room a chip is a tick.
pub(crate) fn place<'a>(
    events: impl Iterator<Item = &'a EventRow>,
    (from, to): (f64, f64),
    (width, height): (f64, f64),
) -> Vec<Chip> {
    let events: Vec<&EventRow> = events.collect();
    let tops = tops(&busy(events.iter().copied(), (from, to)), height);
    let rows: Vec<usize> = tops
        .windows(2)
        .map(|lane| ((lane[1] - lane[0] - 4.0) / (CHIP + 2.0)).floor().max(1.0) as usize)
        .collect();
    let mut taken: Vec<Vec<Vec<(f64, f64)>>> =
        rows.iter().map(|rows| vec![Vec::new(); *rows]).collect();
    let scale = (width - NAMES) / (to - from).max(1e-9);
    let mut chips = Vec::new();
    for event in events {
        let secs = event.at as f64 / 1e9;
        let Some(lane) = LANES.iter().position(|name| *name == event.lane) else {
            continue;
        };
        if !(from..=to).contains(&secs) {
            continue;
        }
        let x = NAMES + (secs - from) * scale;
        let text = format::plain(&event.title);
        let wanted = (text.chars().count() as f64 * 6.2 + 12.0).clamp(WIDE, 190.0);
        let end = x + wanted + 2.0;
        let apart = |other: &(f64, f64)| other.1 <= x || end <= other.0;
        let row = taken[lane].iter().position(|row| row.iter().all(apart));
        let (row, wide) = match row {
            Some(row) => (row, wanted),
            None => (rows[lane] - 1, 4.0),
        };
        if wide > 4.0 {
            taken[lane][row].push((x, end));
        }
        chips.push(Chip {
            id: event.id,
            x,
            y: tops[lane] + 2.0 + row as f64 * (CHIP + 2.0),
            width: wide,
            lane,
            text,
        });
    }
    chips
}

/// The chip at a place, the last drawn first.
pub(crate) fn hit(chips: &[Chip], x: f64, y: f64) -> Option<u64> {
    let inside = |chip: &&Chip| {
        (chip.x - 1.0..=chip.x + chip.width.max(6.0)).contains(&x)
            && (chip.y..=chip.y + CHIP).contains(&y)
    };
    chips.iter().rev().find(inside).map(|chip| chip.id)
}

/// The view.
#[component]
pub(crate) fn Journey() -> impl IntoView {
    let app = expect_context::<App>();
    let area = NodeRef::<html::Div>::new();
    let canvas = NodeRef::<html::Canvas>::new();
    let size = RwSignal::new((0.0, 0.0));
    let view = RwSignal::new(TimeView::Follow(30.0));
    let device = RwSignal::new(String::new());
    let chips = StoredValue::new(Vec::<Chip>::new());
    let pan = StoredValue::new(None::<(f64, TimeView)>);
    let moved = StoredValue::new(false);
    watch_size(area, move |width, height| {
        size.try_set((width, height));
    });
    let any = Memo::new(move |_| app.live.events().with(|events| events.len() > 0));
    let chain = Memo::new(move |_| match app.pick.get() {
        Pick::Event(id) => app
            .live
            .events()
            .with(|events| Some((id, events.chain(id)))),
        _ => None,
    });
    // A selected event or moment that is out of sight is brought into it.
    Effect::new(move || {
        let at = match app.pick.get() {
            Pick::Event(id) => app
                .live
                .events()
                .with_untracked(|events| events.get(id).map(|event| event.at)),
            Pick::Moment(at) => Some(at),
            _ => None,
        };
        let Some(secs) = at.map(|at| at as f64 / 1e9) else {
            return;
        };
        let now = app.now_secs();
        let (from, to) = view.get_untracked().range(now);
        let half = (to - from) / 2.0;
        if (from..=to).contains(&secs) {
            view.set(view.get_untracked().frozen(now));
        } else {
            view.set(TimeView::Fixed(
                (secs - half).max(0.0),
                (secs - half).max(0.0) + 2.0 * half,
            ));
        }
    });
    Effect::new(move || {
        app.tick.track();
        app.theme.track();
        let chain = chain.get();
        let size = size.get();
        let range = view.get().range(app.now_secs());
        let device = device.get();
        let Some(element) = canvas.get() else { return };
        let placed = app.live.events().with_untracked(|events| {
            chips_of(
                events,
                &device,
                chain.as_ref().map(|(_, lit)| lit),
                range,
                size,
            )
        });
        let edges = app.live.events().with_untracked(|events| {
            let kept = events.all();
            let kept = kept.filter(|event| device.is_empty() || event.device == device);
            tops(&busy(kept, range), size.1)
        });
        draw(&element, size, range, (&placed, &edges), chain.as_ref());
        chips.set_value(placed);
    });
    let point = move |event: &web_sys::MouseEvent| {
        let place = area
            .get_untracked()
            .map(|element| element.get_bounding_client_rect());
        place.map_or((0.0, 0.0), |place| {
            (
                f64::from(event.client_x()) - place.left(),
                f64::from(event.client_y()) - place.top(),
            )
        })
    };
    let up = move |event: leptos::ev::PointerEvent| {
        pan.set_value(None);
        if moved.get_value() {
            return;
        }
        let (x, y) = point(&event);
        match chips.with_value(|chips| hit(chips, x, y)) {
            Some(id) => app.pick.set(Pick::Event(id)),
            None => app.pick.set(Pick::Nothing),
        }
    };
    let drag = move |event: leptos::ev::PointerEvent| {
        if let Some((from, before)) = pan.get_value() {
            let (x, _) = point(&event);
            if (x - from).abs() > 4.0 {
                moved.set_value(true);
                let (begin, end) = before.range(app.now_secs());
                let wide = (size.get_untracked().0 - NAMES).max(1.0);
                view.set(before.pan((from - x) / wide * (end - begin), app.now_secs()));
            }
        }
    };
    let wheel = move |event: leptos::ev::WheelEvent| {
        event.prevent_default();
        let now = app.now_secs();
        let (x, _) = point(&event);
        let (from, to) = view.get_untracked().range(now);
        let at = from + (x - NAMES) / (size.get_untracked().0 - NAMES).max(1.0) * (to - from);
        let factor = if event.delta_y() < 0.0 { 0.8 } else { 1.25 };
        view.set(view.get_untracked().zoom(at, factor, now));
    };
    // Left and right go along the events, up and down to cause and effect.
    let keys = move |event: leptos::ev::KeyboardEvent| {
        let now = match app.pick.get_untracked() {
            Pick::Event(id) => Some(id),
            _ => None,
        };
        let device = device.get_untracked();
        let next = app
            .live
            .events()
            .with_untracked(|events| neighbour(events, &device, now, &event.key()));
        if let Some(id) = next {
            event.prevent_default();
            app.pick.set(Pick::Event(id));
        }
    };
    let devices = move || {
        let rows = app.live.devices().read();
        rows.iter()
            .take(500)
            .map(|row| view! { <option value=row.id.clone()>{row.id.clone()}</option> })
            .collect_view()
    };
    let follow = move |event| {
        let secs: f64 = event_target_value(&event).parse().unwrap_or(30.0);
        view.set(TimeView::Follow(secs));
    };
    let behind = Memo::new(move |_| {
        app.tick.track();
        view.get().behind(app.now_secs()).map(f64::floor)
    });
    view! {
        <div class="head">
            <h1>{w::JOURNEY}</h1>
            <select aria-label=w::ALL_DEVICES data-test="journey-device" on:change=move |event| device.set(event_target_value(&event))>
                <option value="">{w::ALL_DEVICES}</option>
                {devices}
            </select>
            <label class="row">
                <span class="dim">{w::FOLLOW}</span>
                <select on:change=follow>
                    <option value="5">"5 s"</option>
                    <option value="30" selected=true>"30 s"</option>
                    <option value="300">"5 min"</option>
                    <option value="3600">"1 h"</option>
                </select>
            </label>
            {move || behind.get().map(|secs| view! {
                <span class="tag warn" role="status">{format!("{} {}", format::span((secs * 1e9) as u64), if app.is_recorded() { w::BEFORE_END } else { w::BEHIND })}</span>
                <button on:click=move |_| { app.pick.set(Pick::Nothing); view.set(TimeView::Follow(30.0)); }>{if app.is_recorded() { w::TO_END } else { w::BACK_TO_LIVE }}</button>
            })}
            <span class="grow"></span>
            <span class="dim" data-test="journey-chain">
                {move || chain.get().map(|(_, chain)| format!("{} {}", chain.len(), w::EVENTS_LIT))}
            </span>
        </div>
        {move || (!any.get()).then(|| view! { <Empty what=w::NO_EVENTS how=w::NO_EVENTS_HOW /> })}
        <div
            class="journey"
            data-test="journey"
            node_ref=area
            tabindex="0"
            role="img"
            aria-label=w::JOURNEY_OF
            on:keydown=keys
            on:wheel=wheel
            on:pointerdown=move |event| {
                moved.set_value(false);
                pan.set_value(Some((point(&event).0, view.get_untracked().frozen(app.now_secs()))));
            }
            on:pointermove=drag
            on:pointerup=up
            on:pointerleave=move |_| pan.set_value(None)
            on:dblclick=move |_| view.set(TimeView::Follow(30.0))
        >
            <canvas node_ref=canvas></canvas>
        </div>
    }
}

fn chips_of(
    events: &Events,
    device: &str,
    chain: Option<&BTreeSet<u64>>,
    range: (f64, f64),
    size: (f64, f64),
) -> Vec<Chip> {
    let kept = || {
        let all = events.all();
        all.filter(|event| device.is_empty() || event.device == device)
    };
    // A chain is placed before what it does not concern, so that its words have room.
    let lit = |event: &&EventRow| chain.is_some_and(|chain| chain.contains(&event.id));
    place(
        kept().filter(lit).chain(kept().filter(|event| !lit(event))),
        range,
        size,
    )
}

/// The event that a key leads to from another.
pub(crate) fn neighbour(events: &Events, device: &str, now: Option<u64>, key: &str) -> Option<u64> {
    let kept = || {
        events
            .all()
            .filter(|event| device.is_empty() || event.device == device)
    };
    let Some(here) = now.and_then(|id| events.get(id)) else {
        return matches!(key, "ArrowLeft" | "ArrowRight")
            .then(|| kept().next_back().map(|event| event.id))
            .flatten();
    };
    let order = |event: &&EventRow| (event.at, event.id);
    match key {
        "ArrowRight" => kept()
            .find(|event| order(event) > (here.at, here.id))
            .map(|event| event.id),
        "ArrowLeft" => kept()
            .rfind(|event| order(event) < (here.at, here.id))
            .map(|event| event.id),
        "ArrowUp" => here
            .causes
            .iter()
            .copied()
            .find(|cause| events.get(*cause).is_some()),
        "ArrowDown" => events
            .all()
            .find(|event| event.causes.contains(&here.id))
            .map(|event| event.id),
        _ => None,
    }
}

fn css(color: RGBColor, alpha: f64) -> String {
    format!("rgba({},{},{},{alpha})", color.0, color.1, color.2)
}

/// A round span of at least so many seconds.
fn round_step(least: f64) -> f64 {
    const NICE: [f64; 16] = [
        0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    ];
    let found = NICE.into_iter().find(|step| *step >= least);
    found.unwrap_or_else(|| (least / 600.0).ceil() * 600.0)
}

/// The colour of a lane.
fn color(lane: usize, theme: Theme) -> RGBColor {
    match LANES.get(lane).copied() {
        Some("alert") => theme.severity(Severity::Alert),
        Some("fault") => theme.severity(Severity::Warning),
        // The series set, so that neighbours differ for everybody.
        Some(name) => twinbench_plot::color_of(match name {
            "uart" => "x",
            "message" => "humidity",
            "method" | "function" => "y",
            "entity" => "pressure",
            "workflow" => "temperature",
            _ => "z",
        }),
        None => theme.text_dim(),
    }
}

fn draw(
    element: &web_sys::HtmlCanvasElement,
    (width, height): (f64, f64),
    (from, to): (f64, f64),
    (chips, edges): (&[Chip], &[f64]),
    chain: Option<&(u64, BTreeSet<u64>)>,
) {
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
    if context.reset_transform().is_err() || context.scale(ratio, ratio).is_err() {
        return;
    }
    let theme = theme_of_page();
    context.set_fill_style_str(&css(theme.surface(), 1.0));
    context.fill_rect(0.0, 0.0, width, height);
    let floor = edges.last().copied().unwrap_or(height);
    context.set_text_baseline("middle");
    context.set_font("12px system-ui, sans-serif");
    for (at, (name, edge)) in LANES.iter().zip(edges.windows(2)).enumerate() {
        let (y, lane_height) = (edge[0], edge[1] - edge[0]);
        context.set_fill_style_str(&css(theme.line(), 1.0));
        context.fill_rect(0.0, y, width, 1.0);
        context.set_fill_style_str(&css(color(at, theme), 1.0));
        context.fill_rect(0.0, y + 1.0, 4.0, lane_height - 1.0);
        context.set_fill_style_str(&css(theme.text(), 1.0));
        // Text that cannot be drawn is not missed.
        let _ = context.fill_text(name, 12.0, y + lane_height / 2.0);
    }
    let scale = (width - NAMES) / (to - from).max(1e-9);
    context.set_font("11px monospace");
    context.set_fill_style_str(&css(theme.line(), 1.0));
    context.fill_rect(0.0, floor, width, 1.0);
    let step = round_step((to - from) * 130.0 / (width - NAMES).max(1.0));
    let first = (from / step).ceil().max(0.0);
    for at in 0..64 {
        let secs = (first + f64::from(at)) * step;
        let x = NAMES + (secs - from) * scale;
        if secs > to || x + 40.0 > width {
            break;
        }
        context.set_fill_style_str(&css(theme.line(), 1.0));
        context.fill_rect(x.round(), HEAD - 4.0, 1.0, floor - HEAD + 4.0);
        context.set_fill_style_str(&css(theme.text_dim(), 1.0));
        let _ = context.fill_text(
            &format::clock((secs * 1e9).round() as u64),
            x + 4.0,
            HEAD / 2.0,
        );
    }
    context.set_font("11px system-ui, sans-serif");
    // The lines of a chain lie under its chips.
    if let Some((_, lit)) = chain {
        let mut last: Option<(f64, f64)> = None;
        context.set_stroke_style_str(&css(theme.text_dim(), 0.8));
        context.set_line_width(1.5);
        context.begin_path();
        for chip in chips.iter().filter(|chip| lit.contains(&chip.id)) {
            let at = (chip.x + 2.0, chip.y + CHIP / 2.0);
            if let Some(before) = last {
                context.move_to(before.0, before.1);
                context.line_to(at.0, at.1);
            }
            last = Some(at);
        }
        context.stroke();
    }
    for chip in chips {
        let lit = chain.is_none_or(|(_, lit)| lit.contains(&chip.id));
        let tone = color(chip.lane, theme);
        let alpha = if lit { 1.0 } else { 0.18 };
        if chip.width <= 4.0 {
            context.set_fill_style_str(&css(tone, alpha));
            context.fill_rect(chip.x, chip.y, 2.0, CHIP);
            continue;
        }
        context.set_fill_style_str(&css(tone, 0.2 * alpha));
        context.fill_rect(chip.x, chip.y, chip.width, CHIP);
        context.set_fill_style_str(&css(tone, alpha));
        context.fill_rect(chip.x, chip.y, 3.0, CHIP);
        if chain.is_some_and(|(id, _)| *id == chip.id) {
            context.set_stroke_style_str(&css(theme.text(), 1.0));
            context.set_line_width(2.0);
            context.stroke_rect(chip.x, chip.y, chip.width, CHIP);
        }
        context.set_fill_style_str(&css(theme.text(), if lit { 1.0 } else { 0.35 }));
        let most = ((chip.width - 10.0) / 6.0).max(0.0) as usize;
        let text: String = chip.text.chars().take(most).collect();
        let _ = context.fill_text_with_max_width(
            &text,
            chip.x + 7.0,
            chip.y + CHIP / 2.0 + 0.5,
            chip.width - 9.0,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u64, at: u64, lane: &str, causes: &[u64]) -> EventRow {
        EventRow {
            id,
            at: at * 1_000_000_000,
            lane: lane.into(),
            title: format!("event {id}"),
            causes: causes.to_vec(),
            ..EventRow::default()
        }
    }

    #[test]
    fn chips_of_one_lane_do_not_cover_each_other() {
        let events: Vec<_> = (0..40).map(|n| event(n, n / 4, "message", &[])).collect();
        let chips = place(events.iter(), (0.0, 10.0), (900.0, 600.0));
        assert_eq!(chips.len(), 40);
        let wide: Vec<_> = chips.iter().filter(|chip| chip.width > 4.0).collect();
        for (n, one) in wide.iter().enumerate() {
            for other in &wide[n + 1..] {
                let apart = (one.y - other.y).abs() > 0.1
                    || one.x + one.width <= other.x
                    || other.x + other.width <= one.x;
                assert!(apart, "{one:?} {other:?}");
            }
        }
        let first = wide[0];
        assert_eq!(hit(&chips, first.x + 2.0, first.y + 2.0), Some(first.id));
        assert_eq!(hit(&chips, 1.0, 1.0), None);
    }

    #[test]
    fn quiet_lanes_leave_their_room_to_busy_ones() {
        let mut busy = [false; LANES.len()];
        busy[1] = true;
        let tops = tops(&busy, 800.0);
        assert_eq!(tops.len(), LANES.len() + 1);
        assert!(tops[2] - tops[1] > 2.0 * (tops[1] - tops[0]), "{tops:?}");
        assert_eq!((round_step(3.0), round_step(700.0)), (5.0, 1200.0));
    }

    #[test]
    fn what_is_out_of_range_or_unknown_has_no_chip() {
        let events = [event(1, 50, "uart", &[]), event(2, 5, "unheard-of", &[])];
        assert!(place(events.iter(), (0.0, 10.0), (900.0, 600.0)).is_empty());
    }

    #[test]
    fn keys_go_along_and_through_causes() {
        let mut events = Events::default();
        events.add(vec![
            event(1, 1, "uart", &[]),
            event(2, 2, "message", &[1]),
            event(3, 3, "entity", &[2]),
        ]);
        let to = |now, key| neighbour(&events, "", now, key);
        assert_eq!(to(None, "ArrowLeft"), Some(3));
        assert_eq!(
            (to(Some(2), "ArrowLeft"), to(Some(2), "ArrowRight")),
            (Some(1), Some(3))
        );
        assert_eq!(
            (to(Some(2), "ArrowUp"), to(Some(2), "ArrowDown")),
            (Some(1), Some(3))
        );
        assert_eq!(
            (to(Some(3), "ArrowRight"), to(Some(1), "ArrowUp")),
            (None, None)
        );
    }
}
