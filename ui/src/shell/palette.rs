//! The palette: everything that can be done or gone to, by a few letters.

use icondata_lu as lu;
use leptos::{html, prelude::*};

use super::{help::follow, rail::entry};
use crate::{
    app::App,
    keys::{Command, match_score},
    parts::Ic,
    route::Route,
    state::LiveStoreFields as _,
    words as w,
};

/// Most lines that are shown.
const MOST: usize = 40;

/// A line of the palette.
#[derive(Clone)]
struct Line {
    words: String,
    icon: icondata_core::Icon,
    command: Command,
}

/// What can be done whatever is shown.
fn commands() -> Vec<Line> {
    let line = |words: &str, icon, command| Line {
        words: words.to_owned(),
        icon,
        command,
    };
    let mut lines: Vec<Line> = Route::rail()
        .into_iter()
        .map(|route| {
            let (name, icon) = entry(&route);
            line(&format!("{} {name}", w::GO_TO), icon, Command::Go(route))
        })
        .collect();
    lines.extend([
        line(w::KEY_PLAY, lu::LuPlay, Command::PlayPause),
        line(w::KEY_STEP, lu::LuStepForward, Command::Step),
        line(w::STEP_EVENT, lu::LuFastForward, Command::StepEvent),
        line(
            w::KEY_ALERT_NEXT,
            lu::LuTriangleAlert,
            Command::Alert { next: true },
        ),
        line(
            w::KEY_ALERT_BEFORE,
            lu::LuTriangleAlert,
            Command::Alert { next: false },
        ),
        line(w::KEY_RECORD, lu::LuRadio, Command::Record),
        line(w::KEY_EXPORT, lu::LuDownload, Command::Export),
        line(w::KEY_MEASURE, lu::LuRuler, Command::Measure),
        line(w::BACK_TO_LIVE, lu::LuActivity, Command::Live),
        line(w::THEME, lu::LuSunMoon, Command::Theme),
        line(w::TIME_FORMS, lu::LuClock, Command::Times),
        line(w::KEY_HELP, lu::LuKeyboard, Command::Help),
    ]);
    lines
}

/// The palette.
#[component]
pub(crate) fn Palette() -> impl IntoView {
    let app = expect_context::<App>();
    let dialog = NodeRef::<html::Dialog>::new();
    let input = NodeRef::<html::Input>::new();
    follow(dialog, app.palette);
    let typed = RwSignal::new(String::new());
    let chosen = RwSignal::new(0_usize);
    Effect::new(move || {
        if app.palette.get() {
            typed.set(String::new());
            chosen.set(0);
            if let Some(input) = input.get_untracked() {
                // Typing elsewhere is the worst that can come of it.
                let _ = input.focus();
            }
        }
    });
    let lines = Memo::new_with_compare(
        move |_| {
            if !app.palette.get() {
                return Vec::new();
            }
            let typed = typed.get();
            let mut lines = commands();
            if !typed.is_empty() {
                lines.extend(app.live.devices().read_untracked().iter().map(|row| Line {
                    words: row.id.clone(),
                    icon: lu::LuCpu,
                    command: Command::Go(Route::Device(row.id.clone())),
                }));
            }
            let mut scored: Vec<(usize, Line)> = lines
                .into_iter()
                .filter_map(|line| Some((match_score(&typed, &line.words)?, line)))
                .collect();
            if !typed.is_empty() {
                scored.sort_by_key(|(score, _)| *score);
            }
            scored
                .into_iter()
                .take(MOST)
                .map(|(_, line)| line)
                .collect::<Vec<_>>()
        },
        |_, _| true,
    );
    let run = move |at: usize| {
        let line = lines.with_untracked(|lines| lines.get(at).cloned());
        app.palette.set(false);
        if let Some(line) = line {
            app.run(line.command);
        }
    };
    let keys = move |event: leptos::ev::KeyboardEvent| {
        let count = lines.with_untracked(Vec::len).max(1);
        match event.key().as_str() {
            "ArrowDown" => chosen.update(|at| *at = (*at + 1) % count),
            "ArrowUp" => chosen.update(|at| *at = (*at + count - 1) % count),
            "Enter" => run(chosen.get_untracked()),
            _ => return,
        }
        event.prevent_default();
    };
    view! {
        <dialog class="palette" node_ref=dialog aria-label=w::PALETTE on:close=move |_| app.palette.set(false)>
            <input
                node_ref=input
                type="text"
                role="combobox"
                aria-expanded="true"
                aria-label=w::PALETTE
                placeholder=w::PALETTE_HINT
                prop:value=move || typed.get()
                on:input=move |event| {
                    typed.set(event_target_value(&event));
                    chosen.set(0);
                }
                on:keydown=keys
            />
            <ul role="listbox">
                {move || {
                    lines
                        .get()
                        .into_iter()
                        .enumerate()
                        .map(|(at, line)| {
                            view! {
                                <li
                                    role="option"
                                    aria-selected=move || (chosen.get() == at).to_string()
                                    on:pointermove=move |_| chosen.set(at)
                                    on:click=move |_| run(at)
                                >
                                    <Ic icon=line.icon />
                                    {line.words}
                                </li>
                            }
                        })
                        .collect_view()
                }}
            </ul>
        </dialog>
    }
}
