//! The two query languages of the hub, over JSON documents.
//!
//! [`Query`] is the language of twins and jobs, `SELECT … FROM devices WHERE …`;
//! [`RouteQuery`] is the condition of a message route, `$body.temperature > 30 AND level = 'hot'`.
//! They share expressions, operators and functions ("IoT Hub query language for device and module
//! twins, jobs, and message routing"), and both are parsed once and evaluated many times.
//!
//! What the documentation leaves open is decided here:
//!
//! - A missing property is *undefined*, and so is what is calculated or compared with it. `AND`,
//!   `OR` and `NOT` know three values; only *true* selects.
//! - `=` between values of different types is false and `<>` true; `<`, `<=`, `>`, `>=` between
//!   them, and any comparison of objects or arrays, is undefined.
//! - Words of the language, functions and a document's first names (`deviceId`) are found in any
//!   case; the names within tags and properties exactly as written.
//! - A column without alias has its path's last name; an aggregate `$1`, `$2` by its place.
//! - There is no `ORDER BY`, as in the cloud: rows come by device id, then module or job id.

mod cursor;
mod error;
mod eval;
mod expr;
mod function;
mod parse;
mod path;
mod print;
mod route;
mod select;
#[cfg(test)]
mod tests;
mod token;

pub use cursor::{Continuation, ContinuationError};
pub use error::QueryError;
pub use eval::{Document, Scope, Term};
pub use expr::{Binary, Expr, Literal};
pub use function::Function;
pub use path::{Path, Step};
pub use route::{RouteMessage, RouteQuery};
pub use select::{Aggregate, Collection, Column, Columns, Page, Query};

/// Longest text of a query, in characters ("Query expressions can have a maximum length of 8192
/// characters").
pub const MAX_LENGTH: usize = 8_192;
