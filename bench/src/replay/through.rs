//! Sends recorded messages through hub, functions and engine.

use std::path::Path;

use twinbench_model::{DeviceId, VirtualTime};
use twinbench_recording::Reader;

use super::{
    Error,
    plan::{Messages, Plan, Role},
};
use crate::session::Session;

/// What was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// Messages sent.
    pub messages: u64,
    /// The time of the last one.
    pub last: VirtualTime,
}

/// The devices whose messages a recording has, in order of their ids.
///
/// # Errors
/// When the recording cannot be read.
pub fn devices(path: &Path) -> Result<Vec<DeviceId>, Error> {
    let sources = Reader::open(path)?.sources("d2c")?;
    let ids = sources.iter().filter_map(|id| DeviceId::new(id).ok());
    Ok(ids.collect())
}

/// Who plays whom when a recording is played by a plan.
///
/// # Errors
/// When it cannot be read, or the plan does not fit it.
pub fn roles(path: &Path, plan: &Plan) -> Result<Vec<Role>, Error> {
    plan.roles(&devices(path)?)
}

/// Plays a recording into a session, whose bench has the plan's devices. Before each stretch of
/// virtual time `pace` is asked, which may wait for it, and says whether to go on.
///
/// The session's virtual time is that of the recording: a message is taken at the time at which
/// it was recorded, and timers fire in between.
///
/// # Errors
/// When the recording cannot be read or the session fails.
pub fn through(
    session: &mut Session,
    path: &Path,
    plan: &Plan,
    mut pace: impl FnMut(&Session, VirtualTime) -> bool,
) -> Result<Replayed, Error> {
    let devices = devices(path)?;
    let open = || Reader::open_at(path, plan.from);
    let mut played = Replayed::default();
    // Quanta lie on the session's own grid, as they do when machines run.
    let mut end = session.now();
    for sent in Messages::new(plan.clone(), &devices, open)? {
        let sent = sent?;
        if sent.time >= end {
            if !pace(session, sent.time) {
                break;
            }
            if end > session.now() {
                session.step(end)?;
            }
            end = session.quantum_after(sent.time);
        }
        session.play(&sent.device, sent.message, sent.time)?;
        played.messages += 1;
        played.last = sent.time;
    }
    if end > session.now() {
        session.step(end)?;
    }
    // Timers between the last message and the end of the recording, such as ends of alerts.
    let last = Reader::open(path)?.last_time()?.unwrap_or(played.last);
    if plan.to.is_none() && plan.loops <= 1 && last >= session.now() && pace(session, last) {
        let end = session.quantum_after(last);
        session.run_until(end)?;
    }
    session.commit()?;
    Ok(played)
}
