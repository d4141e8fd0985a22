//! The MXChip AZ3166, drawn to scale: 1 unit is a tenth of a millimetre.

use std::collections::BTreeMap;

use leptos::prelude::*;

use crate::words as w;

/// An LED of the board: name in the board file, label, colour when lit, place.
const LEDS: [(&str, &str, &str, f64); 3] = [
    ("led-wifi", "WiFi", "#57c467", 250.0),
    ("led-azure", "Azure", "#4aa3ff", 320.0),
    ("led-user", "User", "#f0b14a", 390.0),
];

/// The colour of the RGB LED when its three parts are so bright.
pub(crate) fn rgb(leds: &BTreeMap<String, f64>) -> String {
    let part = |name: &str| {
        let level = leds.get(name).copied().unwrap_or(0.0).clamp(0.0, 1.0);
        // Dark plastic when it is off, as the other LEDs.
        (58.0 + level * 197.0).round() as u8
    };
    format!(
        "rgb({},{},{})",
        part("rgb-red"),
        part("rgb-green"),
        part("rgb-blue")
    )
}

/// Whether an LED is lit.
fn lit(leds: &BTreeMap<String, f64>, name: &str) -> bool {
    leds.get(name).is_some_and(|level| *level > 0.0)
}

/// The board with live LEDs, display and buttons.
#[component]
pub(crate) fn Board(
    /// Levels of the LEDs by the board's names, 0 to 1.
    #[prop(into)]
    leds: Signal<BTreeMap<String, f64>>,
    /// The lit pixels of the display, as an SVG path of 128 by 64.
    #[prop(into)]
    picture: Signal<String>,
    /// A button goes down (`true`) or up.
    #[prop(into)]
    press: Callback<(&'static str, bool)>,
) -> impl IntoView {
    let lights = LEDS.map(|(name, label, color, x)| {
        let on = Memo::new(move |_| lit(&leds.read(), name));
        let fill = move || if on.get() { color } else { "#3a3a3a" };
        let shine = move || if on.get() { "0.45" } else { "0" };
        view! {
            <g data-led=name data-on=move || on.get().to_string()>
                <circle cx=x cy="376" r="26" fill=color opacity=shine />
                <rect x=x - 11.0 y="366" width="22" height="20" rx="4" fill=fill stroke="#d9d9d9" stroke-width="2" />
                <text x=x y="412" fill="#e8eef2" font-size="20" text-anchor="middle">{label}</text>
                <title>{move || format!("{label}: {}", if on.get() { w::LED_ON } else { w::LED_OFF })}</title>
            </g>
        }
    });
    let button = move |name: &'static str, label: &'static str, x: f64| {
        let held = RwSignal::new(false);
        let set = move |down: bool| {
            if held.get_untracked() != down {
                held.set(down);
                press.run((name, down));
            }
        };
        let key = move |event: leptos::ev::KeyboardEvent, down: bool| {
            if event.key() == "Enter" || event.key() == " " {
                event.prevent_default();
                event.stop_propagation();
                set(down);
            }
        };
        let title = format!("{} {label}", w::BUTTON);
        view! {
            <g
                class="press"
                role="button"
                tabindex="0"
                data-button=name
                aria-label=title
                aria-pressed=move || held.get().to_string()
                on:pointerdown=move |event| {
                    event.prevent_default();
                    set(true);
                }
                on:pointerup=move |_| set(false)
                on:pointerleave=move |_| set(false)
                on:keydown=move |event| key(event, true)
                on:keyup=move |event| key(event, false)
            >
                <rect x=x - 46.0 y="352" width="92" height="92" rx="10" fill="#c9ced3" />
                <circle cx=x cy="398" r="32" fill=move || if held.get() { "#6b7076" } else { "#23272b" } />
                <text x=x y="338" fill="#e8eef2" font-size="26" text-anchor="middle">{label}</text>
            </g>
        }
    };
    let pins = (0..20).map(|n| {
        let x = 60.0 + f64::from(n) * 35.5;
        view! { <rect x=x y="452" width="22" height="48" fill="#d8b04a" /> }
    });
    view! {
        <div class="board">
            <svg viewBox="0 0 810 510" role="group" aria-label=w::BOARD_AZ3166>
                <rect x="4" y="4" width="802" height="502" rx="26" fill="#14395c" stroke="#0d2740" stroke-width="4" />
                {pins.collect_view()}
                <rect x="52" y="0" width="96" height="60" rx="6" fill="#b9bec4" />
                <rect x="66" y="2" width="68" height="12" rx="3" fill="#5a5f65" />
                <rect x="570" y="24" width="196" height="150" rx="6" fill="#a9afb6" />
                <text x="668" y="92" fill="#30363c" font-size="26" text-anchor="middle">"EMW3166"</text>
                <text x="668" y="122" fill="#30363c" font-size="17" text-anchor="middle">"STM32F412 \u{b7} Wi-Fi"</text>
                <rect x="700" y="182" width="66" height="66" fill="#111" rx="3" />
                <rect x="588" y="196" width="34" height="26" fill="#1d1f22" rx="2" />
                <text x="605" y="244" fill="#9fc0da" font-size="16" text-anchor="middle">"HTS221"</text>
                <rect x="642" y="196" width="28" height="26" fill="#1d1f22" rx="2" />
                <text x="656" y="262" fill="#9fc0da" font-size="16" text-anchor="middle">"LPS22HB"</text>
                <rect x="56" y="196" width="34" height="34" fill="#1d1f22" rx="2" />
                <text x="73" y="250" fill="#9fc0da" font-size="16" text-anchor="middle">"LSM6DSL"</text>
                <g data-led="rgb">
                    <rect x="56" y="108" width="40" height="40" rx="6" fill="#f2f2f2" />
                    <circle cx="76" cy="128" r="15" fill=move || rgb(&leds.read()) />
                    <text x="76" y="172" fill="#e8eef2" font-size="18" text-anchor="middle">"RGB"</text>
                </g>
                <rect x="150" y="72" width="392" height="236" rx="8" fill="#0b0d10" stroke="#2c3a46" stroke-width="3" />
                <svg class="oled" x="164" y="88" width="364" height="182" viewBox="0 0 128 64" preserveAspectRatio="none" data-test="oled">
                    <rect width="128" height="64" fill="#05080b" />
                    <path d=move || picture.get() fill="#9fe8ff" shape-rendering="crispEdges" />
                </svg>
                {lights}
                {button("a", "A", 130.0)}
                {button("b", "B", 680.0)}
                <text x="530" y="420" fill="#9fc0da" font-size="24" text-anchor="middle">"AZ3166"</text>
            </svg>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rgb_led_mixes_its_parts() {
        let leds =
            |parts: &[(&str, f64)]| parts.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
        assert_eq!(rgb(&leds(&[])), "rgb(58,58,58)");
        assert_eq!(
            rgb(&leds(&[("rgb-red", 1.0), ("rgb-blue", 0.5)])),
            "rgb(255,58,157)"
        );
        assert!(lit(&leds(&[("led-user", 1.0)]), "led-user"));
        assert!(!lit(&leds(&[("led-user", 0.0)]), "led-user"));
    }
}
