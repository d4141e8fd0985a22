//! How an engine is to work.

use twinbench_model::{Epoch, VirtualDuration};

/// What the engine refuses, each with an error that names the limit; nothing that was taken in is
/// lost by a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest state of an entity, in bytes. An operation that exceeds it fails.
    pub state: usize,
    /// The longest input, output or event, in bytes. A client is refused, an orchestrator fails.
    pub payload: usize,
    /// The most messages that wait for one instance. A client is refused; what entities and
    /// orchestrations send is always taken.
    pub queue: usize,
    /// The most operations of one entity that are done before others have their turn
    /// (`maxEntityOperationBatchSize` outside of the consumption plan).
    pub batch: usize,
    /// The most actions of one turn of an orchestrator (`maxOrchestrationActions`). One that asks
    /// for more fails.
    pub actions: usize,
    /// How often a work item is given out to workers that are then lost, before it fails.
    pub losses: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            state: 1 << 20,
            payload: 256 << 10,
            queue: 1_000_000,
            batch: 5000,
            actions: 100_000,
            losses: 5,
        }
    }
}

/// What happens to signals of clients, which have no order and may come twice
/// (`durable-semantics`, section 4). Messages of orchestrations and entities are not touched.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClientFaults {
    /// Chooses which signals it hits: the same ones in each run.
    pub seed: u64,
    /// Delays each signal by a random time up to this one, so that they overtake each other.
    pub reorder: Option<VirtualDuration>,
    /// The share of signals that come twice, from 0 to 1.
    pub duplicate: f64,
}

/// Everything that an engine is made with beside its functions.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) epoch: Epoch,
    pub(crate) limits: Limits,
    pub(crate) faults: ClientFaults,
    pub(crate) journal: bool,
    pub(crate) remote: bool,
    pub(crate) check_replays: bool,
    pub(crate) threads: usize,
}
