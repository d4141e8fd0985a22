//! Charts on canvas: panes that a person looks into.
//!
//! `plot` draws them; here are the canvas, the gestures, the data and what leaves as a file.

mod canvas;
mod data;
mod desk;
mod export;
mod pane;
mod time_view;
mod turns;

pub(crate) use canvas::theme_of_page;
pub(crate) use data::{Channels, Kind, rows};
pub(crate) use desk::{
    Desk, DeskBar, Export, PaneSpec, Panes, forget_layout, layouts, save_layout,
};
pub(crate) use time_view::TimeView;
