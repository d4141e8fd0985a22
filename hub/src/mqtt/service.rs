//! What the hub does with a client's packets.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use mqtt_proto::{
    Pid, QoS, QosPid,
    v3::{Connack, Connect, ConnectReturnCode, LastWill, Packet, Publish},
    v3::{Suback, Subscribe, SubscribeReturnCode, Unsubscribe},
};
use twinbench_model::{Message, VirtualDuration, VirtualTime};

use super::{
    Granted, MAX_MESSAGE, PropertyBag, Publication, Session, Subscription, Subscriptions, Username,
    codec::{CodecError, Decoder},
    session::silence,
};
use crate::{
    AuthError, CloseReason, ConnectionId, Hub, auth,
    dps::is_registration,
    faults::{FaultKind, LateMessage},
    hub::message_size,
    journal::{self, ConnectionFacts},
    limits::Operation,
    output::shown,
    registry::IdentityId,
};

/// Most filters in one SUBSCRIBE or UNSUBSCRIBE. A device has four to ask for; the cloud allows
/// 50 subscriptions (IoT Hub quotas).
const MAX_FILTERS: usize = 50;

/// Why a CONNECT is refused: the return code and the text for the recorder.
struct Refusal {
    code: ConnectReturnCode,
    reason: String,
}

fn refuse(code: ConnectReturnCode, reason: impl Into<String>) -> Refusal {
    let reason = shown(&reason.into());
    Refusal { code, reason }
}

impl Hub {
    /// Bytes came in on a connection. They may hold any part of any number of packets. Bytes of a
    /// connection that the hub has closed are passed over.
    pub fn receive(&mut self, id: ConnectionId, bytes: &[u8], now: VirtualTime) {
        for chunk in bytes.chunks(Decoder::CHUNK) {
            if self.is_deaf(id) {
                return;
            }
            let Some(connection) = self.connections.get_mut(&id) else {
                return;
            };
            connection.decoder.feed(chunk);
            // A handled packet may have closed the connection, so it is looked up again.
            while let Some(connection) = self.connections.get_mut(&id) {
                match connection.decoder.next() {
                    Ok(None) => break,
                    Ok(Some(packet)) => {
                        connection.heard = now;
                        if let Err(reason) = self.handle(id, packet, now) {
                            self.close(id, reason, now);
                        }
                    }
                    Err(error) => self.undecodable(id, error, now),
                }
            }
        }
    }

    fn undecodable(&mut self, id: ConnectionId, error: CodecError, now: VirtualTime) {
        let admitted = self
            .connections
            .get(&id)
            .is_some_and(|connection| connection.session.is_some());
        match error {
            CodecError::Protocol if admitted => {
                self.close(id, CloseReason::ProtocolViolation("a second CONNECT"), now);
            }
            CodecError::Protocol => {
                let refusal = refuse(
                    ConnectReturnCode::UnacceptableProtocolVersion,
                    "only MQTT 3.1.1 is spoken here",
                );
                self.refused(id, "", refusal, now);
            }
            CodecError::Malformed(what) => self.close(id, CloseReason::Malformed(what), now),
            CodecError::TooLarge { size, limit } => {
                self.close(id, CloseReason::TooLarge { size, limit }, now);
            }
        }
    }

