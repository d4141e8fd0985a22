//! A device that registers, over MQTT.

use mqtt_proto::{
    QoS, QosPid,
    v3::{
        Connack, Connect, ConnectReturnCode, Packet, Publish, Suback, Subscribe,
        SubscribeReturnCode,
    },
};
use serde_json::{Value, json};
use twinbench_model::{Event, Room, VirtualTime};

use super::{EnrollmentKind, register::Proof};
use crate::{
    AuthError, CloseReason, ConnectionId, Hub, HubOutput,
    mqtt::{encode, field},
    output::shown,
};

const RESPONSES: &str = "$dps/registrations/res/#";
/// How soon a device asks again, in seconds, as the cloud says it.
const RETRY_AFTER: u32 = 3;

/// A device that may register.
#[derive(Debug)]
pub(crate) struct DpsSession {
    pub(super) registration: String,
    pub(super) enrollment: (EnrollmentKind, String),
    listens: bool,
    /// The registration that was begun: its operation's id and its end.
    operation: Option<(String, Value)>,
    /// When its proof ends.
    pub(crate) until: VirtualTime,
    pub(crate) silence: twinbench_model::VirtualDuration,
}

/// Whether a user name is one of the provisioning:
/// `{id scope}/registrations/{registration id}/api-version=…`.
pub(crate) fn is_registration(username: &str) -> bool {
    username.split('/').nth(1) == Some("registrations")
}

