//! The fleet: one row a device, thousands of them.

use std::{collections::BTreeSet, sync::Arc};

use icondata_lu as lu;
use leptos::prelude::*;
use serde_json::{Value, json};

use crate::{
    app::{App, Pick},
    format,
    parts::{Column, Empty, Glow, Grid, Ic, Order, Spark, Sure},
    route::Route,
    state::LiveStoreFields as _,
    wire::DeviceRow,
    words as w,
};

const COLUMNS: [Column; 8] = [
    Column::fixed(""),
    Column::new(w::DEVICE_COLUMN),
    Column::new(w::BOARD),
    Column::new(w::BACKEND),
    Column::new(w::LAST_MESSAGE),
    Column::new(w::PINNED),
    Column::fixed(w::TREND),
    Column::new(w::ALERT),
];
const WIDTHS: &str =
    "44px minmax(140px, 1.4fr) minmax(90px, 0.7fr) 90px 120px 150px 104px minmax(100px, 1fr)";

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Filter {
    /// Part of id, board, backend or tag.
    pub(crate) text: String,
    /// The state; empty for all.
    pub(crate) state: String,
    /// The backend; empty for all.
    pub(crate) backend: String,
    /// The tag; empty for all.
    pub(crate) tag: String,
    /// Only those with an alert.
    pub(crate) alert: bool,
}

impl Filter {
    fn fits(&self, row: &DeviceRow) -> bool {
        let text = self.text.trim().to_lowercase();
        let has = |part: &str| part.to_lowercase().contains(&text);
        let found = text.is_empty()
            || has(&row.id)
            || has(&row.backend)
            || row.board.as_deref().is_some_and(has)
            || row.tags.iter().any(|tag| has(tag));
        found
            && (self.state.is_empty() || state_name(row) == self.state)
            && (self.backend.is_empty() || row.backend == self.backend)
            && (self.tag.is_empty() || row.tags.contains(&self.tag))
            && (!self.alert || row.alert.is_some())
    }
}

/// The state's name.
pub(crate) fn state_name(row: &DeviceRow) -> &str {
    &row.state
}

/// The colour class of a state.
pub(crate) fn state_class(row: &DeviceRow) -> &'static str {
    match state_name(row) {
        _ if row.alert.is_some() => "bad",
        "running" => "ok",
        "lockup" => "bad",
        "unconnected" => "warn",
        _ => "",
    }
}

/// Ids that fit, in order. The order is that of the moment: values that change later move no row.
pub(crate) fn arrange(rows: &[DeviceRow], filter: &Filter, order: Order) -> Vec<String> {
    let mut kept: Vec<&DeviceRow> = rows.iter().filter(|row| filter.fits(row)).collect();
    let pinned = |row: &DeviceRow| {
        row.pinned
            .as_ref()
            .map_or(f64::NEG_INFINITY, |pinned| pinned.value)
    };
    match order.column {
        2 => kept.sort_by(|a, b| a.board.cmp(&b.board)),
        3 => kept.sort_by(|a, b| a.backend.cmp(&b.backend)),
        4 => kept.sort_by_key(|row| row.last_message_at),
        5 => kept.sort_by(|a, b| pinned(a).total_cmp(&pinned(b))),
        7 => kept.sort_by(|a, b| a.alert.cmp(&b.alert)),
        // They come sorted by id.
        _ => {}
    }
    if order.down {
        kept.reverse();
    }
    kept.into_iter().map(|row| row.id.clone()).collect()
}

