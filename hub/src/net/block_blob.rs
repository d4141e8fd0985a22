//! Block blobs as files: what the storage clients of all SDKs put and read (Put Blob, Put Block,
//! Put Block List and Get Blob with a range, of the Blob service's REST interface).
//!
//! A blob is a file below the folder. Blocks that no list has named yet wait in a folder of their
//! own, `~~`, which is emptied when the hub begins. What is stored belongs to its owner alone: an
//! export of the registry holds the devices' keys.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::uploads::{BlobPut, BlobPutError};

/// Largest body: what the storage clients send in one piece.
pub(super) const LARGEST: usize = 64 << 20;
/// Largest blob that blocks make. The cloud takes far more; here it is read in one piece.
const LARGEST_OF_BLOCKS: u64 = 256 << 20;
/// Where blocks wait. No device and no container is called so.
const STAGED: &str = "~~";

/// Why a request about a blob is not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum BlobError {
    #[error("the token does not allow this blob")]
    Denied,
    #[error("no container or blob may be called so")]
    Name,
    #[error("there is no such blob")]
    NotFound,
    #[error("there is such a blob already, and the request wants to make a new one")]
    Exists,
    #[error(transparent)]
    Put(#[from] BlobPutError),
    #[error("the list names a block that was not put: {0}")]
    NoBlock(String),
    #[error("a blob may have up to {} MiB", LARGEST_OF_BLOCKS >> 20)]
    TooLarge,
    #[error("the blob has no such range")]
    Range,
    #[error("the blob cannot be written or read: {0}")]
    File(#[from] io::Error),
    #[error("the hub has ended")]
    Gone,
}

impl BlobError {
    /// The status and the code, as the Blob service names them ("Blob service error codes").
    const fn code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Denied => (StatusCode::FORBIDDEN, "AuthenticationFailed"),
            Self::Name => (StatusCode::BAD_REQUEST, "InvalidResourceName"),
            Self::NotFound => (StatusCode::NOT_FOUND, "BlobNotFound"),
            Self::Exists => (StatusCode::CONFLICT, "BlobAlreadyExists"),
            Self::Put(BlobPutError::Unknown(_)) => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
            Self::Put(BlobPutError::BlockName) => {
                (StatusCode::BAD_REQUEST, "InvalidQueryParameterValue")
            }
            Self::Put(BlobPutError::List(_)) => (StatusCode::BAD_REQUEST, "InvalidXmlDocument"),
            Self::NoBlock(_) => (StatusCode::BAD_REQUEST, "InvalidBlockList"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "RequestBodyTooLarge"),
            Self::Range => (StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange"),
            Self::File(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
            Self::Gone => (StatusCode::SERVICE_UNAVAILABLE, "ServerBusy"),
        }
    }
}

impl IntoResponse for BlobError {
    fn into_response(self) -> Response {
        let (status, code) = self.code();
        let text = self.to_string();
        let message = quick_xml::escape::escape(text.as_str());
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        let headers = [
            (header::CONTENT_TYPE.as_str(), "application/xml"),
            ("x-ms-error-code", code),
        ];
        (status, headers, body).into_response()
    }
}

/// A blob's path below the folder: `{device}/{name}` or `~{container}/{name}`. Who makes it has
/// checked its parts.
#[derive(Clone)]
pub(super) struct BlobFiles(Arc<Path>);

impl BlobFiles {
    /// Blobs below a folder. What waited there for a list is removed.
    pub(super) fn new(folder: PathBuf) -> Self {
        let files = Self(folder.into());
        let _ = fs::remove_dir_all(files.0.join(STAGED));
        files
    }

    /// Carries out a PUT; gives the blob's size when it is there now, or `None` after a block.
    pub(super) async fn put(
        &self,
        name: String,
        query: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Option<u64>, BlobError> {
        let asked = BlobPut::read(query, &body)?;
        let only_new = headers
            .get(header::IF_NONE_MATCH)
            .is_some_and(|it| it == "*");
        let files = self.clone();
        blocking(move || {
            if only_new && !matches!(asked, BlobPut::Block(_)) && files.path(&name).exists() {
                return Err(BlobError::Exists);
            }
            match asked {
                BlobPut::Whole => {
                    files.write(&name, &body)?;
                    Ok(Some(body.len() as u64))
                }
                BlobPut::Block(block) => files.stage(&name, &block, &body).map(|()| None),
                BlobPut::Blocks(blocks) => files.join(&name, &blocks).map(Some),
            }
        })
        .await
    }

    /// Writes a whole blob.
    pub(super) async fn write_all(&self, name: String, body: Bytes) -> Result<(), BlobError> {
        let files = self.clone();
        blocking(move || Ok(files.write(&name, &body)?)).await
    }

    /// Reads a whole blob.
    pub(super) async fn read_all(&self, name: String) -> Result<Vec<u8>, BlobError> {
        let files = self.clone();
        blocking(move || files.read(&name, None).map(|found| found.bytes)).await
    }

    /// Answers a GET, of the whole or of a range.
    pub(super) async fn get(&self, name: String, headers: &HeaderMap) -> Response {
        let range = headers.get("x-ms-range").or(headers.get(header::RANGE));
        let range = range.and_then(|range| range.to_str().ok()?.strip_prefix("bytes=").map(bounds));
        let files = self.clone();
        let read = blocking(move || files.read(&name, range.map(Option::unwrap_or_default))).await;
        let Found { bytes, range, size } = match read {
            Ok(found) => found,
            Err(error) => return error.into_response(),
        };
        let kind = [
            ("content-type", "application/octet-stream"),
            ("x-ms-blob-type", "BlockBlob"),
            ("accept-ranges", "bytes"),
        ];
        match range {
            None => (kind, bytes).into_response(),
            Some(Range { start, end }) => {
                let range = format!("bytes {start}-{}/{size}", end - 1);
                let range = [(header::CONTENT_RANGE, range)];
                (StatusCode::PARTIAL_CONTENT, kind, range, bytes).into_response()
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, body: &[u8]) -> io::Result<()> {
        let mut file = self.part(name)?;
        io::Write::write_all(&mut file, body)?;
        self.finish(name, file)
    }

    /// The folder where a blob's blocks wait.
    fn staged(&self, name: &str) -> PathBuf {
        let digest = Sha256::digest(name.as_bytes());
        self.0.join(STAGED).join(hex(&digest[..16]))
    }

    /// What becomes the blob when it is complete.
    fn part(&self, name: &str) -> io::Result<File> {
        let staged = self.staged(name);
        own_folder(&staged)?;
        own_file(&staged.join("whole"))
    }

    fn finish(&self, name: &str, file: File) -> io::Result<()> {
        drop(file);
        let (path, staged) = (self.path(name), self.staged(name));
        if let Some(folder) = path.parent() {
            own_folder(folder)?;
        }
        fs::rename(staged.join("whole"), path)?;
        fs::remove_dir_all(staged)
    }

    fn stage(&self, name: &str, block: &str, body: &[u8]) -> Result<(), BlobError> {
        let folder = self.staged(name);
        own_folder(&folder)?;
        let own = folder.join(hex(block.as_bytes()));
        let mut size = body.len() as u64;
        for file in fs::read_dir(&folder)? {
            let file = file?;
            if file.path() != own {
                size += file.metadata()?.len();
            }
        }
        if size > LARGEST_OF_BLOCKS {
            return Err(BlobError::TooLarge);
        }
        let mut file = own_file(&own)?;
        Ok(io::Write::write_all(&mut file, body)?)
    }

    fn join(&self, name: &str, blocks: &[String]) -> Result<u64, BlobError> {
        let staged = self.staged(name);
        let mut file = self.part(name)?;
        let mut size = 0;
        for block in blocks {
            let mut part = match File::open(staged.join(hex(block.as_bytes()))) {
                Ok(part) => part,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(BlobError::NoBlock(block.clone()));
                }
                Err(error) => return Err(error.into()),
            };
            size += io::copy(&mut part, &mut file)?;
            // A list may name a block many times.
            if size > LARGEST_OF_BLOCKS {
                return Err(BlobError::TooLarge);
            }
        }
        self.finish(name, file)?;
        Ok(size)
    }

    /// Reads the whole, or from a first byte to a last.
    fn read(&self, name: &str, wanted: Option<(u64, Option<u64>)>) -> Result<Found, BlobError> {
        let mut file = match File::open(self.path(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(BlobError::NotFound),
            Err(error) => return Err(error.into()),
        };
        let size = file.metadata()?.len();
        let mut bytes = Vec::new();
        let Some((start, last)) = wanted else {
            file.read_to_end(&mut bytes)?;
            return Ok(Found {
                bytes,
                range: None,
                size,
            });
        };
        let end = last.map_or(size, |last| last.saturating_add(1).min(size));
        if start >= end {
            return Err(BlobError::Range);
        }
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut bytes)?;
        Ok(Found {
            bytes,
            range: Some(start..end),
            size,
        })
    }
}

/// What was read of a blob.
struct Found {
    bytes: Vec<u8>,
    /// Which bytes they are, when a range was asked for.
    range: Option<Range<u64>>,
    /// Of the whole.
    size: u64,
}

/// The first byte and the last, of `0-499` or `500-`.
fn bounds(text: &str) -> Option<(u64, Option<u64>)> {
    let (first, last) = text.split_once('-')?;
    let last = if last.is_empty() {
        None
    } else {
        Some(last.parse().ok()?)
    };
    Some((first.parse().ok()?, last))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn own_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn own_file(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Runs what waits for a disk where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(io::Error::other(error).into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_range_makes_it_panic(text in "[0-9-]{0,30}") {
            let _ = bounds(&text);
        }
    }
}
