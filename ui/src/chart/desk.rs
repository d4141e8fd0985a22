//! Panes that share time, cursor and measurement.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{pane::PaneView, time_view::TimeView};
use crate::{app::App, format, keep, parts::Ic, words as w};

/// What one pane shows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct PaneSpec {
    /// Tells panes apart.
    pub(crate) id: u32,
    /// The channels' names.
    pub(crate) channels: Vec<String>,
    /// Axes that stay: unit, lowest and highest value.
    #[serde(default)]
    pub(crate) locked: Vec<(String, f64, f64)>,
}

/// Panes that share time, cursor and measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Desk {
    /// The panes from the top.
    pub(crate) panes: RwSignal<Vec<PaneSpec>>,
    /// The range of time.
    pub(crate) view: RwSignal<TimeView>,
    /// The range that follows, to go back to.
    pub(crate) follow: RwSignal<TimeView>,
    /// The second under the pointer.
    pub(crate) cursor: RwSignal<Option<f64>>,
    /// Clicks set marks.
    pub(crate) measuring: RwSignal<bool>,
    /// The marks, at most two.
    pub(crate) marks: RwSignal<Vec<f64>>,
    /// The view stands still while the recording goes on.
    pub(crate) paused: RwSignal<bool>,
    /// All panes leave as files of this form.
    pub(crate) export: RwSignal<Option<Export>>,
    /// Pictures drawn, for measurements.
    pub(crate) drawn: StoredValue<u64>,
}

/// What leaves a pane as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Export {
    /// `png`, `svg` or `csv`.
    pub(crate) form: &'static str,
    /// The whole session instead of what is seen.
    pub(crate) whole: bool,
}

/// A pane's channels after one more was put in; those that are there stay as they are.
pub(crate) fn with_channel(mut spec: PaneSpec, name: &str) -> PaneSpec {
    if !spec.channels.iter().any(|there| there == name) {
        spec.channels.push(name.to_owned());
    }
    spec
}

impl Desk {
    /// Panes with these channels, on a clock that shows `now`.
    pub(crate) fn new(panes: Vec<Vec<String>>, now: f64) -> Self {
        let spec = |(id, channels)| PaneSpec {
            id,
            channels,
            locked: Vec::new(),
        };
        Self {
            panes: RwSignal::new((0..).zip(panes).map(spec).collect()),
            view: RwSignal::new(TimeView::fitting(now)),
            follow: RwSignal::new(TimeView::fitting(now)),
            cursor: RwSignal::new(None),
            measuring: RwSignal::new(false),
            marks: RwSignal::new(Vec::new()),
            paused: RwSignal::new(false),
            export: RwSignal::new(None),
            drawn: StoredValue::new(0),
        }
    }

    /// What a pane shows.
    pub(crate) fn spec(self, id: u32) -> Option<PaneSpec> {
        self.panes.read().iter().find(|spec| spec.id == id).cloned()
    }

    /// Changes a pane.
    pub(crate) fn change(self, id: u32, change: impl FnOnce(&mut PaneSpec)) {
        self.panes.update(|panes| {
            if let Some(spec) = panes.iter_mut().find(|spec| spec.id == id) {
                change(spec);
            }
        });
    }

    /// Puts a channel into a pane.
    pub(crate) fn add(self, id: u32, name: &str) {
        self.change(id, |spec| *spec = with_channel(std::mem::take(spec), name));
    }

    /// Makes a pane below the others.
    pub(crate) fn open(self, channels: Vec<String>) {
        self.panes.update(|panes| {
            let id = panes.iter().map(|spec| spec.id + 1).max().unwrap_or(0);
            panes.push(PaneSpec {
                id,
                channels,
                locked: Vec::new(),
            });
        });
    }

    /// Takes a pane away.
    pub(crate) fn close(self, id: u32) {
        self.panes
            .update(|panes| panes.retain(|spec| spec.id != id));
    }

    /// Sets a mark; a third one begins anew.
    pub(crate) fn mark(self, secs: f64) {
        self.marks.update(|marks| {
            if marks.len() >= 2 {
                marks.clear();
            }
            marks.push(secs);
        });
    }

    /// Stops the view, or lets it follow again.
    pub(crate) fn pause(self, app: App) {
        let pause = !self.paused.get_untracked();
        self.paused.set(pause);
        self.view.set(if pause {
            self.view.get_untracked().frozen(app.now_secs())
        } else {
            self.follow.get_untracked()
        });
    }

    /// Follows time again.
    pub(crate) fn back(self) {
        self.paused.set(false);
        self.view.set(self.follow.get_untracked());
    }

    /// Asks for readings of the past that a pane shows and nobody has.
    pub(crate) fn ask_for_past(self, app: App, id: u32) {
        let range = self.view.get_untracked().range(app.now_secs());
        let names = self.panes.with_untracked(|panes| {
            let spec = panes.iter().find(|spec| spec.id == id);
            spec.map(|spec| spec.channels.clone()).unwrap_or_default()
        });
        for name in names {
            app.ask_for_past(&name, range);
        }
    }
}