    fn handle(
        &mut self,
        id: ConnectionId,
        packet: Packet,
        now: VirtualTime,
    ) -> Result<(), CloseReason> {
        let violation = |what| Err(CloseReason::ProtocolViolation(what));
        let connection = self.connections.get(&id);
        if connection.is_some_and(|connection| connection.dps.is_some()) {
            return self.dps_packet(id, packet, now);
        }
        let admitted = connection.is_some_and(|connection| connection.session.is_some());
        match (packet, admitted) {
            (Packet::Connect(connect), false) => {
                let username = connect.username.as_deref();
                if username.is_some_and(is_registration) {
                    self.connect_dps(id, &connect, now);
                    return Ok(());
                }
                self.connect(id, connect, now);
                Ok(())
            }
            (Packet::Connect(_), true) => violation("a second CONNECT"),
            (_, false) => violation("the first packet is not CONNECT"),
            (Packet::Publish(publish), true) => self.published(id, publish, now),
            (Packet::Subscribe(subscribe), true) => self.subscribed(id, &subscribe, now),
            (Packet::Unsubscribe(unsubscribe), true) => self.unsubscribed(id, &unsubscribe, now),
            (Packet::Pingreq, true) => {
                self.send(id, &Packet::Pingresp, now);
                Ok(())
            }
            (Packet::Disconnect, true) => Err(CloseReason::ClientDisconnected),
            (Packet::Puback(pid), true) => {
                self.acknowledged(id, pid, now);
                Ok(())
            }
            (Packet::Pubrec(_) | Packet::Pubrel(_) | Packet::Pubcomp(_), true) => {
                Err(CloseReason::Qos2)
            }
            (
                Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp,
                true,
            ) => violation("a packet that only servers send"),
        }
    }

    fn connect(&mut self, id: ConnectionId, connect: Connect, now: VirtualTime) {
        if self.is_out_of_reach(id, &connect.client_id, now) {
            return;
        }
        let client_id = Arc::clone(&connect.client_id);
        let keep_alive = connect.keep_alive;
        let mut session = match self.admit(id, connect, now) {
            Ok(session) => session,
            Err(refusal) => return self.refused(id, &client_id, refusal, now),
        };
        if let Err(refusal) = self.let_in(&session.id, now) {
            return self.refused(id, &client_id, refusal, now);
        }
        if let Some(&older) = self.online.get(&session.id) {
            self.close(older, CloseReason::ReplacedByNewConnection, now);
        }
        let kept = self.sessions.get(&session.id).cloned();
        let session_present = kept.is_some() && !session.clean;
        if session.clean {
            self.sessions.remove(&session.id, &mut self.records);
        } else {
            session.subscriptions = kept.unwrap_or_default();
            let Session {
                id, subscriptions, ..
            } = &session;
            self.sessions.put(id, subscriptions, &mut self.records);
        }
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let identity = session.id.clone();
        let model = session.model_id.clone();
        let facts = ConnectionFacts::Connected {
            peer: &connection.peer,
            authentication: session.scope,
            clean_session: session.clean,
            session_present,
            keep_alive_seconds: keep_alive,
            model_id: session.model_id.as_deref(),
            will: session.will.is_some(),
        };
        let event = journal::connection(now, identity.shared(), &facts);
        connection.session = Some(Box::new(session));
        self.timers.remove(&(connection.timer, id));
        connection.timer = connection.deadline().0;
        self.timers.insert((connection.timer, id));
        self.events.push(event);
        self.online.insert(identity.clone(), id);
        self.stats.connects_admitted += 1;
        self.connection_changed(&identity, now);
        let change = crate::routes::ConnectionChange::Connected;
        self.connection_state_changed(&identity, change, now);
        if model.is_some() {
            self.set_model(&identity, model.as_deref());
        }
        let connack = Connack::new(session_present, ConnectReturnCode::Accepted);
        self.send(id, &Packet::Connack(connack), now);
        // Of a session that was kept, the subscriptions are back, and so is what they ask for.
        self.deliver(&identity, now);
        self.send_methods(&identity, now);
    }

    /// Whether a fault swallows a CONNECT.
    fn is_out_of_reach(&mut self, id: ConnectionId, client_id: &str, now: VirtualTime) -> bool {
        let device = client_id.split('/').next().unwrap_or_default();
        if self.faults.acts(device, FaultKind::NetworkDrop) {
            self.close(id, CloseReason::Fault("the network is gone"), now);
            return true;
        }
        self.faults.acts(device, FaultKind::HalfOpen)
    }

