//! The fleet: one row a device.

use leptos::prelude::*;

use crate::view::{Known, Row};

/// The table of devices. Rows stay where they are while their values change.
#[component]
pub(crate) fn Fleet(known: RwSignal<Known>) -> impl IntoView {
    let ids = Memo::new(move |_| {
        let known = known.read();
        let devices = known
            .snapshot
            .iter()
            .flat_map(|snapshot| snapshot.devices.iter());
        devices
            .map(|device| device.device_id.clone())
            .collect::<Vec<_>>()
    });
    view! {
        <table class="fleet">
            <caption>"Devices"</caption>
            <thead>
                <tr>
                    <th scope="col">"Device"</th>
                    <th scope="col">"Name"</th>
                    <th scope="col" class="number">"Temperature"</th>
                    <th scope="col" class="number">"Humidity"</th>
                    <th scope="col">"Last reading (UTC, virtual)"</th>
                </tr>
            </thead>
            <tbody>
                <For each=move || ids.get() key=String::clone let:id>
                    <DeviceRow known id />
                </For>
            </tbody>
        </table>
    }
}

#[component]
fn DeviceRow(known: RwSignal<Known>, id: String) -> impl IntoView {
    let shown = id.clone();
    let row = Memo::new(move |_| {
        let known = known.read();
        let mut devices = known
            .snapshot
            .iter()
            .flat_map(|snapshot| snapshot.devices.iter());
        devices.find(|device| device.device_id == id).map(Row::from)
    });
    let cell = move |part: fn(Row) -> Option<String>| Memo::new(move |_| row.get().and_then(part));
    let name = cell(|row| row.name);
    let temperature = cell(|row| row.temperature);
    let humidity = cell(|row| row.humidity);
    let time = cell(|row| row.time);
    view! {
        <tr>
            <th scope="row" class="mono">{shown}</th>
            <td>{move || name.get().map_or_else(none, IntoAny::into_any)}</td>
            {value(temperature)}
            {value(humidity)}
            <td class="mono">{move || time.get().map_or_else(none, IntoAny::into_any)}</td>
        </tr>
    }
}

/// A cell whose value glows when it changes. The element stays, so two animations that look the
/// same take turns: only another name starts one anew.
fn value(text: Memo<Option<String>>) -> impl IntoView {
    let changes = StoredValue::new(0_u32);
    view! {
        <td class="number">
            {move || match text.get() {
                Some(text) => {
                    let count = changes.get_value();
                    changes.set_value(count.wrapping_add(1));
                    let glow = match count {
                        0 => "",
                        _ if count.is_multiple_of(2) => "glow-even",
                        _ => "glow-odd",
                    };
                    view! { <span class=glow>{text}</span> }.into_any()
                }
                None => none(),
            }}
        </td>
    }
}

/// What stands where there is no value yet.
fn none() -> AnyView {
    view! { <span class="none" title="no telemetry yet">"\u{2013}"</span> }.into_any()
}
