//! The start page: this bench, others, a new one.

use icondata_lu as lu;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::read::{Asked, part, text};
use crate::{
    app::App,
    format, keep,
    parts::{Field, Glow, Ic, Spark},
    route::Route,
    state::{LiveStoreFields as _, list_of},
    words as w,
};

/// Devices that stand on the start page.
const TILES: usize = 6;

/// A bench that was open on this page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recent {
    /// Its name.
    name: String,
    /// How many devices it had.
    devices: u64,
}

/// The list with one more in front; at most eight, each once.
pub(crate) fn remembered(mut list: Vec<Recent>, new: Recent) -> Vec<Recent> {
    list.retain(|there| there.name != new.name);
    list.insert(0, new);
    list.truncate(8);
    list
}

fn recent() -> Vec<Recent> {
    keep::get("recent")
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// The view.
#[component]
pub(crate) fn Start() -> impl IntoView {
    let app = expect_context::<App>();
    let status = app.live.status();
    let name = Memo::new(move |_| {
        status
            .read()
            .as_ref()
            .map(|status| (status.bench.bench.clone(), status.bench.devices))
    });
    let list = RwSignal::new(recent());
    Effect::new(move || {
        if let Some((name, devices)) = name.get() {
            let now = remembered(list.get_untracked(), Recent { name, devices });
            keep::set("recent", &serde_json::to_string(&now).unwrap_or_default());
            list.set(now);
        }
    });
    let board = Memo::new(move |_| {
        let rows = app.live.devices().read();
        rows.iter()
            .find(|row| row.board.is_some())
            .or(rows.first())
            .map(|row| row.id.clone())
    });
    let benches = Asked::new(app, "/bench/benches", 0);
    let sessions = Asked::new(app, "/bench/recordings", 0);
    let rows = Memo::new(move |_| app.live.devices().read().len().min(TILES));
    let known = Memo::new(move |_| {
        list_of(&part(
            &benches.value().unwrap_or_default(),
            &["benches", "examples"],
        ))
    });
    view! {
        <div class="scroll">
            <div class="start">
                <div class="hero">
                    <img src="icon.svg" width="48" height="48" alt="" />
                    <div>
                        <h1>{w::TITLE}</h1>
                        <p class="dim">{w::WELCOME}</p>
                    </div>
                </div>
                <section class="card">
                    <h2>
                        {w::THIS_BENCH} ": "
                        <span data-test="this-bench">{move || name.get().map(|(name, _)| name)}</span>
                        <span class="dim">{move || name.get().map(|(_, devices)| format!("  {}", format::count(devices, w::DEVICE)))}</span>
                    </h2>
                    <div class="tiles">
                        <For each=move || 0..rows.get() key=|at| *at children=move |at| view! { <Tile at /> } />
                    </div>
                    <div class="row wrap">
                        <a class="button primary" data-test="see-telemetry" href=Route::Charts.hash()>
                            <Ic icon=lu::LuChartLine />
                            {w::SEE_TELEMETRY}
                        </a>
                        {move || board.get().map(|id| (Route::Device(id.clone()).hash(), id)).map(|(hash, id)| view! {
                            <a class="button" data-test="see-board" href=hash>
                                <Ic icon=lu::LuCpu />
                                {w::SEE_BOARD} " " <span class="mono">{id}</span>
                            </a>
                        })}
                        <a class="button" href=Route::Fleet.hash()>
                            <Ic icon=lu::LuList />
                            {w::SEE_FLEET}
                        </a>
                    </div>
                </section>
                <section class="card" data-test="examples">
                    <h2>{w::EXAMPLES}</h2>
                    <p class="hint">{w::EXAMPLES_HOW}</p>
                    <div class="choices">
                        {move || {
                            let found = known.get();
                            if found.is_empty() {
                                return view! { <p class="dim">{w::NO_EXAMPLES}</p> }.into_any();
                            }
                            let here = name.get().map(|(name, _)| name);
                            found.into_iter().map(|bench| {
                                let file = text(&bench, &["file", "path"]);
                                let called = text(&bench, &["name"]);
                                let devices = super::read::number(&bench, &["devices"]).unwrap_or(0);
                                let runs = (here.as_ref() == Some(&called)).then(|| view! { <span class="tag ok">{w::RUNS}</span> });
                                let (shown, key) = (file.clone(), called.clone());
                                view! {
                                    <button class="choice" data-example=key on:click=move |_| open(app, file.clone())>
                                        <Ic icon=lu::LuPlay />
                                        <span class="what"><strong>{called}</strong><span class="dim mono">{shown}</span></span>
                                        {runs}
                                        <span class="dim">{format::count(devices, w::DEVICE)}</span>
                                    </button>
                                }
                            }).collect_view().into_any()
                        }}
                    </div>
                </section>
                <NewBench />
                <section class="card" data-test="recent">
                    <h2>{w::RECENT}</h2>
                    <div class="choices">
                        {move || {
                            let here = name.get().map(|(name, _)| name);
                            let known = known.get();
                            list.get().into_iter().take(5).map(|bench| {
                                let runs = (here.as_ref() == Some(&bench.name)).then(|| view! { <span class="tag ok">{w::RUNS}</span> });
                                let file = known.iter().find(|there| text(there, &["name"]) == bench.name).map(|there| text(there, &["file", "path"]));
                                let there = file.is_some();
                                view! {
                                    <button class="choice line" disabled=!there on:click=move |_| if let Some(file) = file.clone() { open(app, file) }>
                                        <Ic icon=lu::LuFolder />
                                        <span class="what">{bench.name}</span>
                                        {runs}
                                        <span class="dim">{format::count(bench.devices, w::DEVICE)}</span>
                                    </button>
                                }
                            }).collect_view()
                        }}
                    </div>
                    <h2 style:margin-top="16px">{w::RECENT_SESSIONS}</h2>
                    <div class="choices">
                        {move || sessions.rows().into_iter().take(4).map(|session| {
                            let length = super::read::number(&session, &["length_ns", "length"]).map(format::span);
                            view! {
                                <a href=Route::Recording(text(&session, &["name"]), None).hash() class="button choice line" data-session=text(&session, &["name"])>
                                    <Ic icon=lu::LuFilm />
                                    <span class="what mono">{text(&session, &["name", "file", "path"])}</span>
                                    <span class="dim">{length}</span>
                                </a>
                            }
                        }).collect_view()}
                    </div>
                </section>
            </div>
        </div>
    }
}

/// A device of this bench with its newest value.
#[component]
fn Tile(at: usize) -> impl IntoView {
    let app = expect_context::<App>();
    let row = Memo::new(move |_| {
        let rows = app.live.devices().read();
        rows.get(at).cloned().unwrap_or_default()
    });
    let value = Memo::new(move |_| {
        row.read().pinned.as_ref().map_or_else(
            || "\u{2013}".to_owned(),
            |pinned| format::value(pinned.value, &pinned.unit),
        )
    });
    let spark = Memo::new(move |_| {
        let row = row.read();
        let pinned = row.pinned.as_ref();
        pinned
            .map(|pinned| pinned.spark.clone())
            .unwrap_or_default()
    });
    let what = move || {
        let row = row.read();
        row.board.clone().unwrap_or_else(|| row.backend.clone())
    };
    view! {
        <a class="tile" href=move || Route::Device(row.read().id.clone()).hash()>
            <span class=move || format!("dot {}", super::fleet::state_class(&row.read()))></span>
            <span class="what"><strong class="mono">{move || row.read().id.clone()}</strong><span class="dim">{what}</span></span>
            <Spark values=spark />
            <span class="number big"><Glow text=value /></span>
        </a>
    }
}

/// Opens a bench file: in a process that is asked to, with an API of its own.
pub(crate) fn open(app: App, file: String) {
    app.say("", format!("{} {file}", w::STARTING), "");
    app.act_then(
        "/bench/open".to_owned(),
        json!({ "file": file }),
        move |answer| {
            show(&answer);
        },
    );
}

/// Shows the bench that an answer tells of.
pub(crate) fn show(answer: &Value) {
    crate::place::go(
        &text(answer, &["origin"]),
        &text(answer, &["key"]),
        &text(answer, &["url"]),
    );
}

/// The form of a new bench.
#[component]
fn NewBench() -> impl IntoView {
    let app = expect_context::<App>();
    let name = RwSignal::new("my-bench".to_owned());
    let board = RwSignal::new("az3166".to_owned());
    let backend = RwSignal::new("emulator".to_owned());
    let firmware = RwSignal::new("fixtures/firmware/devkit.elf".to_owned());
    let make = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let body = json!({
            // A bench's name is a folder's too.
            "name": name.get_untracked().trim().replace(' ', "-"),
            "board": board.get_untracked(),
            "backend": backend.get_untracked(),
            "firmware": firmware.get_untracked(),
        });
        app.act_then("/bench/new".to_owned(), body, move |answer| {
            open(app, text(&answer, &["file"]));
        });
    };
    let bind = |signal: RwSignal<String>| move |event| signal.set(event_target_value(&event));
    let fields = move || backend.get() != "simulated";
    view! {
        <form class="card stack" data-test="new-bench" on:submit=make>
            <h2>{w::NEW_BENCH}</h2>
            <div class="fields">
                <Field label=w::NEW_BENCH_NAME><input data-test="new-name" prop:value=move || name.get() on:input=bind(name) required=true /></Field>
                <Field label=w::BACKEND>
                    <select data-test="new-backend" on:change=bind(backend)>
                        <option value="emulator">"emulator"</option>
                        <option value="simulated">"simulated (no firmware)"</option>
                        <option value="renode">"renode"</option>
                        <option value="probe">"probe (a real board)"</option>
                    </select>
                </Field>
                <Show when=fields>
                    <Field label=w::BOARD>
                        <select on:change=bind(board)>
                            <option value="az3166">"MXChip AZ3166"</option>
                            <option value="stm32f4discovery">"STM32F4 Discovery"</option>
                        </select>
                    </Field>
                    <Field label=w::FIRMWARE><input class="mono" prop:value=move || firmware.get() on:input=bind(firmware) /></Field>
                </Show>
            </div>
            <div class="row wrap"><button class="primary" data-test="make">{w::NEW_BENCH_MAKE}</button><span class="hint">{w::DROP_ELF}</span></div>
        </form>
    }
}

