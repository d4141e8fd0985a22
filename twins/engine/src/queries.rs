//! Looking: entities and orchestrations, one by one, in pages and by filter; and clearing away.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Bound, sync::Arc};

use twinbench_model::{EntityId, VirtualTime};

use crate::{
    Engine, Instance, Json, Status,
    message::{Address, Body},
    partition::{Partition, home},
};

/// An entity as it can be seen from outside: after its last turn, never within one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityView {
    /// The entity.
    pub id: EntityId,
    /// Its state; `None` when it does not exist.
    pub state: Option<Json>,
    /// When its last operation was done.
    pub last_operation: VirtualTime,
    /// How many messages wait for it.
    pub backlog: usize,
    /// The orchestration that has it for itself.
    pub locked_by: Option<Arc<str>>,
}

/// Which entities are asked for; the default asks for all that exist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntityQuery {
    /// What their ids (`@name@key`) begin with.
    pub prefix: Option<String>,
    /// Their last operation is not earlier than this.
    pub modified_from: Option<VirtualTime>,
    /// Their last operation is not later than this.
    pub modified_to: Option<VirtualTime>,
    /// Also those without a state, which something waits for.
    pub transient: bool,
    /// Those after this one.
    pub after: Option<EntityId>,
    /// The most that are given; 0 stands for all.
    pub page: usize,
}

/// Which orchestrations are asked for; the default asks for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstanceQuery {
    /// They are in one of these states; any when there is none.
    pub status: Vec<Status>,
    /// They were started at this time or later.
    pub created_from: Option<VirtualTime>,
    /// They were started at this time or earlier.
    pub created_to: Option<VirtualTime>,
    /// They ended at this time or later.
    pub completed_from: Option<VirtualTime>,
    /// They ended at this time or earlier.
    pub completed_to: Option<VirtualTime>,
    /// What their ids begin with.
    pub prefix: Option<String>,
    /// Those after this id.
    pub after: Option<String>,
    /// The most that are given; 0 stands for all.
    pub page: usize,
}

impl InstanceQuery {
    fn takes(&self, instance: &Instance) -> bool {
        let head = &instance.head;
        let not_before = |from: Option<VirtualTime>, at| from.is_none_or(|from| from <= at);
        let not_after = |to: Option<VirtualTime>, at| to.is_none_or(|to| at <= to);
        (self.status.is_empty() || self.status.contains(&head.status))
            && not_before(self.created_from, head.created)
            && not_after(self.created_to, head.created)
            && (self.completed_from.is_none() && self.completed_to.is_none()
                || head.completed.is_some_and(|at| {
                    not_before(self.completed_from, at) && not_after(self.completed_to, at)
                }))
    }
}

/// Merges what several partitions give in order.
struct Merged<I: Iterator> {
    heads: BinaryHeap<Reverse<(I::Item, usize)>>,
    sources: Vec<I>,
}

impl<I: Iterator<Item: Ord>> Merged<I> {
    fn new(mut sources: Vec<I>) -> Self {
        let heads = sources
            .iter_mut()
            .enumerate()
            .filter_map(|(place, source)| Some(Reverse((source.next()?, place))))
            .collect();
        Self { heads, sources }
    }
}

impl<I: Iterator<Item: Ord>> Iterator for Merged<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let Reverse((item, place)) = self.heads.pop()?;
        if let Some(next) = self.sources.get_mut(place).and_then(Iterator::next) {
            self.heads.push(Reverse((next, place)));
        }
        Some(item)
    }
}

impl Engine {
    /// The state of an entity after its last turn; `None` when it does not exist.
    pub fn read(&self, id: &EntityId) -> Option<Json> {
        self.slot(id)?.shown()
    }

    /// An entity; `None` when nothing is known of it.
    pub fn entity(&self, id: &EntityId) -> Option<EntityView> {
        let slot = self.slot(id)?;
        Some(view(id, slot))
    }

