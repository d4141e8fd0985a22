//! The event-batch function's trigger: what each partition is read next, and which checkpoints are
//! set. It decides and reads nothing; who has the log asks it.
//!
//! As in the original's host, a partition has one invocation at a time, all partitions go side by
//! side, and a checkpoint is taken whether the invocation succeeded or not. What was read since the
//! last checkpoint comes again when the reader is lost: at least once.

/// How batches are made (the application's `host.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriggerOptions {
    /// Messages in a batch at most (`maxEventBatchSize`).
    pub max_batch: usize,
    /// A checkpoint is set every so many batches of a partition (`batchCheckpointFrequency`).
    pub checkpoint_every: u32,
}

impl Default for TriggerOptions {
    fn default() -> Self {
        Self {
            max_batch: 10,
            checkpoint_every: 1,
        }
    }
}

/// Where the function stands in each partition.
#[derive(Debug, Clone)]
pub struct Trigger {
    options: TriggerOptions,
    partitions: Vec<Reader>,
}

#[derive(Debug, Clone, Copy)]
struct Reader {
    /// The next position to be read.
    next: u64,
    /// Where it would begin again.
    checkpoint: u64,
    /// Batches since.
    batches: u32,
}

impl Trigger {
    /// A trigger that goes on from stored checkpoints, one for each partition.
    pub fn new(options: TriggerOptions, checkpoints: impl IntoIterator<Item = u64>) -> Self {
        let partitions = checkpoints.into_iter().map(|checkpoint| Reader {
            next: checkpoint,
            checkpoint,
            batches: 0,
        });
        Self {
            options,
            partitions: partitions.collect(),
        }
    }

    /// Messages in a batch at most.
    pub fn max_batch(&self) -> usize {
        self.options.max_batch.max(1)
    }

    /// The position from which a partition is read next; `None` when there is no such partition.
    pub fn next(&self, partition: u16) -> Option<u64> {
        Some(self.partitions.get(usize::from(partition))?.next)
    }

    /// Partitions, in order.
    pub fn partitions(&self) -> impl Iterator<Item = u16> + use<> {
        0..self.partitions.len() as u16
    }

    /// An invocation has ended, well or not; `next` is the position after its batch. Gives the
    /// checkpoint that is to be stored now, if one is due.
    pub fn done(&mut self, partition: u16, next: u64) -> Option<u64> {
        let every = self.options.checkpoint_every.max(1);
        let reader = self.partitions.get_mut(usize::from(partition))?;
        reader.next = next;
        reader.batches += 1;
        if reader.batches < every {
            return None;
        }
        reader.batches = 0;
        reader.checkpoint = next;
        Some(next)
    }

    /// The reader of a partition was lost (the listener stopped, another took over): the next one
    /// begins at the checkpoint. Gives how many positions are read again.
    pub fn lost(&mut self, partition: u16) -> u64 {
        let Some(reader) = self.partitions.get_mut(usize::from(partition)) else {
            return 0;
        };
        let again = reader.next - reader.checkpoint;
        reader.next = reader.checkpoint;
        reader.batches = 0;
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_come_every_so_many_batches_and_the_rest_comes_again() {
        let options = TriggerOptions {
            checkpoint_every: 3,
            ..TriggerOptions::default()
        };
        let mut trigger = Trigger::new(options, [5, 0]);
        let told: Vec<_> = [10, 20, 30, 40].map(|next| trigger.done(0, next)).to_vec();
        assert_eq!(told, [None, None, Some(30), None]);
        assert_eq!((trigger.next(0), trigger.next(1)), (Some(40), Some(0)));
        assert_eq!(trigger.lost(0), 10);
        assert_eq!(trigger.next(0), Some(30));
        assert_eq!([50, 60, 70].map(|next| trigger.done(0, next))[2], Some(70));
        assert_eq!((trigger.lost(0), trigger.lost(9)), (0, 0));
        assert_eq!(trigger.done(9, 1), None);
        assert_eq!(trigger.partitions().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn the_default_is_the_applications_host_file() {
        let mut trigger = Trigger::new(TriggerOptions::default(), [0]);
        assert_eq!((trigger.max_batch(), trigger.done(0, 7)), (10, Some(7)));
    }
}
