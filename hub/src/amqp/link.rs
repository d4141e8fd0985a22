//! A link attaches: what it is for, and whether it may.

use std::sync::Arc;

use fe2o3_amqp::{
    acceptor::{
        LinkAcceptor, LinkEndpoint, ListenerSessionHandle, SupportedReceiverSettleModes,
        SupportedSenderSettleModes,
    },
    link::CreditMode,
    types::{
        definitions::{
            AmqpError, Error, ErrorCondition, Fields, LinkError, ReceiverSettleMode, Role,
            SenderSettleMode,
        },
        messaging::TargetArchetype,
        performatives::Attach,
        primitives::{Symbol, Value},
    },
};
use tokio::task::JoinSet;

use super::{
    JoinError, Node,
    connection::{Connection, own_properties},
    event_link, request_link, service_link,
};

/// Largest message in bytes that is taken on a link (IoT Hub quotas: 64 KB to a device, with
/// room for its properties).
const MAX_MESSAGE: u64 = 128 * 1024;

/// What a link is for.
enum Purpose {
    /// The client sends requests to a node.
    Requests(Node),
    /// The client takes answers of a node.
    Answers(Node),
    /// The client reads events.
    Events(Box<event_link::Plan>),
    /// The service sends to devices, by this address.
    Commands(String),
    /// The service takes feedback, by this address.
    Feedback(String),
    /// The service takes news of uploaded files, by this address.
    Files(String),
}

/// Answers an attach and starts the link's task, or detaches it at once with the reason.
pub(super) async fn attach(
    connection: &Arc<Connection>,
    attach: Attach,
    session: &mut ListenerSessionHandle,
    links: &mut JoinSet<()>,
) {
    let name = attach.name.clone();
    let purpose = purpose(connection, &attach).await;
    let reply_address = target_address(&attach);
    let settled = match purpose {
        Ok(Purpose::Events(_)) => SupportedSenderSettleModes::Settled,
        _ => SupportedSenderSettleModes::All,
    };
    let acceptor = LinkAcceptor::builder()
        .supported_sender_settle_modes(settled)
        .fallback_sender_settle_mode(SenderSettleMode::Settled)
        // uamqp asks for `second`, and then waits for ever for a settlement in two steps.
        .supported_receiver_settle_modes(SupportedReceiverSettleModes::First)
        .fallback_receiver_settle_mode(ReceiverSettleMode::First)
        .verify_incoming_source(false)
        .verify_incoming_target(false)
        .max_message_size(MAX_MESSAGE)
        .properties(own_properties())
        .build();
    let endpoint = match acceptor.accept_incoming_attach(attach, session).await {
        Ok(endpoint) => endpoint,
        Err(error) => {
            tracing::info!(peer = connection.peer, link = name, %error, "an AMQP link could not attach");
            return;
        }
    };
    let connection = Arc::clone(connection);
    match (purpose, endpoint) {
        (Ok(Purpose::Requests(node)), LinkEndpoint::Receiver(receiver)) => {
            links.spawn(request_link::serve_requests(connection, node, receiver));
        }
        (Ok(Purpose::Answers(node)), LinkEndpoint::Sender(sender)) => {
            let answers = connection.add_reply_link(node, reply_address);
            links.spawn(request_link::send_answers(sender, answers));
        }
        (Ok(Purpose::Events(plan)), LinkEndpoint::Sender(sender)) => {
            links.spawn(event_link::serve(connection, *plan, sender));
        }
        (Ok(Purpose::Commands(address)), LinkEndpoint::Receiver(receiver)) => {
            links.spawn(service_link::take_commands(connection, address, receiver));
        }
        (Ok(Purpose::Feedback(address)), LinkEndpoint::Sender(sender)) => {
            let kind = service_link::News::Feedback;
            links.spawn(service_link::give(connection, kind, address, sender));
        }
        (Ok(Purpose::Files(address)), LinkEndpoint::Sender(sender)) => {
            let kind = service_link::News::Files;
            links.spawn(service_link::give(connection, kind, address, sender));
        }
        (Err(error), endpoint) => {
            tracing::info!(peer = connection.peer, link = name, %error, "an AMQP link was refused");
            links.spawn(refuse(endpoint, error));
        }
        (Ok(_), endpoint) => {
            // A purpose is chosen by the role, so the endpoint fits it.
            links.spawn(refuse(
                endpoint,
                not_allowed("the role does not fit the node"),
            ));
        }
    }
}