/// The view.
#[component]
pub(crate) fn Fleet() -> impl IntoView {
    let app = expect_context::<App>();
    let filter = RwSignal::new(Filter::default());
    let order = RwSignal::new(Order {
        column: 1,
        down: false,
    });
    let ticked = RwSignal::new(BTreeSet::<String>::new());
    let devices = app.live.devices();
    let count = Memo::new(move |_| devices.read().len());
    // Values that change move nothing: only another filter, order or number of devices does, and
    // with a filter on what changes, once a second at most.
    let pulse = Memo::new(move |_| app.tick.get() / 4);
    let ids = Memo::new(move |_| {
        let filter = filter.get();
        count.get();
        if filter.alert || !filter.state.is_empty() {
            pulse.get();
        }
        Arc::new(arrange(&devices.read_untracked(), &filter, order.get()))
    });
    let selected = Memo::new(move |_| match app.pick.get() {
        Pick::Device(id) => ids.read().iter().position(|there| *there == id),
        _ => None,
    });
    let id_at = move |row: usize| ids.with_untracked(|ids| ids.get(row).cloned());
    let set = move |change: fn(&mut Filter, String)| {
        move |event| filter.update(|filter| change(filter, event_target_value(&event)))
    };
    let distinct = move |part: fn(&DeviceRow) -> Vec<String>| {
        count.get();
        let rows = devices.read_untracked();
        rows.iter().flat_map(part).collect::<BTreeSet<_>>()
    };
    let options = move |part: fn(&DeviceRow) -> Vec<String>| {
        move || {
            distinct(part)
                .into_iter()
                .map(|name| view! { <option value=name.clone()>{name.clone()}</option> })
                .collect_view()
        }
    };
    let chosen = move || ticked.get_untracked().into_iter().collect::<Vec<_>>();
    let bulk = move |what: Value| {
        move |()| {
            let body = json!({ "ids": chosen(), "do": what });
            app.act_then("/bench/devices/bulk".to_owned(), body, move |answer| {
                let failed = answer.get("failed").and_then(Value::as_object);
                match failed.and_then(|failed| failed.iter().next()) {
                    None => app.say("ok", w::DONE, ""),
                    Some((id, why)) => {
                        app.say(
                            "bad",
                            format!("{id}: {}", why.as_str().unwrap_or_default()),
                            "",
                        );
                    }
                }
            });
        }
    };
    let wifi = move |up: bool| move |_| bulk(json!({ "wifi": { "up": up } }))(());
    let cells = move |row: usize| {
        let id = Memo::new(move |_| ids.read().get(row).cloned().unwrap_or_default());
        let device = Memo::new(move |_| {
            crate::state::find(&devices.read(), &id.read())
                .cloned()
                .unwrap_or_default()
        });
        let text = move |part: fn(&DeviceRow) -> String| Memo::new(move |_| part(&device.read()));
        let board = text(|row| row.board.clone().unwrap_or_default());
        let backend = text(|row| row.backend.clone());
        let alert = text(|row| row.alert.clone().unwrap_or_default());
        let pinned = text(|row| {
            row.pinned.as_ref().map_or_else(
                || "\u{2013}".to_owned(),
                |pinned| format::value(pinned.value, &pinned.unit),
            )
        });
        let last = Memo::new(move |_| device.read().last_message_at);
        let class = Memo::new(move |_| state_class(&device.read()));
        let state = text(|row| state_name(row).to_owned());
        let spark = Memo::new(move |_| {
            device
                .read()
                .pinned
                .as_ref()
                .map(|pinned| pinned.spark.clone())
                .unwrap_or_default()
        });
        let tick = move |event: leptos::ev::MouseEvent| {
            event.stop_propagation();
            ticked.update(|ticked| {
                let id = id.get_untracked();
                if !ticked.remove(&id) {
                    ticked.insert(id);
                }
            });
        };
        view! {
            <span class="row">
                <input type="checkbox" tabindex="-1" aria-label=w::SELECTED prop:checked=move || ticked.read().contains(&*id.read()) on:click=tick />
                <span class=move || format!("dot {}", class.get()) title=move || state.get() data-state=move || state.get()></span>
            </span>
            <span class="mono">{move || id.get()}</span>
            <span class="row">
                {move || (board.get() == "az3166").then(|| view! { <BoardIcon /> })}
                {move || board.get()}
            </span>
            <span class="dim">{move || backend.get()}</span>
            <span class="mono">{move || last.get().map_or_else(|| w::NEVER.to_owned(), |at| app.time(at))}</span>
            <span class="number"><Glow text=pinned /></span>
            <Spark values=spark />
            <span class="bad">{move || alert.get()}</span>
        }
        .into_any()
    };
    view! {
        <div class="head">
            <h1>{w::FLEET}</h1>
            <span class="dim" data-test="fleet-count">
                {move || {
                    let (shown, all) = (ids.read().len() as u64, count.get() as u64);
                    if shown == all { format::count(all, w::DEVICE) } else { format!("{} / {}", format::whole(shown), format::count(all, w::DEVICE)) }
                }}
            </span>
            <input
                data-filter=""
                data-test="search"
                type="search"
                size="26"
                placeholder=w::SEARCH_DEVICES
                aria-label=w::SEARCH_DEVICES
                on:input=set(|filter, text| filter.text = text)
            />
            <select aria-label=w::STATE on:change=set(|filter, text| filter.state = text)>
                <option value="">{w::ALL_STATES}</option>
                {options(|row| vec![state_name(row).to_owned()])}
            </select>
            <select aria-label=w::BACKEND on:change=set(|filter, text| filter.backend = text)>
                <option value="">{w::ALL_BACKENDS}</option>
                {options(|row| vec![row.backend.clone()])}
            </select>
            <select aria-label=w::ALL_TAGS on:change=set(|filter, text| filter.tag = text)>
                <option value="">{w::ALL_TAGS}</option>
                {options(|row| row.tags.clone())}
            </select>
            <label class="row">
                <input type="checkbox" on:change=move |event| filter.update(|filter| filter.alert = event_target_checked(&event)) />
                {w::ALERTS_ONLY}
            </label>
        </div>
        <div class="head" role="toolbar" aria-label=w::SELECTED style:min-height="38px">
            <span class="dim" data-test="ticked">{move || format!("{} {}", ticked.read().len(), w::SELECTED)}</span>
            <button data-test="select-shown" on:click=move |_| ticked.set(ids.get_untracked().iter().cloned().collect())>{w::SELECT_SHOWN}</button>
            <button on:click=move |_| ticked.set(BTreeSet::new())>{w::CLEAR}</button>
            <Show when=move || !ticked.read().is_empty()>
                <button data-test="bulk-wifi-down" on:click=wifi(false)>
                    <Ic icon=lu::LuWifiOff />
                    {w::WIFI_DOWN}
                </button>
                <button data-test="bulk-wifi-up" on:click=wifi(true)>
                    <Ic icon=lu::LuWifi />
                    {w::WIFI_UP}
                </button>
                <Sure label=w::RESET act=Callback::new(bulk(json!("reset"))) />
                <Sure label=w::DISCONNECT act=Callback::new(bulk(json!("disconnect"))) />
            </Show>
        </div>
        {move || {
            if count.get() == 0 {
                return view! {
                    <Empty what=w::NO_DEVICES how=w::NO_DEVICES_HOW>
                        <a class="button" href=Route::Start.hash()>{w::START}</a>
                    </Empty>
                }
                .into_any();
            }
            let none = Memo::new(move |_| ids.read().is_empty());
            view! {
                {move || none.get().then(|| view! {
                    <Empty what=w::NO_MATCH how=w::NO_MATCH_HOW>
                        <button on:click=move |_| filter.set(Filter::default())>{w::CLEAR}</button>
                    </Empty>
                })}
                <Grid
                    label=w::FLEET
                    columns=&COLUMNS
                    widths=WIDTHS
                    rows=Signal::derive(move || ids.read().len())
                    order=order
                    selected=selected
                    select=move |row| {
                        if let Some(id) = id_at(row) {
                            app.pick.set(Pick::Device(id));
                        }
                    }
                    open=move |row| {
                        if let Some(id) = id_at(row) {
                            app.go(&Route::Device(id));
                        }
                    }
                    cells=cells
                />
            }
            .into_any()
        }}
    }
}

