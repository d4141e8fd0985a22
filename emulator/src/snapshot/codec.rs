//! State to bytes and back.

use serde::{Serialize, de::DeserializeOwned};

use super::SnapshotError;

/// Takes up state, piece by piece.
#[derive(Debug, Default)]
pub struct Saver {
    bytes: Vec<u8>,
    error: Option<postcard::Error>,
}

impl Saver {
    /// Takes up one piece.
    pub fn put<T: Serialize + ?Sized>(&mut self, piece: &T) {
        match postcard::to_extend(piece, std::mem::take(&mut self.bytes)) {
            Ok(bytes) => self.bytes = bytes,
            Err(error) => self.error = Some(error),
        }
    }

    /// All pieces.
    pub(crate) fn finish(self) -> Result<Vec<u8>, SnapshotError> {
        match self.error {
            None => Ok(self.bytes),
            Some(error) => Err(SnapshotError::Encoding(error.to_string())),
        }
    }
}

/// Gives state back, in the order in which it was saved.
#[derive(Debug)]
pub struct Loader<'a> {
    rest: &'a [u8],
}

impl<'a> Loader<'a> {
    /// Begins with the first piece.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next piece.
    ///
    /// # Errors
    /// When the bytes are none of its kind or end early.
    pub fn get<T: DeserializeOwned>(&mut self) -> Result<T, SnapshotError> {
        let (piece, rest) = postcard::take_from_bytes(self.rest)
            .map_err(|error| SnapshotError::Damaged(error.to_string()))?;
        self.rest = rest;
        Ok(piece)
    }

    /// That nothing is left.
    pub(crate) fn finish(self) -> Result<(), SnapshotError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(SnapshotError::Damaged(format!(
            "{} bytes too many",
            self.rest.len()
        )))
    }
}

/// Saves a peripheral or device as a whole by its `Serialize`, but for what belongs to its place
/// on the chip, which stays.
macro_rules! saved_by_serde {
    ($($kept:ident),*) => {
        fn save(&self, out: &mut $crate::snapshot::Saver) {
            out.put(self);
        }

        fn restore(
            &mut self,
            from: &mut $crate::snapshot::Loader<'_>,
        ) -> Result<(), $crate::snapshot::SnapshotError> {
            let state: Self = from.get()?;
            *self = Self { $($kept: self.$kept,)* ..state };
            Ok(())
        }
    };
}
pub(crate) use saved_by_serde;

/// Arrays of any length, for `#[serde(with = …)]`.
pub(crate) mod array {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer, T: Serialize, const N: usize>(
        array: &[T; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(array)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[T; N], D::Error> {
        let all = Vec::deserialize(deserializer)?;
        let count = all.len();
        all.try_into()
            .map_err(|_| D::Error::custom(format!("{count} elements, not {N}")))
    }
}
