//! Links of the service: messages to devices, what became of them, and uploaded files.

use std::{sync::Arc, time::Duration};

use fe2o3_amqp::{
    Receiver, Sender,
    types::{
        definitions::{AmqpError, Error},
        messaging::{Body, Data, Message, Outcome},
        primitives::Value,
    },
};
use twinbench_model::VirtualTime;

use super::{
    command::{command, feedback, file_notification, refusal},
    connection::Connection,
    link::{error, internal, unauthorized},
};
use crate::{Hub, c2d::LockLost};

/// How often a link looks for news.
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

/// What a link of news gives.
#[derive(Debug, Clone, Copy)]
pub(super) enum News {
    /// What became of messages to devices.
    Feedback,
    /// Files that devices have uploaded.
    Files,
}

impl News {
    /// The next piece of news and its lock; `None` when none waits.
    fn receive(self, hub: &mut Hub, now: VirtualTime) -> Option<(u64, Message<Data>)> {
        let epoch = hub.options().epoch;
        match self {
            Self::Feedback => {
                let batch = hub.receive_feedback(now)?;
                Some((batch.lock_token, feedback(&batch, epoch)))
            }
            Self::Files => {
                let (number, notice) = hub.receive_file_notification(now)?;
                Some((number, file_notification(number, &notice, epoch)))
            }
        }
    }

    fn settle(self, hub: &mut Hub, lock: u64, done: bool) -> Result<(), LockLost> {
        match (self, done) {
            (Self::Feedback, true) => hub.complete_feedback(lock),
            (Self::Feedback, false) => hub.abandon_feedback(lock),
            (Self::Files, true) => hub.complete_file_notification(lock),
            (Self::Files, false) => hub.abandon_file_notification(lock),
        }
    }
}

/// Gives news until the link ends. A piece is done with when the service accepts or rejects it.
pub(super) async fn give(
    connection: Arc<Connection>,
    news: News,
    address: String,
    mut sender: Sender,
) {
    if let Err(reason) = feed(&connection, news, &address, &mut sender).await
        && let Err(error) = sender.close_with_error(reason).await
    {
        tracing::debug!(peer = connection.peer, %error, "a link of news did not close cleanly");
    }
}

async fn feed(
    connection: &Arc<Connection>,
    news: News,
    address: &str,
    sender: &mut Sender,
) -> Result<(), Error> {
    let hub = &connection.shared.hub;
    loop {
        let (ours, at) = (Arc::clone(connection), address.to_owned());
        let look = hub.run(move |hub: &mut Hub, now| {
            let open = ours.opens(&at, now);
            open.then(|| news.receive(hub, now))
                .ok_or_else(|| unauthorized(&at))
        });
        let Some((lock, message)) = look.await.map_err(internal)?? else {
            tokio::select! {
                _ = sender.on_detach() => return Ok(()),
                () = tokio::time::sleep(LOOK) => continue,
            }
        };
        let outcome = sender.send(message).await;
        let done = matches!(outcome, Ok(Outcome::Accepted(_) | Outcome::Rejected(_)));
        let settle = hub.run(move |hub: &mut Hub, _| news.settle(hub, lock, done));
        if settle.await.map_err(internal)?.is_err() {
            tracing::info!(
                peer = connection.peer,
                ?news,
                "news were settled after their lock had ended"
            );
        }
        if outcome.is_err() {
            return Ok(());
        }
    }
}