    fn slot(&self, id: &EntityId) -> Option<&crate::slot::Slot> {
        let address = Address::Entity(id.clone());
        self.partitions[home(&address)].entities.get(id)
    }

    /// Entities whose name begins with `name` (in any case), in the order of their ids.
    pub fn entities(&self, name: &str) -> impl Iterator<Item = (&EntityId, Json)> {
        let name = name.to_lowercase();
        // Ids are ordered by their names: those that begin alike stand together.
        let first = EntityId::new(&name, "").ok();
        let ids = self.entity_ids(first.as_ref());
        ids.take_while(move |id| id.name().starts_with(&name))
            .filter_map(|id| Some((id, self.slot(id)?.shown()?)))
    }

    fn entity_ids<'a>(
        &'a self,
        from: Option<&EntityId>,
    ) -> impl Iterator<Item = &'a EntityId> + use<'a> {
        let sources = self
            .partitions
            .iter()
            .map(|partition| match from {
                Some(from) => partition.entities.range(from..),
                None => partition.entities.range::<EntityId, _>(..),
            })
            .map(|range| range.map(|(id, _)| id))
            .collect();
        Merged::new(sources)
    }

    /// Entities in the order of their ids, and the last one's id when there are more.
    pub fn query_entities(&self, query: &EntityQuery) -> (Vec<EntityView>, Option<EntityId>) {
        let prefix = query.prefix.as_deref().map(folded);
        let first = prefix.as_deref().and_then(first_of);
        let from = query.after.as_ref().max(first.as_ref());
        let mut found: Vec<EntityView> = Vec::new();
        for id in self.entity_ids(from) {
            if query.after.as_ref() == Some(id) {
                continue;
            }
            if let Some(prefix) = &prefix {
                let text = id.to_string();
                if !text.starts_with(prefix.as_str()) {
                    if text > *prefix && first.is_some() {
                        break;
                    }
                    continue;
                }
            }
            let Some(slot) = self.slot(id) else {
                continue;
            };
            let at = slot.last_operation;
            let takes = (slot.held.exists || query.transient)
                && query.modified_from.is_none_or(|from| from <= at)
                && query.modified_to.is_none_or(|to| at <= to);
            if !takes {
                continue;
            }
            if query.page > 0 && found.len() == query.page {
                let last = found.last().map(|view| view.id.clone());
                return (found, last);
            }
            found.push(view(id, slot));
        }
        (found, None)
    }

    /// Drops entities of which nothing is left, and takes locks from orchestrations that have
    /// ended. Gives how many of each. The first are none: such entities are dropped by themselves.
    pub fn clean_entities(
        &mut self,
        remove_empty: bool,
        release_locks: bool,
        now: VirtualTime,
    ) -> (usize, usize) {
        self.advance(now);
        let mut released = 0;
        if release_locks {
            let locks: Vec<_> = self
                .partitions
                .iter()
                .flat_map(|partition| &partition.entities)
                .filter_map(|(id, slot)| Some((id.clone(), slot.lock.clone()?)))
                .collect();
            for (id, lock) in locks {
                let holds = self
                    .instance(&lock.owner)
                    .is_some_and(|owner| !owner.head.status.is_final());
                if holds {
                    continue;
                }
                released += 1;
                let body = Body::Unlock {
                    section: lock.section,
                    owner: lock.owner,
                };
                let (now, address) = (self.now, Address::Entity(id));
                self.at(&address).post(now, address.clone(), body);
            }
        }
        let _ = remove_empty;
        (0, released)
    }

    /// Orchestrations in the order of their ids.
    pub fn instances(&self) -> impl Iterator<Item = &Instance> {
        self.instance_ids(None).filter_map(|id| self.instance(id))
    }

    fn instance_ids<'a>(
        &'a self,
        from: Option<&str>,
    ) -> impl Iterator<Item = &'a Arc<str>> + use<'a> {
        let sources = self
            .partitions
            .iter()
            .map(|partition| match from {
                Some(from) => partition
                    .instances
                    .range::<str, _>((Bound::Included(from), Bound::Unbounded)),
                None => partition.instances.range::<str, _>(..),
            })
            .map(|range| range.map(|(id, _)| id))
            .collect();
        Merged::new(sources)
    }

    /// An orchestration.
    pub fn instance(&self, id: &str) -> Option<&Instance> {
        let address = Address::Instance(id.into());
        self.partitions[home(&address)].instances.get(id)
    }

    /// Orchestrations in the order of their ids, and the last one's id when there are more.
    pub fn query_instances(&self, query: &InstanceQuery) -> (Vec<&Instance>, Option<String>) {
        let prefix = query.prefix.as_deref();
        let from = query.after.as_deref().max(prefix);
        let mut found: Vec<&Instance> = Vec::new();
        for id in self.instance_ids(from) {
            if query.after.as_deref() == Some(id) {
                continue;
            }
            if prefix.is_some_and(|prefix| !id.starts_with(prefix)) {
                break;
            }
            let Some(instance) = self.instance(id).filter(|it| query.takes(it)) else {
                continue;
            };
            if query.page > 0 && found.len() == query.page {
                let last = found.last().map(|it| it.id.to_string());
                return (found, last);
            }
            found.push(instance);
        }
        (found, None)
    }

    /// Removes an orchestration that has ended, with its history; with `recurse` its
    /// sub-orchestrations too. Gives how many were removed.
    pub fn purge(&mut self, instance: &str, recurse: bool) -> usize {
        let mut waiting = vec![Arc::<str>::from(instance)];
        let mut removed = 0;
        while let Some(id) = waiting.pop() {
            let address = Address::Instance(Arc::clone(&id));
            let partition = self.at(&address);
            let Some(it) = partition
                .instances
                .get(&id)
                .filter(|it| it.head.status.is_final())
            else {
                continue;
            };
            if recurse {
                waiting.extend(it.children().cloned());
            }
            partition.remove_instance(&id);
            removed += 1;
        }
        self.exchange();
        removed
    }

    /// Removes the orchestrations that a query finds and that have ended. Gives how many.
    pub fn purge_where(&mut self, query: &InstanceQuery) -> usize {
        let (found, _) = self.query_instances(query);
        let ids: Vec<_> = found.into_iter().map(|it| it.id.to_string()).collect();
        ids.iter().map(|id| self.purge(id, false)).sum()
    }

    /// Removes an entity with its state. False when there is none.
    pub fn purge_entity(&mut self, id: &EntityId) -> bool {
        let address = Address::Entity(id.clone());
        self.at(&address).remove_entity(id)
    }
}

