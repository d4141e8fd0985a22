//! One connection: SASL, open, sessions and what its links share.

use std::{
    io::Cursor,
    sync::{Arc, Mutex},
};

use fe2o3_amqp::{
    acceptor::{
        ConnectionAcceptor, ListenerSessionHandle, SaslAcceptor, SessionAcceptor,
        sasl_acceptor::SaslServerFrame,
    },
    types::{
        definitions::Fields,
        primitives::{Array, Symbol, Value},
        sasl::{SaslCode, SaslInit, SaslOutcome, SaslResponse},
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    sync::mpsc,
    task::JoinSet,
};
use twinbench_model::VirtualTime;

use super::{
    Grant, Node, check_plain, link,
    request::Response,
    server::{OPENING, Shared, lock},
};
use crate::Options;

/// Largest frame in bytes that is taken; what the cloud's endpoint offers.
const MAX_FRAME: u32 = 65_536;
/// Sessions of a connection at most, less one.
const MAX_CHANNEL: u16 = 31;
/// Links of a session at most, less one.
const MAX_HANDLE: u32 = 63;

/// The header with which AMQP begins where no SASL is wanted (AMQP 1.0, figure 2.9).
const PLAIN_HEADER: [u8; 8] = *b"AMQP\0\x01\0\0";

/// What the links of a connection share.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) peer: String,
    grants: Mutex<Vec<Grant>>,
    replies: Mutex<Vec<ReplyLink>>,
}

/// A link on which answers go to the client.
struct ReplyLink {
    node: Node,
    /// The client's name for its end, which requests give as `reply-to`.
    address: Option<String>,
    answers: mpsc::Sender<Response>,
}

impl Connection {
    /// Whether a token that was put opens an address at this time.
    pub(super) fn opens(&self, address: &str, now: VirtualTime) -> bool {
        lock(&self.grants)
            .iter()
            .any(|grant| grant.covers(address, now))
    }

    /// Whether a token that was put opens the event endpoint's management at this time.
    pub(super) fn opens_management(&self, now: VirtualTime) -> bool {
        let name = &self.shared.settings.event_hub;
        let grants = lock(&self.grants);
        grants
            .iter()
            .any(|grant| grant.covers_management(name, now))
    }

    /// Keeps a grant; one of the same scope is replaced, so a client that renews its token for
    /// weeks keeps one.
    pub(super) fn grant(&self, grant: Grant) {
        let mut grants = lock(&self.grants);
        grants.retain(|older| !older.replaced_by(&grant));
        grants.push(grant);
    }

    /// Enters a link for answers.
    pub(super) fn add_reply_link(
        &self,
        node: Node,
        address: Option<String>,
    ) -> mpsc::Receiver<Response> {
        let (answers, waiting) = mpsc::channel(64);
        let mut replies = lock(&self.replies);
        replies.retain(|link| !link.answers.is_closed());
        replies.push(ReplyLink {
            node,
            address,
            answers,
        });
        waiting
    }

    /// The way for an answer: the link that the request names, else the newest of this node.
    pub(super) fn reply_link(
        &self,
        node: &Node,
        address: Option<&str>,
    ) -> Option<mpsc::Sender<Response>> {
        let replies = lock(&self.replies);
        let of_node = || replies.iter().rev().filter(|link| link.node == *node);
        let named = of_node().find(|link| address.is_some() && link.address.as_deref() == address);
        named
            .or_else(|| of_node().next())
            .map(|link| link.answers.clone())
    }
}