impl Hub {
    /// A CONNECT of a device that wants to register.
    pub(crate) fn connect_dps(&mut self, id: ConnectionId, connect: &Connect, now: VirtualTime) {
        let registration = connect.client_id.to_string();
        let username = connect.username.as_deref().unwrap_or_default();
        let mut parts = username.split('/');
        let (scope, named) = (parts.next().unwrap_or_default(), parts.nth(1));
        let peer = self.connections.get(&id);
        let certificate = peer.and_then(|peer| peer.certificate.clone());
        let password = connect
            .password
            .as_deref()
            .filter(|password| !password.is_empty());
        let password = password.map(std::str::from_utf8);
        let result = match (password, &certificate) {
            _ if named != Some(registration.as_str()) => Err(AuthError::NoProof),
            _ if !self.options.is_id_scope(scope) => Err(AuthError::Host(shown(scope))),
            (Some(Ok(token)), _) => self.attest((scope, &registration), &Proof::Token(token), now),
            (None, Some(certificate)) => self.attest(
                (scope, &registration),
                &Proof::Certificate(certificate),
                now,
            ),
            (Some(Err(_)) | None, _) => Err(AuthError::NoProof),
        };
        let (code, reason) = match result {
            Ok((enrollment, until)) => {
                let session = DpsSession {
                    registration,
                    enrollment,
                    listens: false,
                    operation: None,
                    until,
                    silence: crate::mqtt::silence(connect.keep_alive),
                };
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.dps = Some(Box::new(session));
                }
                (ConnectReturnCode::Accepted, None)
            }
            Err(error) => (ConnectReturnCode::NotAuthorized, Some(error.to_string())),
        };
        let bytes = encode(&Packet::Connack(Connack::new(false, code)));
        self.outputs.push(HubOutput::Send {
            connection: id,
            bytes,
        });
        if let Some(reason) = reason {
            let claimed = shown(&connect.client_id);
            let facts = json!({"event": "refused", "claimed": claimed, "reason": shown(&reason)});
            self.dps_event("unknown", &facts, now);
            let code = code as u8;
            self.close(id, CloseReason::Refused { code, reason }, now);
        }
    }

    /// A packet of a device that registers.
    pub(crate) fn dps_packet(
        &mut self,
        id: ConnectionId,
        packet: Packet,
        now: VirtualTime,
    ) -> Result<(), CloseReason> {
        match packet {
            Packet::Publish(publish) => self.dps_published(id, &publish, now),
            Packet::Subscribe(subscribe) => {
                self.dps_subscribed(id, &subscribe, now);
                Ok(())
            }
            Packet::Unsubscribe(unsubscribe) => {
                self.send(id, &Packet::Unsuback(unsubscribe.pid), now);
                Ok(())
            }
            Packet::Pingreq => {
                self.send(id, &Packet::Pingresp, now);
                Ok(())
            }
            Packet::Puback(_) => Ok(()),
            Packet::Disconnect => Err(CloseReason::ClientDisconnected),
            _ => Err(CloseReason::ProtocolViolation(
                "no packet of a device that registers",
            )),
        }
    }

    fn dps_subscribed(&mut self, id: ConnectionId, subscribe: &Subscribe, now: VirtualTime) {
        let mut listens = false;
        let mut codes = Vec::with_capacity(subscribe.topics.len());
        for (filter, qos) in &subscribe.topics {
            let known = **filter == *RESPONSES;
            listens |= known;
            codes.push(match qos {
                _ if !known => SubscribeReturnCode::Failure,
                QoS::Level0 => SubscribeReturnCode::MaxLevel0,
                QoS::Level1 | QoS::Level2 => SubscribeReturnCode::MaxLevel1,
            });
        }
        if let Some(session) = self.dps_session(id) {
            session.listens |= listens;
        }
        self.send(id, &Packet::Suback(Suback::new(subscribe.pid, codes)), now);
    }

    fn dps_published(
        &mut self,
        id: ConnectionId,
        publish: &Publish,
        now: VirtualTime,
    ) -> Result<(), CloseReason> {
        let topic: &str = &publish.topic_name;
        let wrong = || CloseReason::Topic(shown(topic));
        let rest = topic
            .strip_prefix("$dps/registrations/")
            .ok_or_else(wrong)?;
        let (path, query) = rest.split_once("/?").ok_or_else(wrong)?;
        let request = field(query, &["$rid", "%24rid"]).ok_or_else(wrong)?;
        let (status, body) = match path {
            "PUT/iotdps-register" => self.begin_registration(id, &publish.payload, now),
            "GET/iotdps-get-operationstatus" => {
                let asked = field(query, &["operationId"]).unwrap_or_default();
                self.registration_state(id, asked)
            }
            _ => return Err(wrong()),
        };
        match publish.qos_pid {
            QosPid::Level0 => {}
            QosPid::Level1(pid) => self.send(id, &Packet::Puback(pid), now),
            QosPid::Level2(_) => return Err(CloseReason::Qos2),
        }
        if self.dps_session(id).is_some_and(|session| session.listens) {
            let retry = match status {
                202 => format!("&retry-after={RETRY_AFTER}"),
                _ => String::new(),
            };
            let topic = format!("$dps/registrations/res/{status}/?$rid={request}{retry}");
            self.publish_to(id, &topic, body.to_string().into(), None, now);
        }
        Ok(())
    }

    fn dps_session(&mut self, id: ConnectionId) -> Option<&mut DpsSession> {
        self.connections.get_mut(&id)?.dps.as_deref_mut()
    }

    fn begin_registration(
        &mut self,
        id: ConnectionId,
        body: &[u8],
        now: VirtualTime,
    ) -> (u16, Value) {
        let refused = |status: u16, message: &str| {
            let code = u32::from(status) * 1_000;
            (status, json!({"errorCode": code, "message": message}))
        };
        let Some(session) = self
            .connections
            .get_mut(&id)
            .and_then(|known| known.dps.take())
        else {
            return refused(401, "not authorized");
        };
        let mut session = session;
        let asked = serde_json::from_slice::<Value>(body).ok();
        let named = asked
            .as_ref()
            .and_then(|body| body["registrationId"].as_str());
        let answer = if named.is_some_and(|named| named != session.registration) || asked.is_none()
        {
            refused(
                400,
                "the body must be JSON with the registrationId of the connection",
            )
        } else if let Some(state) = self.register(&session, now) {
            let facts = json!({"event": "assigned", "deviceId": state["deviceId"]});
            self.dps_event(&session.registration, &facts, now);
            // Unique for the connection, which alone may ask for it.
            let operation = format!("5.{:016x}.{:08x}", now.as_nanos(), id.0 as u32);
            let answer = json!({"operationId": operation, "status": "assigning"});
            session.operation = Some((operation, state));
            (202, answer)
        } else {
            refused(404, "the enrollment is gone")
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.dps = Some(session);
        }
        answer
    }

    fn registration_state(&mut self, id: ConnectionId, asked: &str) -> (u16, Value) {
        let operation = self
            .dps_session(id)
            .and_then(|session| session.operation.as_ref());
        match operation.filter(|(operation, _)| operation == asked) {
            Some((operation, state)) => {
                let mut answer = json!({"operationId": operation, "status": "assigned"});
                answer["registrationState"] = state.clone();
                (200, answer)
            }
            None => (
                404,
                json!({"errorCode": 404_000, "message": "there is no such operation"}),
            ),
        }
    }

    fn dps_event(&mut self, source: &str, facts: &Value, now: VirtualTime) {
        self.events
            .push(Event::json(now, Room::Hub, "dps", source.into(), facts));
    }
}