/// Whether bytes begin as an ELF file does (System V ABI, "ELF Identification").
pub(crate) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

/// Whether bytes begin as a recording does (MCAP specification, "Magic").
pub(crate) fn is_recording(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89MCAP0\r\n")
}

/// What the bench is told of a dropped file.
pub(crate) fn dropped(name: &str, bytes: &[u8]) -> Option<Value> {
    let stem = name
        .rsplit('/')
        .next()
        .unwrap_or(name)
        .trim_end_matches(".elf");
    // What the bench takes for a name, and no more.
    let stem: String = stem
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(48)
        .collect();
    is_elf(bytes).then(
        || json!({ "name": stem, "board": "az3166", "backend": "emulator", "file_name": name }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_is_remembered_once_and_first() {
        let bench = |name: &str| Recent {
            name: name.into(),
            devices: 1,
        };
        let list = (0..10).fold(Vec::new(), |list, n| {
            remembered(list, bench(&n.to_string()))
        });
        assert_eq!(list.len(), 8);
        let again = remembered(list, bench("5"));
        assert_eq!((again[0].name.as_str(), again.len()), ("5", 8));
    }

    #[test]
    fn only_an_elf_file_makes_a_bench() {
        let made = dropped("a/blinky.elf", b"\x7fELF\x01").unwrap();
        assert_eq!(made["name"], "blinky");
        assert!(dropped("picture.png", b"\x89PNG").is_none());
        assert!(is_recording(b"\x89MCAP0\r\n\x01") && !is_recording(b"\x89PNG"));
    }
}
