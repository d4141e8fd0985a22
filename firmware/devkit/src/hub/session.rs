//! One connection to the hub, signed in: telemetry out, the twin kept in step, methods and messages
//! in.

use core::fmt;

use embassy_futures::select::{Either3, select3};
use embassy_time::{Duration, Instant, Timer};
use twinbench_devkit_config::Settings;
use twinbench_devkit_core::mqtt::{self, Event, PacketId, Receiver};
use twinbench_devkit_core::sas;
use twinbench_devkit_core::telemetry::{Json, Kind, json};
use twinbench_devkit_core::twin::Twin;

use super::dispatch::{self, Answer};
use crate::buttons::SEND_NOW;
use crate::log;
use crate::modem::{self, Modem};
use crate::panel::Panel;

/// How long the hub may take to answer anything.
const ANSWER: Duration = Duration::from_secs(30);
/// Silence of ours after which we ask whether the hub is there: within the keep-alive, with room
/// for the answer.
const PING_AFTER: Duration = Duration::from_secs(mqtt::KEEP_ALIVE_SECS as u64 - 30);

/// Why a connection ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// The modem failed.
    Modem(modem::Error),
    /// No token can be made.
    Token(sas::Error),
    /// The bytes are no MQTT, or the other side hung up.
    Packet(mqtt::Error),
    /// CONNACK with this return code.
    Refused(u8),
    /// No answer in time.
    Silent,
    /// The token is about to expire.
    TokenOld,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Modem(error) => write!(f, "modem: {error}"),
            End::Token(error) => write!(f, "{error}"),
            End::Packet(error) => write!(f, "{error}"),
            End::Refused(code) => write!(
                f,
                "sign-in refused with code {code}: check device id, key and host"
            ),
            End::Silent => write!(f, "no answer, connecting again"),
            End::TokenOld => write!(f, "renewing the token"),
        }
    }
}

impl End {
    /// For the display.
    pub(super) fn short(&self) -> &'static str {
        match self {
            End::Modem(_) => "modem failed",
            End::Token(_) => "no device key",
            End::Packet(mqtt::Error::Closed) => "closed",
            End::Packet(_) => "broken",
            End::Refused(_) => "refused",
            End::Silent => "silent",
            End::TokenOld => "renewing",
        }
    }
}

impl From<modem::Error> for End {
    fn from(error: modem::Error) -> Self {
        End::Modem(error)
    }
}

impl From<mqtt::Error> for End {
    fn from(error: mqtt::Error) -> Self {
        End::Packet(error)
    }
}

/// A message that the hub has not acknowledged yet.
struct Pending {
    id: PacketId,
    json: Json,
    /// When it was sent in this connection.
    sent: Option<Instant>,
    /// Whether it was sent in an earlier one.
    again: bool,
}

/// What outlives a connection: the message under way, whose turn it is, and the twin.
pub(super) struct Outbox {
    pub(super) twin: Twin,
    pending: Option<Pending>,
    kind: Kind,
    id: PacketId,
    /// When the next message is due. None before the first.
    next: Option<Instant>,
    acknowledged: u32,
}

impl Outbox {
    /// Nothing sent yet.
    pub(super) fn new(settings: &Settings<'_>) -> Self {
        Self {
            twin: Twin::new(settings.telemetry_interval_secs),
            pending: None,
            kind: Kind::default(),
            id: PacketId::default(),
            next: None,
            acknowledged: 0,
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.twin.interval_secs().into())
    }

    fn packet_id(&mut self) -> PacketId {
        let id = self.id;
        self.id = id.next();
        id
    }
}

