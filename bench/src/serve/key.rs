//! The key that guards the API: made per data folder, readable by its owner only.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

/// The key's file in a data folder.
pub const FILE: &str = "api-key";

/// Reads the key of a data folder.
///
/// # Errors
/// When there is none or it cannot be read.
pub fn read(data: &Path) -> io::Result<String> {
    fs::read_to_string(data.join(FILE)).map(|key| key.trim().to_owned())
}

/// Reads the key of a data folder, or makes one: 256 random bits, base64url.
///
/// # Errors
/// When the folder cannot be written or the system has no randomness.
pub fn read_or_make(data: &Path) -> io::Result<String> {
    match read(data) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|cause| io::Error::other(cause.to_string()))?;
    let key = URL_SAFE_NO_PAD.encode(bytes);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(data.join(FILE))?;
    writeln!(file, "{key}")?;
    file.sync_all()?;
    Ok(key)
}

/// Compares without telling by its time how much was right.
pub fn matches(given: &str, key: &str) -> bool {
    given.as_bytes().ct_eq(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_and_kept_from_others() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path()).is_err());
        let key = read_or_make(folder.path()).unwrap();
        assert_eq!(key.len(), 43);
        assert_eq!(read_or_make(folder.path()).unwrap(), key);
        assert!(matches(&key, &key) && !matches("", &key));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join(FILE))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o077, 0);
        }
    }
}
