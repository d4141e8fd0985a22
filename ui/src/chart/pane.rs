//! One pane: the picture, the cursor on a layer of its own, and the gestures.

use leptos::{html, prelude::*};
use plotters::prelude::IntoDrawingArea as _;
use twinbench_plot::{Lane, Pane, PaneLayout, PaneLine, color_of, draw_pane};
use wasm_bindgen::JsValue;

use super::{
    canvas::{Canvas, theme_of_page},
    data::{Channel, Channels, Kind},
    desk::{Desk, Export, PaneSpec},
    export,
    time_view::TimeView,
    turns::take_turn,
};
use crate::{
    app::App,
    format,
    parts::{Ic, Menu, watch_size},
    words as w,
};

/// A drag shorter than this many pixels is a click.
const CLICK: f64 = 4.0;
/// The least time between two pictures of readings that come by themselves, in milliseconds: what a
/// person does is drawn with the next frame, what flows is read as well at 20 pictures a second.
const FLOWING: f64 = 50.0;
/// How much of a range one notch of the wheel leaves.
const NOTCH: f64 = 0.85;

/// What leaves a pane: words, form, and whether it is the whole session.
const EXPORTS: [(&str, &str, bool); 6] = [
    (w::EXPORT_PNG, "png", false),
    (w::EXPORT_SVG, "svg", false),
    (w::EXPORT_CSV, "csv", false),
    (w::EXPORT_PNG_WHOLE, "png", true),
    (w::EXPORT_SVG_WHOLE, "svg", true),
    (w::EXPORT_CSV_WHOLE, "csv", true),
];

/// What the pointer is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gesture {
    None,
    /// Drawing a range, from a column.
    Range(f64),
    /// Moving the picture, from a column at which a view was.
    Pan(f64, TimeView),
}

/// What a pane draws of the channels that are kept.
pub(crate) fn picture(
    spec: &PaneSpec,
    channels: &Channels,
    (from, to): (f64, f64),
    columns: usize,
    markers: Vec<twinbench_plot::Marker>,
    state_name: &dyn Fn(Kind, f64) -> String,
) -> Pane {
    let known = || {
        spec.channels
            .iter()
            .filter_map(|name| Some((name, channels.get(name)?)))
    };
    let line = |(name, channel): (&String, &Channel)| PaneLine {
        name: name.clone(),
        unit: channel.unit.clone(),
        points: channel.view(from, to, columns),
        longest_gap: channel
            .period()
            .map(|period| (period * 5.0).max((to - from) / columns as f64 * 3.0)),
    };
    let lane = |(name, channel): (&String, &Channel)| {
        let mut states: Vec<(f64, String)> = Vec::new();
        for point in channel.view(from, to, columns) {
            let state = state_name(channel.kind, point.value);
            if states.last().is_none_or(|(_, last)| *last != state) {
                states.push((point.secs, state));
            }
        }
        Lane {
            name: name.clone(),
            states,
            alarms: channel.kind == Kind::Alert,
        }
    };
    Pane {
        lines: known()
            .filter(|(_, c)| c.kind == Kind::Number)
            .map(line)
            .collect(),
        lanes: known()
            .filter(|(_, c)| c.kind != Kind::Number)
            .map(lane)
            .collect(),
        markers,
        from,
        to,
        locked: spec.locked.clone(),
    }
}