/// The bar over the panes.
#[component]
pub(crate) fn DeskBar(desk: Desk) -> impl IntoView {
    let app = expect_context::<App>();
    let follow = move |event| {
        let secs: f64 = event_target_value(&event).parse().unwrap_or(60.0);
        desk.follow.set(if secs > 0.0 {
            TimeView::Follow(secs)
        } else {
            TimeView::All
        });
        desk.back();
    };
    let chosen = move |secs: f64| {
        move || {
            desk.follow.get()
                == if secs > 0.0 {
                    TimeView::Follow(secs)
                } else {
                    TimeView::All
                }
        }
    };
    let measured = move || {
        let marks = desk.marks.get();
        let [one, other] = marks.as_slice() else {
            return desk.measuring.get().then(|| w::MEASURE_HINT.to_owned());
        };
        let span = (other - one).abs();
        let rate = if span > 0.0 {
            format!(" ({})", format::value(1.0 / span, "Hz"))
        } else {
            String::new()
        };
        let mut parts = vec![format!(
            "\u{394}t {}{rate}",
            format::span((span * 1e9) as u64)
        )];
        app.channels.with_value(|channels| {
            for name in desk
                .panes
                .get()
                .iter()
                .flat_map(|spec| spec.channels.clone())
            {
                let values = channels.get(&name).and_then(|channel| {
                    Some((
                        channel.at(other.max(*one))? - channel.at(one.min(*other))?,
                        channel.unit.clone(),
                    ))
                });
                if let Some((difference, unit)) = values {
                    parts.push(format!(
                        "\u{394}{name} {}",
                        format::value(difference, &unit)
                    ));
                }
            }
        });
        parts.truncate(5);
        Some(parts.join("   "))
    };
    let behind = Memo::new(move |_| {
        app.tick.track();
        desk.view.get().behind(app.now_secs()).map(f64::floor)
    });
    view! {
        <div class="row wrap">
            <label class="row">
                <span class="dim">{w::FOLLOW}</span>
                <select data-test="follow" on:change=follow>
                    <option value="10" selected=chosen(10.0)>"10 s"</option>
                    <option value="60" selected=chosen(60.0)>"1 min"</option>
                    <option value="300" selected=chosen(300.0)>"5 min"</option>
                    <option value="3600" selected=chosen(3600.0)>"1 h"</option>
                    <option value="0" selected=chosen(0.0)>{w::ALL}</option>
                </select>
            </label>
            <button data-test="pause-view" aria-pressed=move || desk.paused.get().to_string() on:click=move |_| desk.pause(app)>
                <Ic icon=icondata_lu::LuPause />
                {w::PAUSE_VIEW}
            </button>
            <button
                data-test="measure"
                title=w::KEY_MEASURE
                aria-pressed=move || desk.measuring.get().to_string()
                on:click=move |_| {
                    desk.measuring.update(|on| *on = !*on);
                    desk.marks.set(Vec::new());
                }
            >
                <Ic icon=icondata_lu::LuRuler />
                {w::MEASURE}
            </button>
            <span class="mono" data-test="measured">{measured}</span>
            {move || {
                behind.get()
                    .map(|secs| {
                        view! {
                            <span class="tag warn" role="status">
                                {format!("{} {}", format::span((secs * 1e9) as u64), if app.is_recorded() { w::BEFORE_END } else { w::BEHIND })}
                            </span>
                            <button data-test="back-to-live" on:click=move |_| desk.back()>{if app.is_recorded() { w::TO_END } else { w::BACK_TO_LIVE }}</button>
                        }
                    })
            }}
        </div>
    }
}

/// The panes, one below the other.
#[component]
pub(crate) fn Panes(desk: Desk, #[prop(optional)] alone: bool) -> impl IntoView {
    view! {
        <div class="fill">
            <For
                each=move || desk.panes.get()
                key=|spec| spec.id
                children=move |spec| view! { <PaneView desk id=spec.id alone=alone /> }
            />
        </div>
    }
}

/// Layouts that were saved, by name.
pub(crate) fn layouts() -> Vec<(String, Vec<PaneSpec>)> {
    keep::get("layouts")
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Forgets a layout.
pub(crate) fn forget_layout(name: &str) {
    let mut all = layouts();
    all.retain(|(there, _)| there != name);
    keep::set("layouts", &serde_json::to_string(&all).unwrap_or_default());
}

/// Saves a layout under a name; one of that name is replaced.
pub(crate) fn save_layout(name: &str, panes: &[PaneSpec]) {
    let mut all = layouts();
    all.retain(|(there, _)| there != name);
    all.push((name.to_owned(), panes.to_vec()));
    keep::set("layouts", &serde_json::to_string(&all).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_in_a_pane_once() {
        let spec = with_channel(PaneSpec::default(), "a");
        let spec = with_channel(with_channel(spec, "b"), "a");
        assert_eq!(spec.channels, ["a", "b"]);
    }

    #[test]
    fn a_layout_of_an_older_page_is_read() {
        let spec: PaneSpec = serde_json::from_str(r#"{"id":1,"channels":["a"]}"#).unwrap();
        assert!(spec.locked.is_empty());
    }
}
