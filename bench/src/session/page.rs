//! What somebody at the page does to a session, beyond what a scenario does.

use serde_json::{Map, Value, json};
use twinbench_engine::{EntityQuery, InstanceError};
use twinbench_hub::{
    faults::{Fault, FaultKind},
    twin::{TwinError, TwinWrite},
};
use twinbench_model::{DeviceId, VirtualDuration};

use super::{Error, Session};

/// What can be done to an orchestration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum WorkflowAction {
    Suspend(String),
    Resume(String),
    Terminate(String),
    Rewind(String),
    Restart,
    Purge,
    Raise(String, Value),
}

impl Session {
    /// Lays patches over a device's tags and desired properties.
    ///
    /// # Errors
    /// When there is no such device, or a limit would be broken.
    pub(crate) fn write_twin(
        &mut self,
        device: &DeviceId,
        tags: Option<Map<String, Value>>,
        desired: Option<Map<String, Value>>,
    ) -> Result<(), TwinError> {
        let write = TwinWrite { tags, desired };
        self.hub
            .patch_twin(&device.clone().into(), write, self.now)
            .map(|_| ())
    }

    /// Begins a fault between a device and the hub that ends by itself.
    ///
    /// # Errors
    /// When what it changed cannot be committed.
    pub(crate) fn begin_timed_fault(
        &mut self,
        kind: FaultKind,
        device: &DeviceId,
        lasts: Option<VirtualDuration>,
    ) -> Result<(), Error> {
        let device = Some(device.to_string());
        let fault = Fault {
            kind,
            device,
            lasts,
        };
        self.hub.begin_fault(fault, self.now);
        self.answer_now()
    }

    /// Entities with a state, in order of their ids, at most so many.
    pub(crate) fn entity_rows(&self, most: usize) -> Vec<Value> {
        let query = EntityQuery {
            page: most,
            ..EntityQuery::default()
        };
        let (all, _) = self.engine.query_entities(&query);
        let row = |view: twinbench_engine::EntityView| {
            json!({
                "name": view.id.name(),
                "key": view.id.key(),
                "last_operation_at": view.last_operation.as_nanos(),
                "backlog": view.backlog,
                "locked_by": view.locked_by.as_deref(),
            })
        };
        all.into_iter().map(row).collect()
    }

    /// The orchestration that started this one.
    pub(crate) fn parent_of(&self, instance: &Value) -> Option<String> {
        let instance = self.engine.instance(instance.as_str()?)?;
        instance.parent().map(|parent| parent.instance.to_string())
    }

    /// Does something to an orchestration; gives the id of the one that it is about afterwards.
    ///
    /// # Errors
    /// When it has ended, or has not failed, as the action needs.
    pub(crate) fn workflow(
        &mut self,
        id: &str,
        action: WorkflowAction,
    ) -> Result<String, InstanceError> {
        let now = self.now;
        let text = |text: String| Some(Value::from(text).into());
        match action {
            WorkflowAction::Suspend(reason) => self.engine.suspend(id, text(reason), now)?,
            WorkflowAction::Resume(reason) => self.engine.resume_instance(id, text(reason), now)?,
            WorkflowAction::Terminate(reason) => {
                self.engine.terminate(id, text(reason), true, now)?;
            }
            WorkflowAction::Rewind(reason) => self.engine.rewind(id, Some(&reason), now)?,
            WorkflowAction::Restart => return self.engine.restart(id, true, now),
            WorkflowAction::Purge => {
                self.engine.purge(id, true);
            }
            WorkflowAction::Raise(name, input) => {
                self.engine
                    .raise_event(id, &name, Some(input.into()), now)?;
            }
        }
        Ok(id.to_owned())
    }

    /// A look into a device's processor: registers, what is being executed, memory at the stack.
    ///
    /// # Errors
    /// When there is no such device, or its machine has no such thing.
    pub(crate) fn inspect(&mut self, device: &DeviceId) -> Result<Value, Error> {
        let slot = self.fleet.slot(device);
        let slot =
            slot.ok_or_else(|| Error::Setting(format!("device {device} is not on this bench")))?;
        let Some(inspect) = self.fleet.machine(slot).inspect() else {
            return Err(Error::Setting(format!(
                "device {device} has no processor to look into"
            )));
        };
        let registers = inspect.registers();
        let named: Vec<Value> = registers
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let stack = registers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("sp"));
        let stack = stack.map(|(_, address)| {
            let bytes = inspect.memory(*address, 64);
            let words: Vec<String> = bytes
                .chunks_exact(4)
                .map(|word| {
                    format!(
                        "{:#010x}",
                        u32::from_le_bytes([word[0], word[1], word[2], word[3]])
                    )
                })
                .collect();
            json!({"address": format!("{address:#010x}"), "words": words})
        });
        let backtrace = inspect
            .backtrace()
            .map(|frames| json!(frames))
            .unwrap_or_default();
        Ok(json!({"registers": named, "backtrace": backtrace, "stack": stack}))
    }
}
