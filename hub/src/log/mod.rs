//! The event log: every accepted message, in partitions, until its retention ends.
//!
//! A device's messages all go to one partition, CRC-32 (ISO-HDLC) of its id modulo the number of
//! partitions, so their order is kept. Positions count from 0 in each partition without gaps.
//! What the log holds in memory is bounded; the store holds all of it:
//!
//! | table | key | value |
//! |---|---|---|
//! | `HubEvents` | partition (be16) | head: version, partitions, first kept, next position |
//! | `HubEvents` | partition (be16) ‖ position (be64) | event, see [`encode_event`] |
//! | `HubCheckpoints` | consumer group ‖ 0 ‖ partition (be16) | version, next position to read |

mod archive;
mod consumer;
mod encoding;
mod event_log;
mod partition;

pub use archive::{Archive, ArchiveError, MemoryOnly};
pub use consumer::{CheckpointError, ConsumerError, DEFAULT_GROUP};
pub(crate) use encoding::Parts;
pub(crate) use encoding::TELEMETRY;
pub use encoding::{AuthScope, decode_event, encode_event, event_key};
pub(crate) use event_log::LogRestoreError;
pub use event_log::{EventLog, ReadError};
pub use partition::PartitionInfo;

use twinbench_model::DeviceId;

/// The partition of a device: CRC-32 (ISO-HDLC, polynomial 0xEDB88320) of its id modulo the
/// number of partitions. Fixed, because it decides where stored messages lie.
pub fn partition_of(device: &DeviceId, partitions: u16) -> u16 {
    let hash = crc32fast::hash(device.as_str().as_bytes());
    // The remainder is below a 16-bit number.
    (hash % u32::from(partitions.max(1))) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_documented_one() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
        let id = DeviceId::new("123456789").unwrap();
        assert_eq!(partition_of(&id, 7), (0xCBF4_3926u32 % 7) as u16);
    }

    #[test]
    fn devices_spread() {
        let mut counts = [0u32; 4];
        for n in 0..1_000 {
            let id = DeviceId::new(&format!("sim-{n:04}")).unwrap();
            counts[usize::from(partition_of(&id, 4))] += 1;
        }
        assert!(
            counts.iter().all(|&n| (150..350).contains(&n)),
            "{counts:?}"
        );
    }
}
