//! From the question for an address to the news that the file is there.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;
use serde_json::json;
use twinbench_model::{DeviceId, Event, Room, VirtualDuration, VirtualTime};

use super::{FileNotification, state::Upload};
use crate::{
    AuthError, ClientCertificate, Hub, SymmetricKey, auth, c2d::LockLost, registry::IdentityId,
};

/// How long an address can be used ("Configure IoT Hub file uploads": SAS TTL, 1 hour).
const TTL: VirtualDuration = VirtualDuration::from_secs(3_600);
/// Uploads of a device that may be under way (IoT Hub quotas: 10).
const MAX_OPEN: usize = 10;
/// The container that files go to.
const CONTAINER: &str = "uploads";

/// Where a device may put a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadAddress {
    /// Names the upload when the device tells how it went.
    pub correlation_id: String,
    /// The container.
    pub container: String,
    /// The blob's name, with the device's id in front.
    pub blob: String,
    /// The query that allows it. A secret.
    pub token: String,
}

/// How an upload went, as the device says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadResult {
    /// Whether the file is there.
    pub success: bool,
    /// The status of the blob endpoint.
    pub status: i64,
}

/// A file cannot be uploaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// Who asks is not the device (401).
    #[error(transparent)]
    Unauthorized(#[from] AuthError),
    /// The blob's name cannot be (400).
    #[error(
        "the blob name must have 1 to 1,024 characters, without empty parts, \"..\", ':' and '\\'"
    )]
    Name,
    /// Too many are under way (403).
    #[error("the device has {MAX_OPEN} uploads under way: finish one first")]
    TooMany,
    /// There is no such upload, or its time has ended (404).
    #[error("there is no such upload, or its time has ended")]
    NotFound,
}

impl Hub {
    /// Whether a request over HTTPS is a device's: by a token, or by the certificate that it has
    /// shown.
    ///
    /// # Errors
    /// When it is not.
    pub fn authenticate_device(
        &self,
        device: &DeviceId,
        token: Option<&str>,
        certificate: Option<&ClientCertificate>,
        now: VirtualTime,
    ) -> Result<(), AuthError> {
        let (options, registry) = (&self.options, &self.registry);
        let id = IdentityId::from(device.clone());
        match (token, certificate) {
            (Some(token), _) => auth::authenticate(options, registry, &id, token, now),
            (None, Some(certificate)) => {
                auth::authenticate_certificate(options, registry, &id, certificate, now)
            }
            (None, None) => Err(AuthError::NoProof),
        }
        .map(drop)
    }

    /// Gives a device an address for a file. `secret` makes the address hard to guess: something
    /// that only device and caller know, such as the request's token or random bytes.
    ///
    /// # Errors
    /// When the blob's name cannot be, or too many uploads are under way.
    pub fn begin_upload(
        &mut self,
        device: &DeviceId,
        name: &str,
        secret: &[u8],
        now: VirtualTime,
    ) -> Result<UploadAddress, UploadError> {
        let part = |part: &str| {
            let fits = |c: char| !c.is_control() && !matches!(c, ':' | '\\');
            !part.is_empty() && part != "." && part != ".." && part.chars().all(fits)
        };
        let fits = (1..=1_024).contains(&name.chars().count()) && name.split('/').all(part);
        if !fits {
            return Err(UploadError::Name);
        }
        self.uploads.expire(now, &mut self.records);
        let own = self
            .uploads
            .open
            .values()
            .filter(|upload| upload.device == *device);
        if own.count() >= MAX_OPEN {
            return Err(UploadError::TooMany);
        }
        self.uploads.count += 1;
        let until = now.saturating_add(TTL);
        let expiry = self.options.epoch.unix_seconds(until);
        let blob = format!("{device}/{name}");
        let mut mac = keyed(secret);
        mac.update(format!("{}\n{blob}\n{expiry}", self.uploads.count).as_bytes());
        let proof = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        let token = format!("?sv=2018-03-28&sr=b&sig={proof}&se={expiry}&sp=rw");
        let start = self.options.epoch.utc(now).as_millisecond();
        let correlation_id = format!("{start:x}-{}-{}", self.uploads.count, &proof[..16]);
        let upload = Upload {
            device: device.clone(),
            blob: blob.clone(),
            token: token.clone(),
            until,
            size: None,
        };
        self.uploads.put(&correlation_id, upload, &mut self.records);
        self.upload_event(device, &json!({"event": "begun", "blob": blob}), now);
        Ok(UploadAddress {
            correlation_id,
            container: CONTAINER.to_owned(),
            blob,
            token,
        })
    }

