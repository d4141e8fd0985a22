//! A value that glows when it changes.

use leptos::prelude::*;

/// A text that glows for a moment when it changes. The element stays, so two animations that look
/// the same take turns: only another name starts one anew.
#[component]
pub(crate) fn Glow(#[prop(into)] text: Signal<String>) -> impl IntoView {
    let memo = Memo::new(move |_| text.get());
    let turns = StoredValue::new(0_u32);
    let class = Memo::new(move |_| {
        memo.track();
        let turn = turns.get_value();
        turns.set_value(turn.wrapping_add(1));
        match turn {
            0 => "",
            _ if turn.is_multiple_of(2) => "glow-even",
            _ => "glow-odd",
        }
    });
    view! { <span class=move || class.get()>{move || memo.get()}</span> }
}