async fn refuse(endpoint: LinkEndpoint, error: Error) {
    let closed = match endpoint {
        LinkEndpoint::Sender(sender) => sender.close_with_error(error).await,
        LinkEndpoint::Receiver(mut receiver) => {
            receiver.set_credit_mode(CreditMode::Manual);
            receiver.close_with_error(error).await
        }
    };
    if let Err(error) = closed {
        tracing::debug!(%error, "a refused AMQP link did not close cleanly");
    }
}

async fn purpose(connection: &Arc<Connection>, attach: &Attach) -> Result<Purpose, Error> {
    let shared = &connection.shared;
    let address = match attach.role {
        Role::Sender => target_address(attach),
        Role::Receiver => attach
            .source
            .as_ref()
            .and_then(|source| source.address.clone()),
    };
    let address = address.unwrap_or_default();
    let node = Node::parse(&address, &shared.settings.event_hub).ok_or_else(|| {
        let own = &shared.settings.event_hub;
        let shown: String = address.chars().take(120).collect();
        not_found(format!(
            "there is nothing at {shown:?}; the event hub of this endpoint is {own:?}"
        ))
    })?;
    match (node, &attach.role) {
        (Node::Cbs, Role::Sender) => Ok(Purpose::Requests(Node::Cbs)),
        (Node::Cbs, Role::Receiver) => Ok(Purpose::Answers(Node::Cbs)),
        // Requests carry their own answer to the question of rights.
        (Node::Management, Role::Sender) => Ok(Purpose::Requests(Node::Management)),
        (Node::Management, Role::Receiver) => Ok(Purpose::Answers(Node::Management)),
        (Node::Events { group, partition }, Role::Receiver) => {
            let plan = event_link::plan(connection, attach, address, group, partition).await?;
            Ok(Purpose::Events(Box::new(plan)))
        }
        (Node::DeviceBound, Role::Sender) => {
            service(connection, &address).await?;
            Ok(Purpose::Commands(address))
        }
        (Node::Feedback, Role::Receiver) => {
            service(connection, &address).await?;
            Ok(Purpose::Feedback(address))
        }
        (Node::FileNotifications, Role::Receiver) => {
            service(connection, &address).await?;
            Ok(Purpose::Files(address))
        }
        (node, _) => Err(not_allowed(format!(
            "{node:?} cannot be used in this direction"
        ))),
    }
}

/// Whether a token that was put opens an endpoint of the service.
async fn service(connection: &Connection, address: &str) -> Result<(), Error> {
    let now = connection.shared.hub.run(|_, now| now).await;
    let open = connection.opens(address, now.map_err(internal)?);
    open.then_some(()).ok_or_else(|| unauthorized(address))
}

fn target_address(attach: &Attach) -> Option<String> {
    match attach.target.as_deref() {
        Some(TargetArchetype::Target(target)) => target.address.clone(),
        _ => None,
    }
}

/// An error whose every field is there: pyamqp reads them by their places.
pub(super) fn error(condition: impl Into<ErrorCondition>, description: impl Into<String>) -> Error {
    let mut info = Fields::new();
    info.insert(Symbol::from("product"), Value::String("twinbench".into()));
    Error::new(condition, Some(description.into()), Some(info))
}

pub(super) fn not_found(description: impl Into<String>) -> Error {
    error(AmqpError::NotFound, description)
}

pub(super) fn not_allowed(description: impl Into<String>) -> Error {
    error(AmqpError::NotAllowed, description)
}

/// No token that was put opens the address.
pub(super) fn unauthorized(address: &str) -> Error {
    let shown: String = address.chars().take(120).collect();
    error(
        AmqpError::UnauthorizedAccess,
        format!("no valid token opens {shown:?}: put one of a policy with ServiceConnect on $cbs"),
    )
}

pub(super) fn internal(description: impl std::fmt::Display) -> Error {
    error(AmqpError::InternalError, description.to_string())
}

pub(super) fn join_error(cause: &JoinError) -> Error {
    match cause {
        JoinError::Stolen { .. } => error(LinkError::Stolen, cause.to_string()),
        JoinError::TooMany => error(AmqpError::ResourceLimitExceeded, cause.to_string()),
    }
}