    /// Refuses a CONNECT that faults or limits do not let in.
    fn let_in(&mut self, id: &IdentityId, now: VirtualTime) -> Result<(), Refusal> {
        use ConnectReturnCode as Code;
        let device = id.device.as_str();
        if self.faults.acts(device, FaultKind::ServerRestart) {
            return Err(refuse(Code::ServerUnavailable, "the server restarts"));
        }
        if self.faults.acts(device, FaultKind::RejectAuthentication) {
            let reason = "a fault has authentication refused";
            return Err(refuse(Code::NotAuthorized, reason));
        }
        self.admit_operation(Operation::Connect, 0, Some(id), now)
            .map(drop)
            .map_err(|error| refuse(Code::ServerUnavailable, error.to_string()))
    }

    /// Checks a CONNECT and makes its session, subscriptions not yet restored.
    fn admit(
        &self,
        connection: ConnectionId,
        connect: Connect,
        now: VirtualTime,
    ) -> Result<Session, Refusal> {
        use ConnectReturnCode as Code;
        let id = IdentityId::parse(&connect.client_id)
            .map_err(|error| refuse(Code::IdentifierRejected, error.to_string()))?;
        let username = connect
            .username
            .ok_or_else(|| refuse(Code::BadUserNameOrPassword, "there is no user name"))?;
        let username = Username::parse(&username, &id).map_err(|error| {
            let code = match error {
                super::UsernameError::OtherClient(_) => Code::IdentifierRejected,
                _ => Code::BadUserNameOrPassword,
            };
            refuse(code, error.to_string())
        })?;
        if !self.options.is_host(&username.host) {
            let reason = format!("{:?} is none of this hub's names", username.host);
            return Err(refuse(Code::NotAuthorized, reason));
        }
        let password = connect
            .password
            .as_deref()
            .filter(|password| !password.is_empty());
        let certificate = self.connections.get(&connection);
        let certificate = certificate.and_then(|connection| connection.certificate.as_ref());
        let admission = match (password, certificate) {
            (Some(password), _) => {
                let password = std::str::from_utf8(password).map_err(|_| {
                    refuse(Code::BadUserNameOrPassword, "the password is not UTF-8")
                })?;
                auth::authenticate(&self.options, &self.registry, &id, password, now)
            }
            (None, Some(certificate)) => {
                let (options, registry) = (&self.options, &self.registry);
                auth::authenticate_certificate(options, registry, &id, certificate, now)
            }
            (None, None) => Err(AuthError::NoProof),
        };
        let admission = admission.map_err(|error| {
            let code = match error {
                AuthError::Token(_) | AuthError::NoProof => Code::BadUserNameOrPassword,
                _ => Code::NotAuthorized,
            };
            refuse(code, error.to_string())
        })?;
        let will = connect.last_will.map(|will| will_message(will, &id));
        let will = will
            .transpose()
            .map_err(|reason| refuse(Code::NotAuthorized, format!("the will: {reason}")))?;
        Ok(Session {
            id,
            scope: admission.scope,
            until: admission.until,
            silence: silence(connect.keep_alive),
            model_id: username.model_id.map(Arc::from),
            will,
            clean: connect.clean_session,
            subscriptions: Subscriptions::new(),
            in_flight: BTreeMap::new(),
            last_pid: Pid::default(),
        })
    }

    fn refused(&mut self, id: ConnectionId, claimed: &str, refusal: Refusal, now: VirtualTime) {
        let Some(connection) = self.connections.get(&id) else {
            return;
        };
        // Only registered devices get a channel of their own in the recording.
        let known = IdentityId::parse(claimed)
            .ok()
            .filter(|id| self.registry.identity(id).is_some());
        let source = known.map_or_else(|| Arc::from("unknown"), |id| id.shared());
        let code = refusal.code as u8;
        let facts = ConnectionFacts::Refused {
            peer: &connection.peer,
            code,
            claimed: &shown(claimed),
            reason: &refusal.reason,
        };
        self.events.push(journal::connection(now, source, &facts));
        self.send(id, &Packet::Connack(Connack::new(false, refusal.code)), now);
        let reason = CloseReason::Refused {
            code,
            reason: refusal.reason,
        };
        self.close(id, reason, now);
    }

