//! The start page: this bench, others, a new one.

use icondata_lu as lu;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::read::{Asked, part, text};
use crate::{
    app::App,
    format, keep,
    parts::{Field, Ic},
    route::Route,
    state::{LiveStoreFields as _, list_of},
    words as w,
};

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
    let open =
        move |file: String| app.act("/bench/open", json!({ "file": file }), w::NEW_BENCH_MADE);
    view! {
        <div class="scroll">
            <div class="start">
                <div class="hero">
                    <img src="icon.svg" width="56" height="56" alt="" />
                    <div>
                        <h1>{w::TITLE}</h1>
                        <p class="dim">{w::WELCOME}</p>
                    </div>
                </div>
                <section class="card">
                    <h2>{w::THIS_BENCH} ": " <span data-test="this-bench">{move || name.get().map(|(name, _)| name)}</span></h2>
                    <p class="dim">{move || name.get().map(|(_, devices)| format::count(devices, w::DEVICE))}</p>
                    <div class="choices" style:margin-top="12px">
                        <a class="button choice" data-test="see-telemetry" href=Route::Charts.hash()>
                            <Ic icon=lu::LuChartLine />
                            {w::SEE_TELEMETRY}
                        </a>
                        {move || board.get().map(|id| (Route::Device(id.clone()).hash(), id)).map(|(hash, id)| view! {
                            <a class="button choice" data-test="see-board" href=hash>
                                <Ic icon=lu::LuCpu />
                                {w::SEE_BOARD} " " <span class="mono">{id}</span>
                            </a>
                        })}
                        <a class="button choice" href=Route::Fleet.hash()>
                            <Ic icon=lu::LuList />
                            {w::SEE_FLEET}
                        </a>
                    </div>
                </section>
                <section class="card">
                    <h2>{w::EXAMPLES}</h2>
                    <p class="hint">{w::EXAMPLES_HOW}</p>
                    <div class="choices" style:margin-top="12px">
                        {move || {
                            let found = list_of(&part(&benches.value().unwrap_or_default(), &["benches", "examples"]));
                            if found.is_empty() {
                                return view! { <p class="dim">{w::NO_EXAMPLES}</p> }.into_any();
                            }
                            found.into_iter().map(|bench| {
                                let file = text(&bench, &["file", "path"]);
                                let shown = file.clone();
                                view! {
                                    <button class="choice" on:click=move |_| open(file.clone())>
                                        <Ic icon=lu::LuPlay />
                                        <span class="what"><strong>{text(&bench, &["name"])}</strong><span class="dim mono">{shown}</span></span>
                                    </button>
                                }
                            }).collect_view().into_any()
                        }}
                    </div>
                </section>
                <section class="card">
                    <h2>{w::RECENT}</h2>
                    <div class="choices">
                        {move || {
                            let here = name.get().map(|(name, _)| name);
                            list.get().into_iter().map(|bench| {
                                let runs = (here.as_ref() == Some(&bench.name)).then(|| view! { <span class="tag ok">{w::RUNS}</span> });
                                view! {
                                    <div class="row"><Ic icon=lu::LuFolder /><span>{bench.name}</span><span class="dim">{format::count(bench.devices, w::DEVICE)}</span>{runs}</div>
                                }
                            }).collect_view()
                        }}
                    </div>
                    <h2 style:margin-top="16px">{w::RECENT_SESSIONS}</h2>
                    <div class="choices">
                        {move || sessions.rows().into_iter().take(6).map(|session| view! {
                            <a href=Route::Recordings.hash() class="row"><Ic icon=lu::LuFilm /><span class="mono">{text(&session, &["name", "file", "path"])}</span></a>
                        }).collect_view()}
                    </div>
                </section>
                <NewBench />
            </div>
        </div>
    }
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
            "name": name.get_untracked(),
            "board": board.get_untracked(),
            "backend": backend.get_untracked(),
            "firmware": firmware.get_untracked(),
        });
        app.act("/bench/new", body, w::NEW_BENCH_MADE);
    };
    let bind = |signal: RwSignal<String>| move |event| signal.set(event_target_value(&event));
    view! {
        <form class="card stack" data-test="new-bench" on:submit=make>
            <h2>{w::NEW_BENCH}</h2>
            <Field label=w::NEW_BENCH_NAME><input prop:value=move || name.get() on:input=bind(name) required=true /></Field>
            <Field label=w::BOARD>
                <select on:change=bind(board)>
                    <option value="az3166">"MXChip AZ3166"</option>
                    <option value="stm32f4discovery">"STM32F4 Discovery"</option>
                </select>
            </Field>
            <Field label=w::BACKEND>
                <select on:change=bind(backend)>
                    <option value="emulator">"emulator"</option>
                    <option value="simulated">"simulated"</option>
                    <option value="renode">"renode"</option>
                    <option value="probe">"probe"</option>
                </select>
            </Field>
            <Field label=w::FIRMWARE><input class="mono" prop:value=move || firmware.get() on:input=bind(firmware) /></Field>
            <div class="row"><button class="primary">{w::NEW_BENCH_MAKE}</button><span class="hint">{w::DROP_ELF}</span></div>
        </form>
    }
}

/// Whether bytes begin as an ELF file does (System V ABI, "ELF Identification").
pub(crate) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x7fELF")
}

/// What the bench is told of a dropped file.
pub(crate) fn dropped(name: &str, bytes: &[u8]) -> Option<Value> {
    let stem = name
        .rsplit('/')
        .next()
        .unwrap_or(name)
        .trim_end_matches(".elf")
        .to_owned();
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
    }
}
