//! Icons of the Lucide set (ISC licence).

use leptos::{prelude::*, svg};

/// An icon of the size of the text beside it. It says nothing to a screen reader: the button
/// around it does.
#[component]
pub(crate) fn Ic(icon: icondata_core::Icon) -> impl IntoView {
    svg::svg()
        .attr("class", "lu")
        .attr("viewBox", icon.view_box)
        .attr("fill", "none")
        .attr("stroke", "currentColor")
        .attr("stroke-width", "2")
        .attr("stroke-linecap", "round")
        .attr("stroke-linejoin", "round")
        .attr("aria-hidden", "true")
        .child(svg::InertElement::new(format!("<g>{}</g>", icon.data)))
}
