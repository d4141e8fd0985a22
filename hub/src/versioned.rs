//! How records are written: one version byte, then the value in postcard's wire format.

use serde::{Serialize, de::DeserializeOwned};

/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The record was written by another version of the format.
    #[error(
        "the record has format version {found}, this program reads {expected}: use the program's \
         newer release, or `twinbench data upgrade`"
    )]
    Version {
        /// What stands in the record.
        found: u8,
        /// What is read here.
        expected: u8,
    },
    /// The record is cut or overwritten.
    #[error("the record is damaged: {0}")]
    Damaged(String),
}

/// Writes a value with its version in front.
pub(crate) fn encode(version: u8, value: &impl Serialize) -> Vec<u8> {
    encode_sized(version, value, 32)
}

/// [`encode`] for who knows about how many bytes it will be.
pub(crate) fn encode_sized(version: u8, value: &impl Serialize, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size);
    bytes.push(version);
    match postcard::to_extend(value, bytes) {
        Ok(bytes) => bytes,
        Err(error) => unreachable!("a record of plain fields always encodes: {error}"),
    }
}

/// Reads what [`encode`] wrote; trailing bytes are damage.
pub(crate) fn decode<T: DeserializeOwned>(version: u8, bytes: &[u8]) -> Result<T, DecodeError> {
    let damaged = |what: &str| DecodeError::Damaged(what.to_owned());
    let (&found, rest) = bytes.split_first().ok_or_else(|| damaged("it is empty"))?;
    if found != version {
        return Err(DecodeError::Version {
            found,
            expected: version,
        });
    }
    match postcard::take_from_bytes(rest) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(damaged("bytes follow its end")),
        Err(error) => Err(damaged(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_refusals() {
        let bytes = encode(3, &(7u32, "x".to_owned()));
        assert_eq!(decode::<(u32, String)>(3, &bytes).unwrap(), (7, "x".into()));
        assert_eq!(
            decode::<(u32, String)>(4, &bytes),
            Err(DecodeError::Version {
                found: 3,
                expected: 4
            })
        );
        let mut longer = bytes.clone();
        longer.push(0);
        for damaged in [&bytes[..0], &bytes[..2], &longer] {
            assert!(matches!(
                decode::<(u32, String)>(3, damaged),
                Err(DecodeError::Damaged(_))
            ));
        }
    }
}
