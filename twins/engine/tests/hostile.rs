//! Rows and histories that were damaged on the way, or never written by an engine: they are gone on
//! with, or refused by name. Never a panic. The fuzz targets `restore` and `replay` in short.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use proptest::{collection::vec, prelude::*, sample::Index};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twinbench_engine::{
    Engine, Entity, EntityContext, EventKind, Failure, Functions, HistoryEvent, Json,
    OrchestrationContext, RetryPolicy,
    store::{MemoryStore, Row, Store},
    work::{OrchestratorWork, Token},
};
use twinbench_model::{EntityId, Epoch, Table, VirtualDuration, VirtualTime};

const NOW: VirtualTime = VirtualTime::from_secs(1);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Sum(i64);

impl Entity for Sum {
    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        _: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        self.0 = self.0.saturating_add(input.read()?);
        let due = cx
            .virtual_now()
            .saturating_add(VirtualDuration::from_secs(5));
        let me = cx.id().clone();
        cx.signal_at(&me, "add", json!(1), due);
        cx.start("Child", json!(1));
        Ok(Some(json!(self.0).into()))
    }
}

fn sum(key: &str) -> EntityId {
    EntityId::new("Sum", key).unwrap()
}

/// Something of every kind of action.
async fn everything(cx: OrchestrationContext, _: Value) -> Result<Value, Failure> {
    cx.activity::<Value>("Double", &1).await?;
    let _ = cx
        .activity_with_retry::<Value>("Fail", &1, RetryPolicy::new(2, VirtualDuration::ZERO))
        .await;
    cx.timer(VirtualDuration::ZERO).await?;
    let section = cx.lock([sum("a"), sum("b")]).await?;
    cx.call_entity::<Value>(&sum("a"), "add", json!(1)).await?;
    drop(section);
    cx.signal(&sum("c"), "add", json!(1))?;
    cx.sub_orchestration::<Value>("Child", &1).await?;
    cx.start_orchestration("Child", json!(1));
    cx.send_event("nobody", "Go", json!(1));
    cx.set_custom_status(json!("waits"));
    let section = cx.lock([sum("b")]).await?;
    let event = cx.external_event::<Value>("Go").await?;
    drop(section);
    cx.activity::<Value>("Far", &1).await?;
    cx.timer(VirtualDuration::from_secs(10)).await?;
    cx.continue_as_new(json!(1));
    Ok(event)
}

fn functions() -> Functions {
    Functions::new()
        .entity::<Sum>("Sum")
        .orchestration("Everything", everything)
        .orchestration("Child", |_, input: Value| async move { Ok(input) })
        .activity("Double", |_, n: i64| Ok(n.saturating_mul(2)))
        .activity("Fail", |_, _: Value| {
            Err::<(), _>(Failure::new("Planned", "as asked"))
        })
        .activity_elsewhere("Far")
}

fn engine(remote: bool) -> Engine {
    let builder = Engine::builder().remote(remote);
    if remote {
        builder
    } else {
        builder.functions(functions())
    }
    .build()
}

/// The rows of an engine in the middle of its work.
fn rows() -> &'static (Vec<Row>, Vec<HistoryEvent>) {
    static ROWS: OnceLock<(Vec<Row>, Vec<HistoryEvent>)> = OnceLock::new();
    ROWS.get_or_init(|| {
        let (mut engine, mut store) = (engine(false), MemoryStore::new());
        let mut commit = |engine: &mut Engine| {
            let mut records = Vec::new();
            engine.drain_records(&mut records);
            store.commit(&records).unwrap();
        };
        for id in ["i", "j", "k"] {
            engine.start("Everything", Some(id), json!(1), NOW).unwrap();
            engine.signal(&sum(id), "add", json!(1), NOW).unwrap();
        }
        engine.run(NOW);
        commit(&mut engine);
        for id in ["i", "j"] {
            engine.raise_event(id, "Go", None, NOW).unwrap();
        }
        engine.suspend("j", None, NOW).unwrap();
        engine.terminate("k", None, true, NOW).unwrap();
        engine.run(NOW);
        // Some things are under way and not done.
        engine.signal(&sum("b"), "add", json!(1), NOW).unwrap();
        engine.raise_event("j", "Go", None, NOW).unwrap();
        commit(&mut engine);
        let history = engine.instance("i").unwrap().history().to_vec();
        assert!(history.len() > 20, "{history:?}");
        (store.load(Table::Engine).unwrap(), history)
    })
}

#[test]
fn the_rows_are_of_every_kind() {
    let (rows, _) = rows();
    for kind in b"sehmo" {
        assert!(
            rows.iter().any(|(key, _)| key[0] == *kind),
            "{}",
            char::from(*kind)
        );
    }
}

/// What happens to a row.
#[derive(Debug, Clone)]
enum Harm {
    Lose(Index),
    /// A bit of its value.
    Flip(Index, Index, u8),
    /// A byte of its key.
    Rename(Index, Index, u8),
    Cut(Index, Index),
    /// Every byte behind the first is the same.
    Fill(Index, u8),
    /// The value of another row.
    Swap(Index, Index),
    Invent(Vec<u8>, Vec<u8>),
}