    fn published(
        &mut self,
        id: ConnectionId,
        publish: Publish,
        now: VirtualTime,
    ) -> Result<(), CloseReason> {
        let Some(session) = self.session(id) else {
            return Ok(());
        };
        let Publish {
            qos_pid,
            retain,
            topic_name,
            payload,
            ..
        } = publish;
        let acknowledge = match qos_pid {
            QosPid::Level0 => None,
            QosPid::Level1(pid) => Some(pid),
            QosPid::Level2(_) => return Err(CloseReason::Qos2),
        };
        let (identity, scope) = (session.id.clone(), session.scope);
        match Publication::parse(&topic_name, &identity) {
            Ok(Publication::Telemetry { bag }) => {
                let late = LateMessage {
                    id: identity,
                    scope,
                    model: session.model_id.clone(),
                    message: telemetry(bag, payload, retain)?,
                    acknowledge: acknowledge.map(|pid| (id, pid)),
                };
                return self.take_telemetry(late, now);
            }
            Ok(Publication::GetTwin { request }) => self.twin_asked(&identity, request, now),
            Ok(Publication::PatchReported { request, version }) => {
                self.reported(&identity, (request, version), &payload, now);
            }
            Ok(Publication::MethodAnswer { status, request }) => {
                self.method_answered(id, request, status, &payload, now);
            }
            Err(_) => return Err(CloseReason::Topic(shown(&topic_name))),
        }
        if let Some(pid) = acknowledge {
            self.send(id, &Packet::Puback(pid), now);
        }
        Ok(())
    }

    /// Takes telemetry as often and as late as faults and limits want it.
    fn take_telemetry(&mut self, late: LateMessage, now: VirtualTime) -> Result<(), CloseReason> {
        let size = message_size(&late.message);
        let delay = self
            .admit_operation(Operation::DeviceToCloud, size, Some(&late.id), now)
            .map_err(CloseReason::Limit)?;
        if self.faults.is_empty() && delay == VirtualDuration::ZERO {
            self.take_late(late, now);
            return Ok(());
        }
        if self.copies(&late.id) == 2 {
            let (id, model) = (&late.id, late.model.as_deref());
            self.take(id, late.scope, model, &late.message, now);
        }
        let late = match self.kept_until(&late.id, now) {
            None => late,
            Some(due) => match self.late.message(due, late) {
                None => return Ok(()),
                Some(late) => late,
            },
        };
        let delay = self
            .throttled_by(&late.id)
            .unwrap_or(VirtualDuration::ZERO)
            .max(delay);
        let model = late.model.as_deref();
        self.take(&late.id, late.scope, model, &late.message, now);
        if let Some((connection, pid)) = late.acknowledge {
            self.send_after(connection, &Packet::Puback(pid), delay, now);
        }
        Ok(())
    }

