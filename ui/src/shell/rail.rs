//! The rail at the left: where one can go.

use icondata_lu as lu;
use leptos::prelude::*;

use crate::{app::App, parts::Ic, route::Route, words as w};

/// Name and icon of an entry.
pub(crate) fn entry(route: &Route) -> (&'static str, icondata_core::Icon) {
    match route {
        Route::Start => (w::START, lu::LuHouse),
        Route::Fleet | Route::Device(_) => (w::FLEET, lu::LuCpu),
        Route::Charts => (w::CHARTS, lu::LuChartLine),
        Route::Journey => (w::JOURNEY, lu::LuWaypoints),
        Route::Twins(_) => (w::TWINS, lu::LuBoxes),
        Route::Workflows(_) => (w::WORKFLOWS, lu::LuWorkflow),
        Route::Scenarios(_) => (w::SCENARIOS, lu::LuFlaskConical),
        Route::Recordings | Route::Recording(..) => (w::RECORDINGS, lu::LuFilm),
        Route::Machines => (w::MACHINES, lu::LuServer),
    }
}

/// The rail.
#[component]
pub(crate) fn Rail() -> impl IntoView {
    let app = expect_context::<App>();
    let link = move |route: Route| {
        let (name, icon) = entry(&route);
        let hash = route.hash();
        let here = move || app.route.read().belongs_to(&route).then_some("page");
        view! {
            <a href=hash aria-current=here>
                <Ic icon=icon />
                {name}
            </a>
        }
    };
    view! { <nav class="rail" aria-label=w::VIEWS>{Route::rail().map(link)}</nav> }
}