/// One connection.
pub(super) struct Session<'a> {
    settings: &'a Settings<'static>,
    modem: &'a mut Modem,
    panel: &'a mut Panel,
    outbox: &'a mut Outbox,
    receiver: Receiver,
    /// When to sign in again.
    replace: Instant,
    last_sent: Instant,
    ping_sent: Option<Instant>,
    /// When the request about the twin that is under way was sent.
    twin_asked: Option<Instant>,
    delivered: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        settings: &'a Settings<'static>,
        modem: &'a mut Modem,
        panel: &'a mut Panel,
        outbox: &'a mut Outbox,
        replace: Instant,
    ) -> Self {
        if let Some(pending) = &mut outbox.pending {
            pending.again |= pending.sent.take().is_some();
        }
        Self {
            settings,
            modem,
            panel,
            outbox,
            receiver: Receiver::new(),
            replace,
            last_sent: Instant::now(),
            ping_sent: None,
            twin_asked: None,
            delivered: false,
        }
    }

    /// Whether the hub acknowledged a message in this connection.
    pub(super) fn delivered(&self) -> bool {
        self.delivered
    }

    /// Waits for CONNACK.
    pub(super) async fn sign_in(&mut self) -> Result<(), End> {
        let limit = Instant::now() + ANSWER;
        loop {
            if let Some(event) = self.receiver.event()? {
                match event {
                    Event::Accepted { session_present } => {
                        log!(
                            "hub: connected{}",
                            if session_present {
                                ", session kept"
                            } else {
                                ""
                            }
                        );
                        self.panel.state("connected");
                        return Ok(());
                    }
                    Event::Refused(code) => return Err(End::Refused(code)),
                    _ => continue,
                }
            }
            self.receive(limit).await?;
            if Instant::now() >= limit {
                return Err(End::Silent);
            }
        }
    }

    /// Sends telemetry and answers the hub until something ends it.
    pub(super) async fn stay(&mut self) -> End {
        if let Err(end) = self.subscribe().await {
            return end;
        }
        loop {
            if let Err(end) = self.step().await {
                if matches!(end, End::TokenOld) {
                    // A word of farewell; it does not matter whether it arrives.
                    if let Ok(bytes) = mqtt::disconnect() {
                        let _ = self.modem.write(&bytes).await;
                    }
                }
                return end;
            }
        }
    }

    /// Subscribing anew costs little and is right also when the hub kept no session of ours.
    async fn subscribe(&mut self) -> Result<(), End> {
        let id = self.outbox.packet_id();
        self.write(&mqtt::subscribe(self.settings.device_id, id)?)
            .await?;
        self.outbox.twin.connected();
        Ok(())
    }

    async fn step(&mut self) -> Result<(), End> {
        while self.handle_next().await? {}
        let now = Instant::now();
        self.keep_twin(now).await?;
        match &self.outbox.pending {
            Some(Pending { sent: None, .. }) => self.send_pending().await?,
            Some(Pending {
                sent: Some(sent), ..
            }) if now >= *sent + ANSWER => return Err(End::Silent),
            None if now >= self.replace => return Err(End::TokenOld),
            None if self.outbox.next.is_none_or(|next| now >= next) => {
                self.send_telemetry().await?;
            }
            // Waiting for the acknowledgement, or for the next message's turn.
            Some(_) | None => {}
        }
        match self.ping_sent {
            Some(sent) if now >= sent + ANSWER => return Err(End::Silent),
            None if now >= self.last_sent + PING_AFTER => {
                self.write(&mqtt::ping()?).await?;
                self.ping_sent = Some(self.last_sent);
            }
            _ => {}
        }
        self.receive(self.wake()).await
    }

    /// Sends what the twin owes the hub.
    async fn keep_twin(&mut self, now: Instant) -> Result<(), End> {
        if !self.outbox.twin.waits() {
            self.twin_asked = None;
        } else if self.twin_asked.is_none_or(|asked| now >= asked + ANSWER) {
            self.outbox.twin.unanswered();
        }
        if let Some(request) = self.outbox.twin.request() {
            let bytes = mqtt::publish_once(&request.topic, request.body.as_bytes())?;
            self.write(&bytes).await?;
            self.twin_asked = Some(now);
        }
        Ok(())
    }

    /// The next instant at which something is due even if the hub says nothing.
    fn wake(&self) -> Instant {
        let work = match &self.outbox.pending {
            Some(pending) => pending.sent.map_or(Instant::MIN, |sent| sent + ANSWER),
            None => self.outbox.next.unwrap_or(Instant::MIN).min(self.replace),
        };
        let ping = self
            .ping_sent
            .map_or(self.last_sent + PING_AFTER, |sent| sent + ANSWER);
        let twin = self.twin_asked.map_or(Instant::MAX, |asked| asked + ANSWER);
        work.min(ping).min(twin)
    }

    /// Takes in the hub's bytes, until then at the latest.
    async fn receive(&mut self, limit: Instant) -> Result<(), End> {
        let mut buffer = [0; 256];
        match select3(
            self.modem.read(&mut buffer),
            SEND_NOW.wait(),
            Timer::at(limit),
        )
        .await
        {
            Either3::First(length) => self.receiver.push(&buffer[..length?])?,
            Either3::Second(()) => self.outbox.next = Some(Instant::now()),
            Either3::Third(()) => {}
        }
        Ok(())
    }

    /// Acts on one packet of the hub; says whether there was one.
    async fn handle_next(&mut self) -> Result<bool, End> {
        let mut answer = None;
        let acknowledge = match self.receiver.event()? {
            None => return Ok(false),
            Some(Event::Acknowledged(id)) => {
                if self
                    .outbox
                    .pending
                    .take_if(|pending| pending.id == id)
                    .is_some()
                {
                    self.outbox.acknowledged += 1;
                    self.delivered = true;
                }
                None
            }
            Some(Event::Alive) => {
                self.ping_sent = None;
                None
            }
            Some(Event::Message {
                topic,
                payload,
                acknowledge,
            }) => {
                let interval = self.outbox.interval();
                let device_id = self.settings.device_id;
                answer =
                    dispatch::message(device_id, topic, payload, &mut self.outbox.twin, self.panel);
                if self.outbox.interval() != interval {
                    // The next message keeps to the new interval, not to what is left of the old.
                    let due = Instant::now() + self.outbox.interval();
                    self.outbox.next = self.outbox.next.map(|next| next.min(due));
                }
                acknowledge
            }
            Some(Event::TooLarge { acknowledge }) => {
                log!("hub: a message too large for this device, skipped");
                acknowledge
            }
            Some(Event::Subscribed { all }) => {
                if !all {
                    log!("hub: not every subscription was granted");
                }
                None
            }
            Some(Event::Accepted { .. } | Event::Refused(_) | Event::Other) => None,
        };
        if let Some(Answer { topic, body }) = answer {
            self.write(&mqtt::publish_once(&topic, body.as_bytes())?)
                .await?;
        }
        if let Some(id) = acknowledge {
            self.write(&mqtt::puback(id)?).await?;
        }
        Ok(true)
    }

    /// Reads the sensors for the message whose turn it is, and sends it.
    async fn send_telemetry(&mut self) -> Result<(), End> {
        let now = Instant::now();
        let interval = self.outbox.interval();
        // In step with the last one; after a pause without a hub, from now on.
        let next = self.outbox.next.unwrap_or(now) + interval;
        self.outbox.next = Some(if next > now { next } else { now + interval });

        let kind = self.outbox.kind;
        self.outbox.kind = kind.next();
        let reading = match self.panel.sensors.read(kind).await {
            Ok(reading) => reading,
            Err(error) => {
                log!("sensors: {error}, no {kind:?} this time");
                return Ok(());
            }
        };
        let Some(json) = json(&reading) else {
            return Ok(());
        };
        let id = self.outbox.packet_id();
        self.outbox.pending = Some(Pending {
            id,
            json,
            sent: None,
            again: false,
        });
        self.send_pending().await?;
        self.panel.telemetry(&reading, self.outbox.acknowledged + 1);
        Ok(())
    }

    async fn send_pending(&mut self) -> Result<(), End> {
        let Some(pending) = &mut self.outbox.pending else {
            return Ok(());
        };
        let topic = mqtt::telemetry_topic(self.settings.device_id).ok_or(mqtt::Error::TooLarge)?;
        let bytes = mqtt::publish(&topic, pending.json.as_bytes(), pending.id, pending.again)?;
        log!(
            "telemetry: {}{}",
            pending.json,
            if pending.again { " (again)" } else { "" }
        );
        pending.sent = Some(Instant::now());
        self.write(&bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.last_sent = Instant::now();
        Ok(self.modem.write(bytes).await?)
    }
}