impl Partition {
    fn remove_instance(&mut self, id: &Arc<str>) {
        if let Some(instance) = self.instances.remove(id) {
            self.release_locks_of(&instance);
            self.forget(Address::Instance(Arc::clone(id)), instance.head.chunks);
        }
    }

    fn remove_entity(&mut self, id: &EntityId) -> bool {
        let Some(slot) = self.entities.get_mut(id) else {
            return false;
        };
        let existed = slot.held.exists;
        slot.held = crate::slot::Held::default();
        self.mark_changed(id);
        existed
    }
}

fn view(id: &EntityId, slot: &crate::slot::Slot) -> EntityView {
    EntityView {
        id: id.clone(),
        state: slot.shown(),
        last_operation: slot.last_operation,
        backlog: slot.backlog(),
        locked_by: slot.lock.as_ref().map(|lock| Arc::clone(&lock.owner)),
    }
}

/// A prefix of ids with its name in lower case.
fn folded(prefix: &str) -> String {
    let Some(rest) = prefix.strip_prefix('@') else {
        return format!("@{}", prefix.to_lowercase());
    };
    match rest.split_once('@') {
        Some((name, key)) => format!("@{}@{key}", name.to_lowercase()),
        None => format!("@{}", rest.to_lowercase()),
    }
}

/// The first id that may begin so, when the prefix holds the whole name.
fn first_of(prefix: &str) -> Option<EntityId> {
    prefix.parse().ok()
}
