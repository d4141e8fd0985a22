//! One device's connection to another hub.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use percent_encoding::utf8_percent_encode;
use rumqttc::{
    AsyncClient, ConnectReturnCode, Event, EventLoop, Incoming, MqttOptions, QoS, TlsConfiguration,
    Transport,
};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::rustls::ClientConfig;
use twinbench_model::{DeviceId, EventData, system};

use super::{Backoff, RemoteHub, forward::ForwardCounters};
use crate::mqtt::{MAX_MESSAGE, PLAIN, short_name};

/// Messages on their way at once.
const WINDOW: u16 = 50;
/// How long a token lasts.
const TOKEN: Duration = Duration::from_hours(1);
/// How long an acknowledgement may take before the connection counts as lost.
const PATIENCE: Duration = Duration::from_mins(1);

/// Messages of one device, and who waits until the other hub has acknowledged all of them.
pub(super) struct Order {
    pub(super) events: Vec<EventData>,
    pub(super) done: oneshot::Sender<()>,
}

/// What all devices of a forward share.
pub(super) struct Remote {
    pub(super) name: String,
    pub(super) hub: RemoteHub,
    pub(super) port: u16,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) counters: Arc<ForwardCounters>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    /// Nobody has anything to send any more.
    #[error("there is nothing more to send")]
    Done,
    #[error(transparent)]
    Connection(#[from] Box<rumqttc::ConnectionError>),
    #[error("the other hub refused the device: {0:?}")]
    Refused(ConnectReturnCode),
    #[error("the other hub does not answer")]
    Silent,
    #[error("the client has ended")]
    Client,
}

/// Sends what comes until nobody is left to give more. Connects when there is something to send,
/// and again after a wait that doubles.
pub(super) async fn run(remote: Arc<Remote>, device: DeviceId, mut orders: mpsc::Receiver<Order>) {
    let mut backoff = Backoff::default();
    let mut current = None;
    loop {
        if current.is_none() {
            current = orders.recv().await.map(Work::new);
        }
        let Some(work) = &mut current else { return };
        let ended = connected(&remote, &device, work, &mut orders, &mut backoff).await;
        if work.waiting.is_empty() {
            current = None;
        }
        if matches!(ended, Ended::Done) {
            return;
        }
        let wait = backoff.next_wait();
        tracing::warn!(
            forward = remote.name, %device, %ended, ?wait,
            "not connected to the other hub; it will be tried again"
        );
        tokio::time::sleep(wait).await;
    }
}

/// An order, as far as it is done.
struct Work {
    waiting: VecDeque<EventData>,
    done: Option<oneshot::Sender<()>>,
}

impl Work {
    fn new(order: Order) -> Self {
        Self {
            waiting: order.events.into(),
            done: Some(order.done),
        }
    }

    /// So many of the oldest messages are acknowledged.
    fn acknowledged(&mut self) {
        self.waiting.pop_front();
        if self.waiting.is_empty()
            && let Some(done) = self.done.take()
        {
            // Who asked may have ended.
            let _ = done.send(());
        }
    }
}

/// One connection, from CONNECT to its end.
async fn connected(
    remote: &Remote,
    device: &DeviceId,
    work: &mut Work,
    orders: &mut mpsc::Receiver<Order>,
    backoff: &mut Backoff,
) -> Ended {
    let (client, mut events) = AsyncClient::new(options(remote, device), usize::from(WINDOW));
    match next(&mut events).await {
        Ok(Event::Incoming(Incoming::ConnAck(ack))) if ack.code == ConnectReturnCode::Success => {}
        Ok(Event::Incoming(Incoming::ConnAck(ack))) => return Ended::Refused(ack.code),
        Ok(_) => return Ended::Silent,
        Err(ended) => return ended,
    }
    remote.counters.connections.fetch_add(1, Ordering::Relaxed);
    loop {
        let window = work.waiting.len().min(usize::from(WINDOW));
        for event in work.waiting.iter().take(window) {
            let topic = topic(device, event, remote);
            let body = event.message.body.clone();
            let sent = client.try_publish(topic, QoS::AtLeastOnce, false, body);
            if sent.is_err() {
                return Ended::Client;
            }
        }
        let mut missing = window;
        while missing > 0 {
            match next(&mut events).await {
                Ok(Event::Incoming(Incoming::PubAck(_))) => {
                    missing -= 1;
                    backoff.reset();
                    remote.counters.forwarded.fetch_add(1, Ordering::Relaxed);
                    work.acknowledged();
                }
                Ok(_) => {}
                Err(ended) => return ended,
            }
        }
        while work.waiting.is_empty() {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => *work = Work::new(order),
                    None => return Ended::Done,
                },
                // The connection is kept alive, and its end is noticed.
                event = events.poll() => if let Err(error) = event {
                    return Ended::Connection(Box::new(error));
                },
            }
        }
    }
}

/// What comes next, within the time in which something must come.
async fn next(events: &mut EventLoop) -> Result<Event, Ended> {
    match tokio::time::timeout(PATIENCE, events.poll()).await {
        Ok(Ok(event)) => Ok(event),
        Ok(Err(rumqttc::ConnectionError::ConnectionRefused(code))) => Err(Ended::Refused(code)),
        Ok(Err(error)) => Err(Ended::Connection(Box::new(error))),
        Err(_) => Err(Ended::Silent),
    }
}

fn options(remote: &Remote, device: &DeviceId) -> MqttOptions {
    let hub = &remote.hub;
    let mut options = MqttOptions::new(device.as_str(), hub.address.clone(), remote.port);
    options.set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::clone(
        &remote.tls,
    ))));
    #[expect(
        clippy::disallowed_methods,
        reason = "the other hub judges tokens by the wall clock"
    )]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let expiry = (now.unwrap_or_default() + TOKEN).as_secs();
    let user = format!("{}/{device}/?api-version=2021-04-12", hub.host);
    options.set_credentials(user, hub.token(device, expiry));
    options.set_keep_alive(Duration::from_mins(2));
    options.set_inflight(WINDOW);
    options.set_max_packet_size(MAX_MESSAGE + 64 * 1024, MAX_MESSAGE + 64 * 1024);
    // What was not acknowledged is sent again from here.
    options.set_clean_session(true);
    options
}

/// The topic of a message: what its device said of it is in it, and when it was sent.
fn topic(device: &DeviceId, event: &EventData, remote: &Remote) -> String {
    let mut topic = format!("devices/{device}/messages/events/");
    let message = &event.message;
    let theirs = message.system.iter().filter_map(|(name, value)| {
        let short = short_name(name)?;
        (name != system::TO && name != system::ACK).then_some((short, value.as_str()))
    });
    let sent = message.system.get(system::ENQUEUED_TIME);
    let sent = sent.filter(|_| !message.system.contains_key(system::CREATION_TIME));
    let sent = sent.map(|sent| ("$.ctime", sent.as_str()));
    let origin = Some(("twinbench-forward", remote.name.as_str()));
    let own = message.properties.iter();
    let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
    for (n, (name, value)) in theirs.chain(sent).chain(own).chain(origin).enumerate() {
        if n > 0 {
            topic.push('&');
        }
        topic.extend(utf8_percent_encode(name, PLAIN));
        topic.push('=');
        topic.extend(utf8_percent_encode(value, PLAIN));
    }
    topic
}
