//! One connection, from its opening on.

use std::sync::Arc;

use twinbench_model::{VirtualDuration, VirtualTime};

use crate::{
    CloseReason,
    certificate::ClientCertificate,
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
            session: None,
        }
    }

    /// When it will be closed if nothing is heard, and why.
    pub(crate) fn deadline(&self) -> (VirtualTime, CloseReason) {
        match &self.session {
            None => (
                self.opened.saturating_add(CONNECT_TIMEOUT),
                CloseReason::ConnectTimeout,
            ),
            Some(session) => {
                let silent = self.heard.saturating_add(session.silence);
                if session.until <= silent {
                    (session.until, CloseReason::TokenExpired)
                } else {
                    (silent, CloseReason::KeepAliveTimeout)
                }
            }
        }
    }
}