/// The board, 24 pixels high.
#[component]
fn BoardIcon() -> impl IntoView {
    view! {
        <svg width="36" height="22" viewBox="0 0 36 22" aria-hidden="true">
            <rect x="0.5" y="0.5" width="35" height="21" rx="3" fill="#14395c" />
            <rect x="8" y="4" width="16" height="9" rx="1" fill="#05080b" />
            <rect x="26" y="3" width="7" height="7" fill="#a9afb6" />
            <circle cx="6" cy="17" r="2" fill="#c9ced3" />
            <circle cx="29" cy="17" r="2" fill="#c9ced3" />
            <circle cx="13" cy="17" r="1.2" fill="#57c467" />
            <circle cx="17" cy="17" r="1.2" fill="#4aa3ff" />
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Pinned;

    fn row(id: &str, value: f64, alert: Option<&str>) -> DeviceRow {
        DeviceRow {
            id: id.into(),
            backend: if value > 5.0 { "emulator" } else { "simulated" }.into(),
            alert: alert.map(str::to_owned),
            tags: vec![format!("floor={}", id.len())],
            pinned: Some(Pinned {
                value,
                ..Pinned::default()
            }),
            ..DeviceRow::default()
        }
    }

    fn check(filter: &Filter, order: Order, ids: &[&str]) {
        let rows = [
            row("a", 3.0, None),
            row("bb", 9.0, Some("hot")),
            row("c", 1.0, None),
        ];
        assert_eq!(arrange(&rows, filter, order), ids);
    }

    #[test]
    fn filters_and_orders() {
        let none = Filter::default();
        let by = |column, down| Order { column, down };
        check(&none, by(1, false), &["a", "bb", "c"]);
        check(&none, by(5, false), &["c", "a", "bb"]);
        check(&none, by(5, true), &["bb", "a", "c"]);
        let filter = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            filter
        };
        check(&filter(|f| f.text = "B".into()), by(1, false), &["bb"]);
        check(
            &filter(|f| f.text = "FLOOR=1".into()),
            by(1, true),
            &["c", "a"],
        );
        check(&filter(|f| f.alert = true), by(1, false), &["bb"]);
        check(
            &filter(|f| f.backend = "simulated".into()),
            by(1, false),
            &["a", "c"],
        );
        check(&filter(|f| f.tag = "floor=2".into()), by(1, false), &["bb"]);
    }
}
