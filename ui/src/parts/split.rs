//! Two parts with a handle between them.

use leptos::{html, prelude::*};

use crate::keep;

/// Two parts, the first of a size that a person sets and that is kept.
#[component]
pub(crate) fn Split(
    /// Under which name the size is kept.
    name: &'static str,
    /// The first part's size in pixels until somebody sets it.
    size: f64,
    /// One above the other.
    #[prop(optional)]
    down: bool,
    /// The first part.
    first: AnyView,
    /// The second part, which takes what is left.
    second: AnyView,
) -> impl IntoView {
    let stored = keep::get(&format!("split-{name}")).and_then(|text| text.parse().ok());
    let size = RwSignal::new(stored.unwrap_or(size));
    let whole = NodeRef::<html::Div>::new();
    let dragging = StoredValue::new(false);
    let set = move |to: f64| {
        let most = whole.get_untracked().map_or(f64::MAX, |element| {
            f64::from(if down {
                element.client_height()
            } else {
                element.client_width()
            })
        });
        size.set(to.clamp(80.0, (most - 80.0).max(80.0)));
        keep::set(&format!("split-{name}"), &size.get_untracked().to_string());
    };
    let drag = move |event: leptos::ev::PointerEvent| {
        if !dragging.get_value() {
            return;
        }
        if let Some(element) = whole.get_untracked() {
            let area = element.get_bounding_client_rect();
            set(if down {
                f64::from(event.client_y()) - area.top()
            } else {
                f64::from(event.client_x()) - area.left()
            });
        }
    };
    let grab = move |event: leptos::ev::PointerEvent| {
        dragging.set_value(true);
        let handle: web_sys::Element = event_target(&event);
        // Without it the drag ends at the handle's edge, no more.
        let _ = handle.set_pointer_capture(event.pointer_id());
    };
    let keys = move |event: leptos::ev::KeyboardEvent| {
        let step = match event.key().as_str() {
            "ArrowLeft" | "ArrowUp" => -16.0,
            "ArrowRight" | "ArrowDown" => 16.0,
            _ => return,
        };
        event.prevent_default();
        set(size.get_untracked() + step);
    };
    let first_size = move |axis: bool| (axis == down).then(|| format!("{}px", size.get()));
    view! {
        <div class="split" class:down=down node_ref=whole>
            <div
                class="first"
                style:width=move || first_size(false)
                style:height=move || first_size(true)
            >
                {first}
            </div>
            <div
                class="handle"
                role="separator"
                tabindex="0"
                aria-orientation=if down { "horizontal" } else { "vertical" }
                on:pointerdown=grab
                on:pointermove=drag
                on:pointerup=move |_| dragging.set_value(false)
                on:keydown=keys
            ></div>
            <div class="second">{second}</div>
        </div>
    }
}
