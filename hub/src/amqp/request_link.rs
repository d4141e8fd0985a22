//! Links on which requests come and answers go.

use std::sync::Arc;

use fe2o3_amqp::{
    Receiver, Sender,
    types::{messaging::Body, primitives::Value},
};
use tokio::sync::mpsc;

use super::{
    HubInfo, Node, Question, Refusal, check_token,
    connection::Connection,
    event::unix_milliseconds,
    request::{
        self, Request, Response, group_value, hub_value, no_partition, partition_value, put_token,
        question, reply_to, respond,
    },
};

/// Takes requests until the link ends.
pub(super) async fn serve_requests(
    connection: Arc<Connection>,
    node: Node,
    mut receiver: Receiver,
) {
    loop {
        let delivery = match receiver.recv::<Body<Value>>().await {
            Ok(delivery) => delivery,
            Err(error) => {
                tracing::debug!(peer = connection.peer, %error, "a request link ended");
                return;
            }
        };
        if receiver.accept(&delivery).await.is_err() {
            return;
        }
        let request = delivery.into_message();
        let result = match node {
            Node::Cbs => put(&connection, &request).await,
            _ => read(&connection, &request).await,
        };
        if let Err(refusal) = &result {
            tracing::info!(peer = connection.peer, ?node, %refusal, "an AMQP request was refused");
        }
        let answer = respond(&request, result);
        let Some(way) = connection.reply_link(&node, reply_to(&request)) else {
            tracing::info!(
                peer = connection.peer,
                ?node,
                "no link for the answer to an AMQP request"
            );
            continue;
        };
        // Its link may have ended: then nobody waits for the answer.
        let _ = way.send(answer).await;
    }
}

/// Sends answers until the link or the connection ends.
pub(super) async fn send_answers(mut sender: Sender, mut answers: mpsc::Receiver<Response>) {
    loop {
        let answer = tokio::select! {
            _ = sender.on_detach() => return,
            answer = answers.recv() => answer,
        };
        let Some(answer) = answer else {
            return;
        };
        // The outcome is not waited for: a client that does not settle would hold the next answer.
        if sender.send_batchable(answer).await.is_err() {
            return;
        }
    }
}

async fn put(connection: &Connection, request: &Request) -> Result<(i32, Value), Refusal> {
    let token = put_token(request)?;
    let hub = &connection.shared.hub;
    let now = hub.run(|_, now| now).await.map_err(gone)?;
    let grant = check_token(&connection.shared.options, token, now);
    let grant = grant.map_err(|error| Refusal::new(401, error.to_string()))?;
    connection.grant(grant);
    // 202 would do as well, but not for azure-iothub for Node.
    Ok((200, Value::Null))
}

async fn read(connection: &Connection, request: &Request) -> Result<(i32, Value), Refusal> {
    let shared = &connection.shared;
    let asked = question(request, &shared.settings.event_hub)?;
    let epoch = shared.options.epoch;
    let hub = &shared.hub;
    let facts = hub.run(|hub, now| {
        let groups: Vec<String> = hub.log().consumers().map(str::to_owned).collect();
        (now, hub.log().partitions().collect::<Vec<_>>(), groups)
    });
    let (now, partitions, groups) = facts.await.map_err(gone)?;
    // The clients of the event endpoint put the token in the request as well; the one on $cbs
    // comes first, and either will do.
    if !connection.opens_management(now) {
        let token = request::security_token(request).unwrap_or_default();
        let grant = check_token(&shared.options, token, now)
            .map_err(|error| Refusal::new(401, error.to_string()))?;
        if !grant.covers_management(&shared.settings.event_hub, now) {
            return Err(Refusal::new(401, "the token does not cover this event hub"));
        }
    }
    let info = HubInfo {
        name: shared.settings.event_hub.clone(),
        created: epoch.instant().as_millisecond(),
        partitions: partitions.len() as u16,
    };
    let value = match asked {
        Question::EventHub => hub_value(&info),
        Question::Partition(number) => {
            let found = partitions.get(usize::from(number)).copied();
            let partition = found.ok_or_else(|| no_partition(&number.to_string()))?;
            let last = partition
                .last_enqueued
                .map(|time| unix_milliseconds(epoch, time));
            partition_value(&info, number, partition, last)
        }
        Question::ConsumerGroup(group) => {
            let found = groups
                .iter()
                .find(|known| known.eq_ignore_ascii_case(&group));
            let found = found.ok_or_else(|| {
                let shown: String = group.chars().take(60).collect();
                Refusal::new(404, format!("there is no consumer group {shown:?}"))
            })?;
            group_value(&info, found)
        }
    };
    Ok((200, value))
}

fn gone(gone: crate::handle::HubGone) -> Refusal {
    Refusal::new(500, gone.to_string())
}
