//! Small components of our own, on the tokens of the style sheets.

mod ask;
mod field;
mod glow;
mod icon;
mod json;
mod list;
mod menu;
mod spark;
mod split;
mod states;
mod tabs;
mod tree;

pub(crate) use ask::Sure;
pub(crate) use field::Field;
pub(crate) use glow::Glow;
pub(crate) use icon::Ic;
pub(crate) use json::JsonEdit;
pub(crate) use list::{Column, Grid, Order, watch_size};
pub(crate) use menu::Menu;
pub(crate) use spark::Spark;
pub(crate) use split::Split;
pub(crate) use states::{Empty, Loading, Note, TroubleBox};
pub(crate) use tabs::{Tab, Tabs};
pub(crate) use tree::{Tree, changes, pretty};
