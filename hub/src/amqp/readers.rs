//! Who reads a partition: the contest of epochs.
//!
//! A reader with an epoch (owner level) reads a partition of a consumer group alone. A newer one
//! of the same or a higher epoch takes over, and every older reader is detached; one of a lower
//! epoch, or without any, is refused (Event Hubs, "Epoch").

use std::collections::BTreeMap;

/// Readers without an epoch per consumer group and partition at most (Event Hubs quotas).
const MAX_SHARED: usize = 5;

/// A reader, numbered in the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReaderId(u64);

/// Who reads, by consumer group and partition.
#[derive(Debug, Default)]
pub struct Readers {
    next: u64,
    /// By consumer group, in small letters, and partition.
    places: BTreeMap<(String, u16), Vec<Reader>>,
}

/// A reader with its epoch.
type Reader = (ReaderId, Option<i64>);

/// A reader was let in.
#[derive(Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its number.
    pub id: ReaderId,
    /// Those who are to be detached for it.
    pub displaced: Vec<ReaderId>,
}

/// A reader cannot be let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Another reader has a higher epoch.
    #[error(
        "a receiver with epoch {owner} reads this partition, so one with {} is not let in",
        epoch_text(*.asked)
    )]
    Stolen {
        /// The epoch of who reads.
        owner: i64,
        /// The epoch of who asked.
        asked: Option<i64>,
    },
    /// There are enough readers.
    #[error(
        "{MAX_SHARED} receivers without an epoch read this partition in this consumer group, \
         which is the most: close one, or use another group"
    )]
    TooMany,
}

fn epoch_text(epoch: Option<i64>) -> String {
    epoch.map_or_else(|| "no epoch".to_owned(), |epoch| format!("epoch {epoch}"))
}

impl Readers {
    /// Lets a reader in, or says why not.
    ///
    /// # Errors
    /// When another reads with a higher epoch, or too many read without any.
    pub fn join(
        &mut self,
        group: &str,
        partition: u16,
        epoch: Option<i64>,
    ) -> Result<Joined, JoinError> {
        // Groups are found in any case of letters.
        let place = (group.to_ascii_lowercase(), partition);
        let here = self.places.entry(place).or_default();
        let owner = here.iter().filter_map(|&(_, epoch)| epoch).max();
        match (owner, epoch) {
            (Some(owner), asked) if asked.is_none_or(|asked| asked < owner) => {
                return Err(JoinError::Stolen { owner, asked });
            }
            (None, None) if here.len() >= MAX_SHARED => return Err(JoinError::TooMany),
            _ => {}
        }
        let displaced = match epoch {
            Some(_) => here.drain(..).map(|(id, _)| id).collect(),
            None => Vec::new(),
        };
        let id = ReaderId(self.next);
        self.next += 1;
        here.push((id, epoch));
        Ok(Joined { id, displaced })
    }

    /// Forgets a reader that has ended.
    pub fn leave(&mut self, id: ReaderId) {
        self.places.retain(|_, here| {
            here.retain(|&(other, _)| other != id);
            !here.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_or_equal_epoch_takes_over() {
        let mut readers = Readers::default();
        let shared = readers.join("$Default", 0, None).unwrap();
        let first = readers.join("$default", 0, Some(0)).unwrap();
        assert_eq!(first.displaced, [shared.id]);
        let second = readers.join("$Default", 0, Some(0)).unwrap();
        assert_eq!(second.displaced, [first.id]);
        let third = readers.join("$Default", 0, Some(7)).unwrap();
        assert_eq!(third.displaced, [second.id]);
        let refused = |asked| JoinError::Stolen { owner: 7, asked };
        assert_eq!(readers.join("$Default", 0, Some(6)), Err(refused(Some(6))));
        assert_eq!(readers.join("$Default", 0, None), Err(refused(None)));
        // Elsewhere nothing changes.
        assert!(readers.join("$Default", 1, Some(1)).is_ok());
        assert!(readers.join("other", 0, None).is_ok());
        // The displaced one leaves late: it takes nobody with it.
        readers.leave(second.id);
        assert!(readers.join("$Default", 0, None).is_err());
        readers.leave(third.id);
        assert!(readers.join("$Default", 0, None).is_ok());
    }

    #[test]
    fn five_share_a_partition() {
        let mut readers = Readers::default();
        let ids: Vec<_> = (0..MAX_SHARED)
            .map(|_| readers.join("g", 0, None).unwrap().id)
            .collect();
        assert_eq!(readers.join("g", 0, None), Err(JoinError::TooMany));
        readers.leave(ids[2]);
        assert!(readers.join("g", 0, None).is_ok());
        assert_eq!(readers.join("g", 0, Some(1)).unwrap().displaced.len(), 5);
    }
}