/// The pane.
#[component]
pub(crate) fn PaneView(
    /// The panes it belongs to.
    desk: Desk,
    /// Which one.
    id: u32,
    /// Whether it can be closed and takes channels that are dragged in.
    #[prop(optional)]
    alone: bool,
) -> impl IntoView {
    let app = expect_context::<App>();
    let body = NodeRef::<html::Div>::new();
    let main = NodeRef::<html::Canvas>::new();
    let over = NodeRef::<html::Canvas>::new();
    let layout = StoredValue::new(PaneLayout::default());
    let size = RwSignal::new((0.0, 0.0));
    let gesture = StoredValue::new(Gesture::None);
    let dragged = RwSignal::new(None::<(f64, f64)>);
    let dropping = RwSignal::new(false);
    let asked = StoredValue::new(false);
    let spec = Memo::new(move |_| desk.spec(id));
    watch_size(body, move |width, height| {
        size.try_set((width, height));
    });

    let make = move |columns: usize, range: (f64, f64)| {
        let spec = spec.get_untracked().unwrap_or_default();
        app.channels.with_value(|channels| {
            picture(
                &spec,
                channels,
                range,
                columns,
                app.markers(range, &spec.channels),
                &App::state_name,
            )
        })
    };
    let range_now = move || desk.view.get_untracked().range(app.now_secs());
    let draw = move || {
        asked.try_set_value(false);
        let Some(element) = main.get_untracked() else {
            return;
        };
        let Some((canvas, scale)) = Canvas::of(&element) else {
            return;
        };
        let columns = element.width() as usize;
        let pane = make(columns, range_now());
        let area = canvas.into_drawing_area();
        if let Ok(drawn) = draw_pane(&pane, &area, theme_of_page(), scale) {
            layout.set_value(drawn);
            desk.drawn.update_value(|count| *count += 1);
        }
        desk.ask_for_past(app, id);
    };
    // Whatever changes, there is one picture a frame.
    let plan = move || {
        if asked.try_get_value() == Some(false) {
            asked.set_value(true);
            request_animation_frame(move || {
                if asked.try_get_value().is_some() {
                    draw();
                }
            });
        }
    };
    Effect::new(move || {
        size.track();
        spec.track();
        desk.view.track();
        app.theme.track();
        plan();
    });
    // The clock moves what follows it, also when nothing comes.
    let clock = StoredValue::new(0_u64);
    let flowed = StoredValue::new(0.0);
    let waiting = StoredValue::new(false);
    // What flows is drawn in turn with the other panes.
    let turn = app.number();
    let flow = move || {
        take_turn(turn, move || {
            // One that is drawn anyway, or has gone, lets its turn pass.
            if asked.try_get_value() == Some(false) {
                draw();
            }
        });
    };
    Effect::new(move || {
        app.tick.track();
        let now = app.shown.get_untracked();
        if !desk.paused.get() && clock.get_value() != now {
            clock.set_value(now);
            flow();
        }
    });
    Effect::new(move || {
        app.samples.track();
        let since = js_sys::Date::now() - flowed.get_value();
        if since >= FLOWING {
            flowed.set_value(js_sys::Date::now());
            flow();
        } else if !waiting.get_value() {
            waiting.set_value(true);
            let rest = std::time::Duration::from_millis((FLOWING - since).max(1.0) as u64);
            set_timeout(
                move || {
                    // The pane may have gone meanwhile.
                    if waiting.try_set_value(false).is_none() {
                        flowed.set_value(js_sys::Date::now());
                        flow();
                    }
                },
                rest,
            );
        }
    });
    // The cursor has a canvas of its own, so that moving it draws nothing anew.
    Effect::new(move || {
        let cursor = desk.cursor.get();
        let marks = desk.marks.get();
        let range = dragged.get();
        // Without a cursor there is nothing on it that new readings move.
        if cursor.is_some() {
            app.samples.track();
        }
        size.track();
        if let Some(element) = over.get() {
            let layout = layout.get_value();
            let spec = spec.get_untracked().unwrap_or_default();
            app.channels.with_value(|channels| {
                draw_over(&element, &layout, &spec, channels, cursor, &marks, range);
            });
        }
    });

    let column = move |event: &web_sys::MouseEvent| {
        let area = body
            .get_untracked()
            .map(|element| element.get_bounding_client_rect());
        area.map_or(0.0, |area| f64::from(event.client_x()) - area.left())
    };
    let secs = move |x: f64| layout.with_value(|layout| layout.secs(x));
    let down = move |event: leptos::ev::PointerEvent| {
        let x = column(&event);
        if let Some(element) = body.get_untracked() {
            // Without it a drag ends at the pane's edge, no more.
            let _ = element.set_pointer_capture(event.pointer_id());
        }
        gesture.set_value(if event.button() != 0 || event.shift_key() {
            Gesture::Pan(x, desk.view.get_untracked().frozen(app.now_secs()))
        } else {
            Gesture::Range(x)
        });
    };
    let moved = move |event: leptos::ev::PointerEvent| {
        let x = column(&event);
        desk.cursor.set(Some(secs(x)));
        match gesture.get_value() {
            Gesture::None => {}
            Gesture::Range(from) => {
                dragged.set((!desk.measuring.get_untracked()).then_some((from, x)));
            }
            Gesture::Pan(from, view) => {
                let (begin, end) = view.range(app.now_secs());
                let width = layout.with_value(|layout| (layout.right - layout.left).max(1.0));
                desk.view
                    .set(view.pan((from - x) / width * (end - begin), app.now_secs()));
            }
        }
    };
    let up = move |event: leptos::ev::PointerEvent| {
        let x = column(&event);
        if let Gesture::Range(from) = gesture.get_value() {
            if (x - from).abs() > CLICK && !desk.measuring.get_untracked() {
                desk.view.set(TimeView::between(secs(from), secs(x)));
            } else if desk.measuring.get_untracked() {
                desk.mark(secs(x));
            } else {
                app.pick_moment(secs(x));
            }
        }
        gesture.set_value(Gesture::None);
        dragged.set(None);
    };
    let wheel = move |event: leptos::ev::WheelEvent| {
        event.prevent_default();
        let now = app.now_secs();
        let view = desk.view.get_untracked();
        if event.shift_key() || event.delta_x().abs() > event.delta_y().abs() {
            let (from, to) = view.range(now);
            let by = (event.delta_x() + event.delta_y()).signum() * 0.1 * (to - from);
            desk.view.set(view.pan(by, now));
        } else {
            let factor = if event.delta_y() < 0.0 {
                NOTCH
            } else {
                1.0 / NOTCH
            };
            desk.view.set(view.zoom(secs(column(&event)), factor, now));
        }
    };
    let keys = move |event: leptos::ev::KeyboardEvent| {
        let now = app.now_secs();
        let view = desk.view.get_untracked();
        let (from, to) = view.range(now);
        let middle = f64::midpoint(from, to);
        desk.view.set(match event.key().as_str() {
            "+" | "=" => view.zoom(middle, NOTCH, now),
            "-" => view.zoom(middle, 1.0 / NOTCH, now),
            "ArrowLeft" => view.pan((from - to) * 0.1, now),
            "ArrowRight" => view.pan((to - from) * 0.1, now),
            "Home" => TimeView::All,
            "End" => desk.follow.get_untracked(),
            _ => return,
        });
        event.prevent_default();
    };
    let lock = move |_| {
        let axes = layout.with_value(|layout| layout.axes.clone());
        desk.change(id, move |spec| {
            spec.locked = if spec.locked.is_empty() {
                axes
            } else {
                Vec::new()
            };
        });
    };
    let locked = move || spec.get().is_some_and(|spec| !spec.locked.is_empty());
    let export = move |wanted: Export| {
        let now = app.now_secs();
        let range = if wanted.whole {
            TimeView::All.range(now)
        } else {
            range_now()
        };
        let (width, height) = size.get_untracked();
        let spec = spec.get_untracked().unwrap_or_default();
        let name = format!(
            "twinbench-{}-{id}.{}",
            if wanted.whole { "whole" } else { "view" },
            wanted.form
        );
        // What is not here yet is asked for first: a file has no holes that a person did not see.
        leptos::task::spawn_local(async move {
            for channel in &spec.channels {
                app.fetch_past(channel, range).await;
            }
            let done = match wanted.form {
                "csv" => {
                    let table = app.channels.with_value(|channels| {
                        let rows = spec.channels.iter().filter_map(|name| {
                            let channel = channels.get(name)?;
                            let points = channel.view(range.0, range.1, usize::MAX / 8);
                            Some((name.clone(), channel.unit.clone(), points))
                        });
                        rows.collect::<Vec<_>>()
                    });
                    export::save(&name, "text/csv", &JsValue::from_str(&export::csv(&table)))
                }
                "svg" => export::svg(
                    &make(width as usize, range),
                    width as u32,
                    height as u32,
                    theme_of_page(),
                )
                .and_then(|text| export::save(&name, "image/svg+xml", &JsValue::from_str(&text))),
                _ => export::png(&make(width as usize * 2, range), width, height)
                    .and_then(|url| export::save_url(&name, &url)),
            };
            match done {
                Some(()) => app.say("ok", format!("{} {name}", w::SAVED), ""),
                None => app.say("bad", w::NOT_SAVED, w::NOT_SAVED_HOW),
            }
        });
    };
    let asked_export = desk.export;
    Effect::new(move || {
        if let Some(wanted) = asked_export.get() {
            export(wanted);
        }
    });
    let chips = move || {
        let names = spec.get().unwrap_or_default().channels;
        let chip = |name: String| {
            let color = color_of(&name);
            let swatch = format!("rgb({},{},{})", color.0, color.1, color.2);
            let (device, quantity) = name.split_once('/').unwrap_or(("", &name));
            let (device, shown) = (device.to_owned(), quantity.to_owned());
            let gone = name.clone();
            let value = {
                let name = name.clone();
                move || {
                    let at = desk.cursor.get();
                    // Four times a second is as fast as numbers are read.
                    app.tick.track();
                    app.channels.with_value(|channels| {
                        let channel = channels.get(&name)?;
                        let value = match at {
                            Some(secs) => channel.at(secs)?,
                            None => channel.last()?.value,
                        };
                        Some(if channel.kind == Kind::Number {
                            format::value(value, &channel.unit)
                        } else {
                            App::state_name(channel.kind, value)
                        })
                    })
                }
            };
            let title = format!("{}: {shown}", w::TAKE_OUT);
            view! {
                <span class="channel">
                    <span class="swatch" style:background=swatch></span>
                    <span class="dim">{device}</span>
                    <strong>{shown}</strong>
                    <span class="mono dim">{value}</span>
                    <button
                        title=title.clone()
                        aria-label=title
                        on:click=move |_| {
                            let gone = gone.clone();
                            desk.change(id, move |spec| spec.channels.retain(|name| *name != gone));
                        }
                    >
                        "\u{d7}"
                    </button>
                </span>
            }
        };
        names.into_iter().map(chip).collect_view()
    };
    view! {
        <section
            class="pane"
            class:dropping=move || dropping.get()
            aria-label=w::PANE
            on:dragover=move |event| {
                event.prevent_default();
                dropping.set(true);
            }
            on:dragleave=move |_| dropping.set(false)
            on:drop=move |event| {
                event.prevent_default();
                dropping.set(false);
                let name = event.data_transfer().and_then(|data| data.get_data("text/plain").ok());
                if let Some(name) = name.filter(|name| !name.is_empty()) {
                    app.open_channel(&name);
                    desk.add(id, &name);
                }
            }
        >
            <div class="pane-head">
                <div class="chips">{chips}</div>
                <button class="plain icon" title=w::LOCK_AXIS aria-label=w::LOCK_AXIS aria-pressed=move || locked().to_string() on:click=lock>
                    <Ic icon=icondata_lu::LuLock />
                </button>
                <Menu label=w::EXPORT icon=icondata_lu::LuDownload>
                    {EXPORTS
                        .iter()
                        .map(|(words, form, whole)| {
                            let wanted = Export { form, whole: *whole };
                            view! {
                                <button
                                    role="menuitem"
                                    data-export=format!("{form}-{}", if *whole { "whole" } else { "view" })
                                    on:click=move |_| export(wanted)
                                >
                                    {*words}
                                </button>
                            }
                        })
                        .collect_view()}
                </Menu>
                {(!alone)
                    .then(|| {
                        view! {
                            <button class="plain icon" title=w::CLOSE_PANE aria-label=w::CLOSE_PANE on:click=move |_| desk.close(id)>
                                <Ic icon=icondata_lu::LuX />
                            </button>
                        }
                    })}
            </div>
            <div
                class="pane-body"
                node_ref=body
                tabindex="0"
                role="img"
                aria-label=move || format!("{}: {}", w::CHART_OF, spec.get().unwrap_or_default().channels.join(", "))
                on:pointerdown=down
                on:pointermove=moved
                on:pointerup=up
                on:pointerleave=move |_| desk.cursor.set(None)
                on:wheel=wheel
                on:contextmenu=move |event| event.prevent_default()
                on:dblclick=move |_| desk.back()
                on:keydown=keys
            >
                <canvas node_ref=main></canvas>
                <canvas class="cursor" node_ref=over></canvas>
            </div>
        </section>
    }
}

