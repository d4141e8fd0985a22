//! Links of the service: messages to devices, and what became of them.

use std::{sync::Arc, time::Duration};

use fe2o3_amqp::{
    Receiver, Sender,
    types::{
        definitions::{AmqpError, Error},
        messaging::{Body, Outcome},
        primitives::Value,
    },
};

use super::{
    command::{command, feedback, refusal},
    connection::Connection,
    link::{error, internal, unauthorized},
};
use crate::Hub;

/// How often a link looks for feedback.
const LOOK: Duration = Duration::from_millis(250);

/// Takes messages to devices until the link ends.
pub(super) async fn take_commands(
    connection: Arc<Connection>,
    address: String,
    mut receiver: Receiver,
) {
    let epoch = connection.shared.options.epoch;
    loop {
        let delivery = match receiver.recv::<Body<Value>>().await {
            Ok(delivery) => delivery,
            Err(error) => {
                tracing::debug!(peer = connection.peer, %error, "a link to devices ended");
                return;
            }
        };
        let result = match command(delivery.message().clone(), epoch) {
            Err(cause) => Err(error(AmqpError::InvalidField, cause.to_string())),
            Ok((id, send)) => {
                let (ours, at) = (Arc::clone(&connection), address.clone());
                let work = move |hub: &mut Hub, now| {
                    if !ours.opens(&at, now) {
                        return Err(unauthorized(&at));
                    }
                    hub.send_c2d(&id, send, now)
                        .map_err(|cause| refusal(&cause))
                };
                let sent = connection.shared.hub.run(work).await;
                sent.unwrap_or_else(|gone| Err(internal(gone)))
            }
        };
        let settled = match result {
            Ok(_) => receiver.accept(&delivery).await,
            Err(cause) => {
                tracing::info!(peer = connection.peer, %cause, "a message to a device was refused");
                receiver.reject(&delivery, cause).await
            }
        };
        if settled.is_err() {
            return;
        }
    }
}

/// Gives feedback until the link ends. A batch is done with when the service accepts it.
pub(super) async fn give_feedback(
    connection: Arc<Connection>,
    address: String,
    mut sender: Sender,
) {
    if let Err(reason) = feed(&connection, &address, &mut sender).await
        && let Err(error) = sender.close_with_error(reason).await
    {
        tracing::debug!(peer = connection.peer, %error, "a feedback link did not close cleanly");
    }
}

async fn feed(
    connection: &Arc<Connection>,
    address: &str,
    sender: &mut Sender,
) -> Result<(), Error> {
    let (hub, epoch) = (&connection.shared.hub, connection.shared.options.epoch);
    loop {
        let (ours, at) = (Arc::clone(connection), address.to_owned());
        let look = hub.run(move |hub: &mut Hub, now| {
            let open = ours.opens(&at, now);
            open.then(|| hub.receive_feedback(now))
                .ok_or_else(|| unauthorized(&at))
        });
        let Some(batch) = look.await.map_err(internal)?? else {
            tokio::select! {
                _ = sender.on_detach() => return Ok(()),
                () = tokio::time::sleep(LOOK) => continue,
            }
        };
        let outcome = sender.send(feedback(&batch, epoch)).await;
        let (token, done) = (
            batch.lock_token,
            matches!(outcome, Ok(Outcome::Accepted(_) | Outcome::Rejected(_))),
        );
        let settle = hub.run(move |hub: &mut Hub, _| {
            if done {
                hub.complete_feedback(token)
            } else {
                hub.abandon_feedback(token)
            }
        });
        if settle.await.map_err(internal)?.is_err() {
            tracing::info!(
                peer = connection.peer,
                "feedback was settled after its lock had ended"
            );
        }
        if outcome.is_err() {
            return Ok(());
        }
    }
}

/// Holds a link on which nothing comes yet, until the client ends it.
pub(super) async fn hold(mut sender: Sender) {
    sender.on_detach().await;
}
