//! Messages from the cloud to devices, and what became of them ("Send cloud-to-device messages
//! from an IoT hub").
//!
//! Each device has a queue. A message is locked while it is on its way, completed by the device's
//! acknowledgement, and given up when it expired or was delivered too often. Who sent it with
//! `iothub-ack` learns of the end by a feedback record.

mod calls;
mod deliver;
mod feedback;
mod queue;

pub use calls::{C2dError, Disposition, SendC2d};
pub(crate) use feedback::{FEEDBACK_PREFIX, FeedbackQueue};
pub use feedback::{Feedback, FeedbackBatch, FeedbackStatus, LockLost};
pub use queue::{Ack, MAX_C2D, MAX_PENDING, QueuedMessage};
pub(crate) use queue::{QUEUE_PREFIX, Queue, Queues};
