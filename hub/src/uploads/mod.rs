//! File upload: a device asks for an address, puts a blob there, and says how it went ("Upload
//! files with IoT Hub").
//!
//! The hub decides and keeps who may put what where; the bytes go past it to a folder, by a small
//! blob endpoint at the edge (`net::uploads`, feature `https`).

mod calls;
mod notice;
mod put;
mod state;

pub use calls::{UploadAddress, UploadError, UploadResult};
pub use notice::FileNotification;
pub use put::{BlobPut, BlobPutError};
pub(crate) use state::{NOTICE_PREFIX, UPLOAD_PREFIX, Uploads};