/// Cursor, marks of a measurement, and the range that is being drawn.
fn draw_over(
    element: &web_sys::HtmlCanvasElement,
    layout: &PaneLayout,
    spec: &PaneSpec,
    channels: &Channels,
    cursor: Option<f64>,
    marks: &[f64],
    range: Option<(f64, f64)>,
) {
    let Some((canvas, scale)) = Canvas::of(element) else {
        return;
    };
    let context = canvas.context();
    context.clear_rect(0.0, 0.0, element.width().into(), element.height().into());
    let theme = theme_of_page();
    let css = |color: plotters::style::RGBColor, alpha: f64| {
        format!("rgba({},{},{},{alpha})", color.0, color.1, color.2)
    };
    let (top, bottom) = (layout.top * scale, layout.bottom * scale);
    if let Some((from, to)) = range {
        context.set_fill_style_str(&css(theme.text_dim(), 0.2));
        context.fill_rect(
            from.min(to) * scale,
            top,
            (to - from).abs() * scale,
            bottom - top,
        );
    }
    let rule = |secs: f64, color: &str| {
        if (layout.from..=layout.to).contains(&secs) {
            let x = (layout.x(secs) * scale).round() + 0.5;
            context.begin_path();
            context.set_stroke_style_str(color);
            context.set_line_width(scale.max(1.0));
            context.move_to(x, top);
            context.line_to(x, bottom);
            context.stroke();
        }
    };
    for secs in marks {
        rule(*secs, &css(theme.text(), 0.9));
    }
    if let [one, other] = marks {
        let (from, to) = (
            layout.x(one.min(*other)) * scale,
            layout.x(one.max(*other)) * scale,
        );
        context.set_fill_style_str(&css(theme.text_dim(), 0.12));
        context.fill_rect(from, top, to - from, bottom - top);
    }
    let Some(secs) = cursor else {
        return;
    };
    rule(secs, &css(theme.text_dim(), 0.9));
    for name in &spec.channels {
        let Some(channel) = channels
            .get(name)
            .filter(|channel| channel.kind == Kind::Number)
        else {
            continue;
        };
        let y = channel
            .at(secs)
            .and_then(|value| layout.y(&channel.unit, value));
        if let Some(y) = y.filter(|y| (layout.top..=layout.bottom).contains(y)) {
            context.begin_path();
            context.set_fill_style_str(&css(color_of(name), 1.0));
            // A circle that cannot be drawn is not missed.
            let _ = context.arc(
                layout.x(secs) * scale,
                y * scale,
                3.5 * scale,
                0.0,
                std::f64::consts::TAU,
            );
            context.fill();
        }
    }
}