    /// Whether a blob may be put: `query` is that of the request.
    ///
    /// # Errors
    /// When there is no such upload, or its time has ended.
    pub fn check_upload(
        &self,
        (container, blob): (&str, &str),
        query: &str,
        now: VirtualTime,
    ) -> Result<(), UploadError> {
        let allowed = self.uploads.open.values().any(|upload| {
            let mut own = upload.token.trim_start_matches('?').split('&');
            // A storage client adds fields of its own, anywhere.
            let covers = own.all(|field| query.split('&').any(|other| other == field));
            container == CONTAINER && upload.blob == blob && upload.until > now && covers
        });
        allowed.then_some(()).ok_or(UploadError::NotFound)
    }

    /// A blob was put.
    pub fn uploaded(&mut self, blob: &str, size: u64, now: VirtualTime) {
        let mut open = self.uploads.open.iter();
        let Some((id, upload)) = open.find(|(_, upload)| upload.blob == blob) else {
            return;
        };
        let (id, mut upload) = (id.clone(), upload.clone());
        upload.size = Some(size);
        let device = upload.device.clone();
        self.uploads.put(&id, upload, &mut self.records);
        let facts = json!({"event": "stored", "blob": blob, "bytes": size});
        self.upload_event(&device, &facts, now);
    }

    /// A device says how an upload went.
    ///
    /// # Errors
    /// When it has no such upload.
    pub fn finish_upload(
        &mut self,
        device: &DeviceId,
        correlation_id: &str,
        result: UploadResult,
        now: VirtualTime,
    ) -> Result<(), UploadError> {
        let upload = self.uploads.open.get(correlation_id);
        if upload.is_none_or(|upload| upload.device != *device) {
            return Err(UploadError::NotFound);
        }
        let removed = self.uploads.remove(correlation_id, &mut self.records);
        let upload = removed.ok_or(UploadError::NotFound)?;
        let facts = json!({
            "event": "finished", "blob": upload.blob, "success": result.success,
            "status": result.status,
        });
        self.upload_event(device, &facts, now);
        if let (true, Some(size)) = (result.success, upload.size) {
            let host = &self.options.assigned_hub;
            let notice = FileNotification {
                device_id: device.to_string(),
                blob_uri: format!("https://{host}/{CONTAINER}/{}", upload.blob),
                blob_name: upload.blob,
                size,
                at: now,
            };
            self.uploads.tell(notice, &mut self.records);
        }
        Ok(())
    }

    /// The oldest notification of an uploaded file, once.
    pub fn take_file_notification(&mut self) -> Option<FileNotification> {
        let (number, notice) = self.uploads.receive(VirtualTime::ZERO)?;
        self.uploads.complete(number, &mut self.records);
        Some(notice)
    }

    /// The oldest notification of an uploaded file that nobody has, and its number; locked for
    /// 60 s. It waits for an hour, and is given ten times at most.
    pub fn receive_file_notification(
        &mut self,
        now: VirtualTime,
    ) -> Option<(u64, FileNotification)> {
        self.uploads.receive(now)
    }

    /// A notification that was received is done with.
    ///
    /// # Errors
    /// When its lock has ended.
    pub fn complete_file_notification(&mut self, number: u64) -> Result<(), LockLost> {
        let known = self.uploads.complete(number, &mut self.records);
        known.then_some(()).ok_or(LockLost)
    }

    /// A notification that was received is to be given again.
    ///
    /// # Errors
    /// When its lock has ended.
    pub fn abandon_file_notification(&mut self, number: u64) -> Result<(), LockLost> {
        let known = self.uploads.unlock(number, &mut self.records);
        known.then_some(()).ok_or(LockLost)
    }

    fn upload_event(&mut self, device: &DeviceId, facts: &serde_json::Value, now: VirtualTime) {
        let event = Event::json(now, Room::Hub, "upload", device.shared(), facts);
        self.events.push(event);
    }
}

/// An HMAC whose key is the secret, whatever its length.
fn keyed(secret: &[u8]) -> hmac::Hmac<sha2::Sha256> {
    let digest = <sha2::Sha256 as sha2::Digest>::digest(secret);
    match SymmetricKey::new(&digest) {
        Ok(key) => key.hmac(),
        Err(_) => unreachable!("32 bytes are a key"),
    }
}