/// Serves a connection until it ends.
pub(super) async fn serve<S>(shared: Arc<Shared>, stream: S, peer: &str) -> Result<(), String>
where
    S: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin + 'static,
{
    let now = shared
        .hub
        .run(|_, now| now)
        .await
        .map_err(|gone| gone.to_string())?;
    let login = Login {
        options: Arc::clone(&shared.options),
        now,
        granted: Arc::default(),
    };
    let acceptor = ConnectionAcceptor::builder()
        .container_id(shared.settings.event_hub.clone())
        .max_frame_size(MAX_FRAME)
        .channel_max(MAX_CHANNEL)
        .properties(own_properties())
        .build();
    let opening = async {
        let (mut read, write) = tokio::io::split(stream);
        let mut header = [0; 8];
        read.read_exact(&mut header)
            .await
            .map_err(|error| error.to_string())?;
        let stream = tokio::io::join(Cursor::new(header).chain(read), write);
        // Clients that have nothing but a token for $cbs, such as azure-iothub for Node, may
        // leave SASL out (AMQP 1.0, 5.3.1 and 2.2).
        let opened = if header == PLAIN_HEADER {
            acceptor.accept(stream).await
        } else {
            let acceptor = acceptor.into_builder().sasl_acceptor(login.clone()).build();
            acceptor.accept(stream).await
        };
        opened.map_err(|error| error.to_string())
    };
    let mut open = match tokio::time::timeout(OPENING, opening).await {
        Ok(Ok(open)) => open,
        Ok(Err(error)) => return Err(format!("it could not be opened: {error}")),
        Err(_) => return Err("it was not opened within 30 s".to_owned()),
    };
    let connection = Arc::new(Connection {
        shared,
        peer: peer.to_owned(),
        grants: Mutex::new(lock(&login.granted).take().into_iter().collect()),
        replies: Mutex::default(),
    });
    tracing::debug!(%peer, "AMQP connection open");
    let mut sessions = JoinSet::new();
    while let Some(incoming) = open.next_incoming_session().await {
        let acceptor = SessionAcceptor::builder()
            .handle_max(MAX_HANDLE)
            .properties(own_properties())
            .build();
        match acceptor.accept_incoming_session(incoming, &mut open).await {
            Ok(session) => {
                sessions.spawn(serve_session(Arc::clone(&connection), session));
            }
            Err(error) => tracing::info!(%peer, %error, "an AMQP session could not begin"),
        }
        while sessions.try_join_next().is_some() {}
    }
    match open.on_close().await {
        Ok(()) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

async fn serve_session(connection: Arc<Connection>, mut session: ListenerSessionHandle) {
    let mut links = JoinSet::new();
    while let Some(attach) = session.next_incoming_attach().await {
        link::attach(&connection, attach, &mut session, &mut links).await;
        while links.try_join_next().is_some() {}
    }
    if let Err(error) = session.on_end().await {
        tracing::debug!(peer = connection.peer, %error, "an AMQP session ended");
    }
}

/// What open, begin and attach say of this end. Never empty: pyamqp reads the field by its
/// place, so it must be there.
pub(super) fn own_properties() -> Fields {
    let mut fields = Fields::new();
    fields.insert(Symbol::from("product"), Value::String("twinbench".into()));
    fields
}

/// The SASL negotiation: anonymous and claims-based clients are let in with nothing granted,
/// PLAIN is checked here.
#[derive(Clone)]
struct Login {
    options: Arc<Options>,
    now: VirtualTime,
    granted: Arc<Mutex<Option<Grant>>>,
}

impl SaslAcceptor for Login {
    fn mechanisms(&self) -> Array<Symbol> {
        Array::from(["ANONYMOUS", "PLAIN", "MSSBCBS"].map(Symbol::from).to_vec())
    }

    fn on_init(&mut self, init: SaslInit) -> SaslServerFrame {
        let code = match init.mechanism.as_str() {
            "ANONYMOUS" | "MSSBCBS" => SaslCode::Ok,
            "PLAIN" => {
                let response = init.initial_response.unwrap_or_default();
                match check_plain(&self.options, &response, self.now) {
                    Ok(grant) => {
                        *lock(&self.granted) = Some(grant);
                        SaslCode::Ok
                    }
                    Err(error) => {
                        tracing::info!(%error, "SASL PLAIN refused on AMQP");
                        SaslCode::Auth
                    }
                }
            }
            _ => SaslCode::Auth,
        };
        outcome(code)
    }

    fn on_response(&mut self, _: SaslResponse) -> SaslServerFrame {
        // None of the mechanisms has a second step.
        outcome(SaslCode::Sys)
    }
}

fn outcome(code: SaslCode) -> SaslServerFrame {
    SaslServerFrame::Outcome(SaslOutcome {
        code,
        additional_data: None,
    })
}
