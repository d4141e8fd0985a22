//! What the service is told of an uploaded file.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twinbench_model::{Epoch, VirtualTime};

/// A file was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNotification {
    /// Which device did it.
    pub device_id: String,
    /// Where the blob is.
    pub blob_uri: String,
    /// Its name, with the device's id in front.
    pub blob_name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When the device said so.
    pub at: VirtualTime,
}

impl FileNotification {
    /// The notification as clients read it.
    pub fn to_json(&self, epoch: Epoch) -> Value {
        let at = epoch.rfc3339(self.at);
        json!({
            "deviceId": self.device_id,
            "blobUri": self.blob_uri,
            "blobName": self.blob_name,
            "lastUpdatedTime": at,
            "blobSizeInBytes": self.size,
            "enqueuedTimeUtc": at,
        })
    }
}
