//! Sensors: their values, and what they are set to.

use leptos::prelude::*;
use serde_json::json;

use super::Ctx;
use crate::{format, words as w};

/// The range of a slider for a quantity that names none: what its sensor measures (data sheets of
/// HTS221, LPS22HB).
pub(crate) fn range(quantity: &str, low: f64, high: f64) -> (f64, f64) {
    if low < high && low.is_finite() && high.is_finite() {
        return (low, high);
    }
    match quantity {
        "temperature" => (-40.0, 120.0),
        "humidity" => (0.0, 100.0),
        "pressure" => (260.0, 1_260.0),
        _ => (-1_000.0, 1_000.0),
    }
}

/// The sliders.
#[component]
pub(crate) fn Sensors(ctx: Ctx) -> impl IntoView {
    let names = Memo::new(move |_| {
        let detail = ctx.detail.read();
        let sensors = detail.iter().flat_map(|detail| &detail.sensors);
        sensors
            .map(|sensor| sensor.quantity.clone())
            .collect::<Vec<_>>()
    });
    let slider = move |quantity: String| {
        let sensor = {
            let quantity = quantity.clone();
            Memo::new(move |_| {
                let detail = ctx.detail.read();
                let mut sensors = detail.iter().flat_map(|detail| &detail.sensors);
                sensors.find(|sensor| sensor.quantity == quantity).cloned()
            })
        };
        // While somebody holds the slider, the value that comes does not move it.
        let held = RwSignal::new(None::<f64>);
        let value = move || {
            held.get()
                .or_else(|| sensor.read().as_ref().map(|sensor| sensor.value))
                .unwrap_or(0.0)
        };
        let unit = move || {
            sensor
                .read()
                .as_ref()
                .map(|sensor| sensor.unit.clone())
                .unwrap_or_default()
        };
        let (low, high) = sensor.with_untracked(|sensor| {
            sensor.as_ref().map_or((0.0, 100.0), |sensor| {
                range(&sensor.quantity, sensor.min, sensor.max)
            })
        });
        let generator = move || {
            sensor
                .read()
                .as_ref()
                .and_then(|sensor| sensor.generator.clone())
                .unwrap_or_default()
        };
        let name = quantity.clone();
        let set = move |event| {
            let value: f64 = event_target_value(&event).parse().unwrap_or(0.0);
            held.set(None);
            ctx.act(
                json!({ "sensor": { "quantity": name, "value": value } }),
                "",
            );
        };
        view! {
            <label class="sensor" title=generator>
                <span>{quantity.clone()}</span>
                <input
                    type="range"
                    data-sensor=quantity.clone()
                    min=low.to_string()
                    max=high.to_string()
                    step="any"
                    aria-label=quantity
                    prop:value=move || value().to_string()
                    on:input=move |event| held.set(event_target_value(&event).parse().ok())
                    on:change=set
                />
                <span class="value">{move || format::value(value(), &unit())}</span>
            </label>
        }
    };
    view! {
        <div class="card stack">
            <h2>{w::SENSORS}</h2>
            {move || names.read().is_empty().then(|| view! { <p class="dim">{w::NO_SENSORS}</p> })}
            <For each=move || names.get() key=String::clone children=slider />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn a_range_is_never_empty() {
        assert_eq!(range("temperature", 18.0, 34.0), (18.0, 34.0));
        assert_eq!(range("temperature", 0.0, 0.0), (-40.0, 120.0));
        assert_eq!(range("x", f64::NAN, 1.0), (-1_000.0, 1_000.0));
    }
}
