//! Where the next page of an answer begins, as a token that a client carries.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Query;

/// The place after a page. Nothing is kept in the hub: rows that come or go between two pages are
/// seen or missed, but none that stays is given twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continuation {
    /// Rows given so far.
    pub(super) rows: u64,
    /// The key of the last document given; `None` for groups.
    pub(super) after: Option<String>,
}

/// A text is not a continuation of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the continuation token does not belong to this query: begin without one")]
pub struct ContinuationError;

impl Continuation {
    /// The token of a place in the answer to `query`.
    pub fn token(&self, query: &Query) -> String {
        let place = (check(query), self.rows, &self.after);
        STANDARD.encode(serde_json::to_vec(&place).unwrap_or_default())
    }

    /// Reads a token that was made for `query`.
    ///
    /// # Errors
    /// When it was not.
    pub fn read(token: &str, query: &Query) -> Result<Self, ContinuationError> {
        let bytes = STANDARD.decode(token).map_err(|_| ContinuationError)?;
        let place = serde_json::from_slice(&bytes);
        let (sum, rows, after): (u32, _, _) = place.map_err(|_| ContinuationError)?;
        if check(query) == sum {
            Ok(Self { rows, after })
        } else {
            Err(ContinuationError)
        }
    }
}

fn check(query: &Query) -> u32 {
    crc32fast::hash(query.to_string().as_bytes())
}
