//! Bytes as any message: what fuzzing and property tests drive.

use jiff::Timestamp;
use prost::Message;
use twinbench_model::Epoch;

use crate::{convert, proto as pb};

/// Reads bytes as each message that comes from clients, workers and servers, and converts what can
/// be read. For tests: the result is that it returns.
pub fn decode_any(bytes: &[u8]) {
    let epoch = Epoch::new(Timestamp::UNIX_EPOCH);
    each::<pb::CreateInstanceRequest>(bytes, |it| drop(convert::start_request(epoch, it)));
    each::<pb::SignalEntityRequest>(bytes, |it| drop(convert::signal_request(epoch, it)));
    each::<pb::InstanceQuery>(bytes, |it| drop(convert::instance_query(epoch, it)));
    each::<pb::ListInstanceIdsRequest>(bytes, |it| drop(convert::list_query(epoch, &it)));
    each::<pb::PurgeInstanceFilter>(bytes, |it| drop(convert::purge_query(epoch, &it)));
    each::<pb::EntityQuery>(bytes, |it| drop(convert::entity_query(epoch, it)));
    each::<pb::OrchestratorResponse>(bytes, |it| {
        drop(convert::orchestrator_result(epoch, it));
    });
    each::<pb::EntityBatchResult>(bytes, |it| drop(convert::entity_result(epoch, it)));
    each::<pb::ActivityResponse>(bytes, |it| drop(convert::activity_result(it)));
    each::<pb::OrchestratorRequest>(bytes, |it| {
        if let Ok(work) = convert::orchestrator_work(epoch, it, None) {
            convert::orchestrator_request(epoch, &work, false);
        }
    });
    each::<pb::EntityRequest>(bytes, |it| {
        if let Ok(work) = convert::entity_work(epoch, it) {
            convert::entity_request(epoch, &work);
        }
    });
    each::<pb::EntityBatchRequest>(bytes, |it| drop(convert::entity_work_v1(it)));
    each::<pb::ActivityRequest>(bytes, |it| drop(convert::activity_work(it)));
    each::<pb::HistoryEvent>(bytes, |it| {
        if let Ok(event) = convert::history_event(epoch, it) {
            convert::to_history_event(epoch, &event);
        }
    });
    each::<pb::TaskFailureDetails>(bytes, |it| {
        convert::failure_details(&convert::failure(it));
    });
}

fn each<M: Message + Default>(bytes: &[u8], convert: impl FnOnce(M)) {
    if let Ok(message) = M::decode(bytes) {
        convert(message);
    }
}
