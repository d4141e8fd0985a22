//! A table of which only the rows that are seen exist.

use leptos::{html, prelude::*};
use wasm_bindgen::{JsCast as _, closure::Closure};

/// Rows made above and below what is seen, so that scrolling shows no empty space.
const SPARE: usize = 8;
/// Height of a row in pixels, as the style sheet has it.
pub(crate) const ROW: f64 = 28.0;

/// A column's heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    /// What it says.
    pub(crate) label: &'static str,
    /// Whether a click sorts by it.
    pub(crate) sorts: bool,
}

impl Column {
    /// A column that sorts.
    pub(crate) const fn new(label: &'static str) -> Self {
        Self { label, sorts: true }
    }

    /// A column that does not.
    pub(crate) const fn fixed(label: &'static str) -> Self {
        Self {
            label,
            sorts: false,
        }
    }
}

/// By which column, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Order {
    /// The column's place.
    pub(crate) column: usize,
    /// The largest first.
    pub(crate) down: bool,
}

impl Order {
    /// What a click on a column makes of it.
    pub(crate) const fn clicked(self, column: usize) -> Self {
        Self {
            column,
            down: self.column == column && !self.down,
        }
    }
}

/// Which rows exist when so much is scrolled and seen.
pub(crate) fn window(scrolled: f64, seen: f64, rows: usize) -> (usize, usize) {
    let first = ((scrolled / ROW).floor().max(0.0) as usize).min(rows);
    let count = (seen / ROW).ceil() as usize + 1;
    // Even starts, so that a row is not remade for every pixel.
    let from = first.saturating_sub(SPARE) & !3;
    (from, (first + count + SPARE).min(rows))
}

/// A table with a heading and rows that exist where they are seen. Arrow keys move the selection,
/// Enter opens.
#[component]
pub(crate) fn Grid<F>(
    /// What a screen reader calls it.
    label: &'static str,
    /// The headings.
    columns: &'static [Column],
    /// The widths, as CSS `grid-template-columns`.
    widths: &'static str,
    /// How many rows there are.
    #[prop(into)]
    rows: Signal<usize>,
    /// By which column they are sorted.
    #[prop(optional)]
    order: Option<RwSignal<Order>>,
    /// The selected row.
    #[prop(into)]
    selected: Signal<Option<usize>>,
    /// A row was selected.
    #[prop(into)]
    select: Callback<usize>,
    /// A row was opened: Enter or a double click.
    #[prop(into)]
    open: Callback<usize>,
    /// Makes the cells of a row.
    cells: F,
) -> impl IntoView
where
    F: Fn(usize) -> AnyView + Clone + Send + Sync + 'static,
{
    let body = NodeRef::<html::Div>::new();
    let scrolled = RwSignal::new(0.0);
    let seen = RwSignal::new(600.0);
    watch_height(body, seen);
    let shown = Memo::new(move |_| window(scrolled.get(), seen.get(), rows.get()));
    let keys = move |event: leptos::ev::KeyboardEvent| {
        let count = rows.get_untracked();
        let now = selected.get_untracked();
        let page = (seen.get_untracked() / ROW) as usize;
        let next = match event.key().as_str() {
            "ArrowDown" => now.map_or(0, |row| row + 1),
            "ArrowUp" => now.map_or(0, |row| row.saturating_sub(1)),
            "PageDown" => now.map_or(0, |row| row + page),
            "PageUp" => now.map_or(0, |row| row.saturating_sub(page)),
            "Home" => 0,
            "End" => count.saturating_sub(1),
            "Enter" => {
                if let Some(row) = now {
                    event.prevent_default();
                    open.run(row);
                }
                return;
            }
            _ => return,
        };
        event.prevent_default();
        if count == 0 {
            return;
        }
        let next = next.min(count - 1);
        select.run(next);
        if let Some(element) = body.get_untracked() {
            let top = next as f64 * ROW;
            let (from, height) = (f64::from(element.scroll_top()), seen.get_untracked());
            if top < from {
                element.set_scroll_top(top as i32);
            } else if top + ROW > from + height {
                element.set_scroll_top((top + ROW - height) as i32);
            }
        }
    };
    let heads = columns.iter().enumerate().map(|(at, column)| {
        let Some(order) = order.filter(|_| column.sorts) else {
            return view! { <span role="columnheader">{column.label}</span> }.into_any();
        };
        let sorted = move || match order.get() {
            Order { column, down } if column == at => {
                if down {
                    "descending"
                } else {
                    "ascending"
                }
            }
            _ => "none",
        };
        let sign = move || match sorted() {
            "ascending" => " \u{25b4}",
            "descending" => " \u{25be}",
            _ => "",
        };
        view! {
            <button
                role="columnheader"
                aria-sort=sorted
                on:click=move |_| order.update(|order| *order = order.clicked(at))
            >
                {column.label}
                {sign}
            </button>
        }
        .into_any()
    });
    let heads = heads.collect_view();
    view! {
        <div class="fill" role="grid" aria-label=label aria-rowcount=move || rows.get().to_string()>
            <div class="grid-head" role="row" style:grid-template-columns=widths>
                {heads}
            </div>
            <div
                class="virtual"
                tabindex="0"
                node_ref=body
                on:keydown=keys
                on:scroll=move |_| {
                    if let Some(element) = body.get_untracked() {
                        scrolled.set(f64::from(element.scroll_top()));
                    }
                }
            >
                <div class="rows" style:height=move || format!("{}px", rows.get() as f64 * ROW)>
                    <For
                        each=move || {
                            let (from, to) = shown.get();
                            from..to
                        }
                        key=|row| *row
                        children=move |row| {
                            let cells = cells.clone();
                            view! {
                                <div
                                    class="grid-row"
                                    role="row"
                                    style:position="absolute"
                                    style:left="0"
                                    style:right="0"
                                    style:top=format!("{}px", row as f64 * ROW)
                                    style:grid-template-columns=widths
                                    aria-selected=move || (selected.get() == Some(row)).to_string()
                                    on:click=move |_| select.run(row)
                                    on:dblclick=move |_| open.run(row)
                                >
                                    {cells(row)}
                                </div>
                            }
                        }
                    />
                </div>
            </div>
        </div>
    }
}