    fn subscribed(
        &mut self,
        id: ConnectionId,
        subscribe: &Subscribe,
        now: VirtualTime,
    ) -> Result<(), CloseReason> {
        if subscribe.topics.len() > MAX_FILTERS {
            return Err(CloseReason::ProtocolViolation("more than 50 filters"));
        }
        let Some(session) = self.session(id) else {
            return Ok(());
        };
        let identity = session.id.clone();
        let mut codes = Vec::with_capacity(subscribe.topics.len());
        let mut refused = Vec::new();
        let mut granted = Vec::new();
        for (filter, qos) in &subscribe.topics {
            let Some(subscription) = Subscription::parse(filter, &identity) else {
                codes.push(SubscribeReturnCode::Failure);
                refused.push(filter);
                continue;
            };
            let (code, level) = match qos {
                QoS::Level0 => (SubscribeReturnCode::MaxLevel0, Granted::Qos0),
                QoS::Level1 | QoS::Level2 => (SubscribeReturnCode::MaxLevel1, Granted::Qos1),
            };
            codes.push(code);
            granted.push((subscription, level));
        }
        self.stats.subscriptions_granted += granted.len() as u64;
        self.stats.subscriptions_refused += refused.len() as u64;
        if let Some(first) = refused.first() {
            let facts = ConnectionFacts::SubscriptionsRefused {
                count: refused.len(),
                first: shown(first),
            };
            let event = journal::connection(now, identity.shared(), &facts);
            self.events.push(event);
        }
        let asks = |what| {
            granted
                .iter()
                .any(|(subscription, _)| *subscription == what)
        };
        let messages = asks(Subscription::DeviceBound);
        let methods = asks(Subscription::Methods);
        self.change_subscriptions(id, |subscriptions| subscriptions.extend(granted));
        self.send(id, &Packet::Suback(Suback::new(subscribe.pid, codes)), now);
        if messages {
            self.deliver(&identity, now);
        }
        if methods {
            self.send_methods(&identity, now);
        }
        Ok(())
    }

    fn unsubscribed(
        &mut self,
        id: ConnectionId,
        unsubscribe: &Unsubscribe,
        now: VirtualTime,
    ) -> Result<(), CloseReason> {
        if unsubscribe.topics.len() > MAX_FILTERS {
            return Err(CloseReason::ProtocolViolation("more than 50 filters"));
        }
        let Some(session) = self.session(id) else {
            return Ok(());
        };
        let identity = session.id.clone();
        let parse = |filter: &mqtt_proto::TopicFilter| Subscription::parse(filter, &identity);
        let gone: Vec<_> = unsubscribe.topics.iter().filter_map(parse).collect();
        self.change_subscriptions(id, |subscriptions| {
            subscriptions.retain(|subscription, _| !gone.contains(subscription));
        });
        let pid: Pid = unsubscribe.pid;
        self.send(id, &Packet::Unsuback(pid), now);
        Ok(())
    }

    /// Changes a session's subscriptions, and those that are kept for the device.
    fn change_subscriptions(&mut self, id: ConnectionId, change: impl FnOnce(&mut Subscriptions)) {
        let connection = self.connections.get_mut(&id);
        let Some(session) = connection.and_then(|connection| connection.session.as_mut()) else {
            return;
        };
        change(&mut session.subscriptions);
        if !session.clean {
            self.sessions
                .put(&session.id, &session.subscriptions, &mut self.records);
        }
    }

    pub(crate) fn session(&self, id: ConnectionId) -> Option<&Session> {
        self.connections.get(&id)?.session.as_deref()
    }
}

/// The message of a PUBLISH or a will.
fn telemetry(bag: &str, body: Bytes, retain: bool) -> Result<Message, CloseReason> {
    let PropertyBag {
        system,
        mut properties,
    } = PropertyBag::parse(bag).map_err(|error| CloseReason::PropertyBag(error.to_string()))?;
    if retain {
        // Retained messages do not exist; the flag is passed on.
        properties.insert("mqtt-retain".to_owned(), "true".to_owned());
    }
    let message = Message {
        body,
        system,
        properties,
    };
    match message_size(&message) {
        size if size > MAX_MESSAGE => Err(CloseReason::TooLarge {
            size,
            limit: MAX_MESSAGE,
        }),
        _ => Ok(message),
    }
}

fn will_message(will: LastWill, id: &IdentityId) -> Result<Message, CloseReason> {
    if will.qos == QoS::Level2 {
        return Err(CloseReason::Qos2);
    }
    match Publication::parse(&will.topic_name, id) {
        Ok(Publication::Telemetry { bag }) => telemetry(bag, will.message, will.retain),
        _ => Err(CloseReason::Topic(shown(&will.topic_name))),
    }
}
