//! One connection, from its opening on.

use std::sync::Arc;

use twinbench_model::{VirtualDuration, VirtualTime};

use crate::{
    CloseReason,
    certificate::ClientCertificate,
    dps::DpsSession,
    mqtt::{Decoder, Session},
};

/// How long a connection may take to say CONNECT.
const CONNECT_TIMEOUT: VirtualDuration = VirtualDuration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: Arc<str>,
    pub(crate) decoder: Decoder,
    /// What the client has shown to TLS.
    pub(crate) certificate: Option<Box<ClientCertificate>>,
    opened: VirtualTime,
    pub(crate) heard: VirtualTime,
    /// When the last of what was said to it has left, faults considered.
    pub(crate) said: VirtualTime,
    /// When the hub looks at it again: not later than [`Connection::deadline`]. Not moved with
    /// every packet, so that a packet costs no change of the timers.
    pub(crate) timer: VirtualTime,
    /// That of a device that registers rather than one that is registered.
    pub(crate) dps: Option<Box<DpsSession>>,
    /// `None` until CONNECT is admitted.
    pub(crate) session: Option<Box<Session>>,
}

impl Connection {
    pub(crate) fn new(peer: &str, now: VirtualTime) -> Self {
        Self {
            peer: peer.into(),
            decoder: Decoder::default(),
            certificate: None,
            opened: now,
            heard: now,
            said: now,
            timer: now.saturating_add(CONNECT_TIMEOUT),
            dps: None,
            session: None,
        }
    }

    /// When it will be closed if nothing is heard, and why.
    pub(crate) fn deadline(&self) -> (VirtualTime, CloseReason) {
        let (until, silence) = match (&self.session, &self.dps) {
            (Some(session), _) => (session.until, session.silence),
            (None, Some(session)) => (session.until, session.silence),
            (None, None) => {
                let deadline = self.opened.saturating_add(CONNECT_TIMEOUT);
                return (deadline, CloseReason::ConnectTimeout);
            }
        };
        let silent = self.heard.saturating_add(silence);
        if until <= silent {
            (until, CloseReason::TokenExpired)
        } else {
            (silent, CloseReason::KeepAliveTimeout)
        }
    }
}