/// Keeps the height of an element in a signal.
pub(crate) fn watch_height(element: NodeRef<html::Div>, height: RwSignal<f64>) {
    watch_size(element, move |_, now| {
        height.try_set(now);
    });
}

/// Tells the size of an element whenever it changes.
pub(crate) fn watch_size(element: NodeRef<html::Div>, told: impl Fn(f64, f64) + 'static) {
    let told = std::rc::Rc::new(told);
    Effect::new(move || {
        let Some(element) = element.get() else {
            return;
        };
        let told = std::rc::Rc::clone(&told);
        let measure = {
            let element = element.clone();
            move || {
                told(
                    f64::from(element.client_width()),
                    f64::from(element.client_height()),
                );
            }
        };
        measure();
        let callback = Closure::<dyn Fn()>::new(measure);
        if let Ok(observer) = web_sys::ResizeObserver::new(callback.as_ref().unchecked_ref()) {
            observer.observe(&element);
            // Lives until the element or the view goes.
            StoredValue::new_local(Observing {
                observer,
                _callback: callback,
            });
        }
    });
}

/// A running observer with what it calls.
struct Observing {
    observer: web_sys::ResizeObserver,
    _callback: Closure<dyn Fn()>,
}

impl Drop for Observing {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_seen_exists() {
        let (from, to) = window(5_000.0 * ROW, 700.0, 10_000);
        assert!(from <= 5_000 && to >= 5_025);
        assert!(to - from < 60, "{from} {to}");
        assert_eq!(window(0.0, 700.0, 3), (0, 3));
        assert_eq!(window(1e9, 700.0, 10).1, 10);
        assert_eq!(window(-50.0, 700.0, 0), (0, 0));
    }

    #[test]
    fn a_second_click_turns_the_order_round() {
        let order = Order::default().clicked(2);
        assert_eq!(
            order,
            Order {
                column: 2,
                down: false
            }
        );
        assert!(order.clicked(2).down);
        assert!(!order.clicked(2).clicked(1).down);
    }
}
