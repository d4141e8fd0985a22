//! A hub in a loop, without a store.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use twinbench_hub::{
    Hub, Options,
    handle::{HubHandle, HubJobs, hub_handle},
};
use twinbench_model::{Epoch, EventData, VirtualTime};

pub(crate) struct Looped {
    pub(crate) handle: HubHandle,
    looping: JoinHandle<()>,
}

impl Drop for Looped {
    fn drop(&mut self) {
        self.looping.abort();
    }
}

impl Looped {
    pub(crate) fn start() -> Self {
        let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
        let hub = Hub::new(Options::new(epoch)).unwrap();
        let (handle, jobs) = hub_handle();
        let looping = tokio::spawn(run(hub, jobs));
        Self { handle, looping }
    }

    pub(crate) async fn messages(&self) -> Vec<EventData> {
        let read = |hub: &mut Hub, _| {
            let partitions = 0..hub.log().partitions().len() as u16;
            let of = |p| hub.read(p, 0, usize::MAX).unwrap().cloned();
            partitions.flat_map(of).collect()
        };
        self.handle.run(read).await.unwrap()
    }
}

async fn run(mut hub: Hub, mut jobs: HubJobs) {
    let started = Instant::now();
    loop {
        let now = VirtualTime::from_nanos(started.elapsed().as_nanos() as u64);
        jobs.run(&mut hub, now);
        // A bench commits here.
        hub.drain_records(&mut Vec::new());
        hub.drain_events(&mut Vec::new());
        hub.drain_outputs(&mut Vec::new());
        jobs.committed(&hub);
        let _ = tokio::time::timeout(Duration::from_millis(20), jobs.ready()).await;
    }
}
