//! Recordings played again.
//!
//! | module | does |
//! |---|---|
//! | [`source`] | the messages of devices in a recording |
//! | [`plan`] | which of them are sent, when and by whom: a range, loops, other ids, many devices |
//! | [`bench`](mod@bench) | the bench that takes them: that of the recording, without its machines |
//! | [`through()`] | sends them through hub, functions and engine |
//! | [`again`] | runs the firmware again with the inputs of a recording, and compares |
//! | [`timeline`] | goes back in a session, and on from there another way |
//! | [`moment`] | reads a time as a person writes it |

pub mod again;
pub mod bench;
mod error;
pub mod inputs;
pub mod moment;
pub mod plan;
pub mod source;
pub mod through;
pub mod timeline;

pub use again::{Again, run_again};
pub use error::Error;
pub use plan::{Mapping, Plan};
pub use through::{Replayed, through};
pub use timeline::Timeline;