fn harm() -> impl Strategy<Value = Harm> {
    let any_index = any::<Index>;
    prop_oneof![
        any_index().prop_map(Harm::Lose),
        (any_index(), any_index(), 0..8u8).prop_map(|(row, at, bit)| Harm::Flip(row, at, bit)),
        (any_index(), any_index(), any::<u8>()).prop_map(|(row, at, to)| Harm::Rename(row, at, to)),
        (any_index(), any_index()).prop_map(|(row, at)| Harm::Cut(row, at)),
        (any_index(), any::<u8>()).prop_map(|(row, byte)| Harm::Fill(row, byte)),
        (any_index(), any_index()).prop_map(|(left, right)| Harm::Swap(left, right)),
        (vec(any::<u8>(), 0..12), vec(any::<u8>(), 0..40))
            .prop_map(|(key, value)| Harm::Invent(key, value)),
    ]
}

fn damage(rows: &mut Vec<Row>, harm: Harm) {
    if rows.is_empty() {
        return;
    }
    let many = rows.len();
    match harm {
        Harm::Lose(row) => drop(rows.remove(row.index(many))),
        Harm::Flip(row, at, bit) => {
            let value = &mut rows[row.index(many)].1;
            if !value.is_empty() {
                let at = at.index(value.len());
                value[at] ^= 1 << bit;
            }
        }
        Harm::Rename(row, at, to) => {
            let key = &mut rows[row.index(many)].0;
            if !key.is_empty() {
                let at = at.index(key.len());
                key[at] = to;
            }
        }
        Harm::Cut(row, at) => {
            let value = &mut rows[row.index(many)].1;
            value.truncate(at.index(value.len() + 1));
        }
        Harm::Fill(row, byte) => rows[row.index(many)]
            .1
            .iter_mut()
            .skip(1)
            .for_each(|it| *it = byte),
        Harm::Swap(left, right) => {
            let (left, right) = (left.index(many), right.index(many));
            let value = rows[left].1.clone();
            rows[left].1 = std::mem::replace(&mut rows[right].1, value);
        }
        Harm::Invent(key, value) => rows.push((key, value)),
    }
}

/// Restores and goes on as far as it goes.
fn go_on(rows: Vec<Row>, remote: bool) {
    let mut engine = engine(remote);
    if let Err(refused) = engine.restore(rows) {
        assert!(refused.to_string().starts_with("row "), "{refused}");
        return;
    }
    for _ in 0..3 {
        engine.run(NOW);
        engine.drain_records(&mut Vec::new());
        while engine.take_work(&mut |_, _, _| true, NOW).is_some() {}
        if let Some(due) = engine.next_timer() {
            engine.run(due);
        }
    }
    engine.clean_entities(true, true, NOW);
    for id in ["i", "j", "k"] {
        let _ = engine.rewind(id, None, NOW);
        engine.run(NOW);
        let _ = engine.terminate(id, None, true, NOW);
        engine.purge(id, true);
    }
    engine.drain_records(&mut Vec::new());
}

/// A history with harm done to it: rows lost, doubled, exchanged, renumbered.
fn altered(history: &[HistoryEvent], changes: &[(Index, Index, u8)]) -> Vec<HistoryEvent> {
    let mut history = history.to_vec();
    for (left, right, what) in changes {
        if history.is_empty() {
            break;
        }
        let (left, right) = (left.index(history.len()), right.index(history.len()));
        match what {
            0 => drop(history.remove(left)),
            1 => history.insert(left, history[right].clone()),
            2 => history.swap(left, right),
            3 => history[left].id = right as i32 - 3,
            4 => history[left].at = VirtualTime::MAX,
            5 => history[left].kind = history[right].kind.clone(),
            _ => {
                history[left].kind = match right % 5 {
                    0 => EventKind::ExecutionSuspended { reason: None },
                    1 => EventKind::ExecutionResumed { reason: None },
                    2 => EventKind::HistoryState,
                    3 => EventKind::OrchestratorCompleted,
                    _ => EventKind::ExecutionRewound(Box::default()),
                }
            }
        }
    }
    history
}

/// Counters that would run over soon are no engine's: they are refused by name.
#[test]
fn counters_at_their_end_are_refused() {
    for key in [b"g".as_slice(), b"s\0", b"s\x03"] {
        for counter in [u64::MAX, u64::MAX - 1, u64::MAX / 4] {
            let mut rows = rows().0.clone();
            rows.retain(|row| row.0 != key);
            rows.push((key.to_vec(), counter.to_be_bytes().to_vec()));
            let refused = engine(false).restore(rows.clone()).unwrap_err();
            assert!(refused.to_string().contains("too large"), "{refused}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn damaged_rows_are_gone_on_with_or_refused(
        harms in vec(harm(), 1..4),
        remote in any::<bool>(),
    ) {
        let mut rows = rows().0.clone();
        for harm in harms {
            damage(&mut rows, harm);
        }
        go_on(rows, remote);
    }

    #[test]
    fn altered_histories_are_gone_on_with_or_refused(
        changes in vec((any::<Index>(), any::<Index>(), 0..7u8), 1..6),
        past in any::<Index>(),
    ) {
        let history = altered(&rows().1, &changes);
        let past = past.index(history.len() + 1);
        let work = OrchestratorWork {
            token: Token(0),
            instance: "i".into(),
            execution: "e".into(),
            name: "Everything".to_owned(),
            version: None,
            past: Arc::new(history[..past].to_vec()),
            new: history[past..].to_vec(),
        };
        let epoch = Epoch::new(Timestamp::UNIX_EPOCH);
        let result = functions().orchestrate(&work, epoch);
        prop_assert_eq!(functions().orchestrate(&work, epoch), result);
    }

    /// What the target `replay` is given.
    #[test]
    fn histories_have_a_form_as_json(from in any::<Index>()) {
        let history = &rows().1[from.index(rows().1.len())..];
        let text = serde_json::to_string(history).unwrap();
        let again: Vec<HistoryEvent> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(again, history);
    }
}
