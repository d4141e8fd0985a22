//! The application that is simulated: entities that keep what they are told, and orchestrations
//! whose outcome can be told beforehand.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twinbench_model::{EntityId, VirtualDuration};

use crate::{
    Calls, Entity, EntityContext, Failure, Functions, Json, OrchestrationContext, RetryPolicy,
    orchestration::all,
};

/// Added to a mark when a book passes it on to another.
pub(super) const PASSED_ON: i64 = 1 << 40;

/// Keeps every mark that it is told, in order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Book {
    pub(super) marks: Vec<i64>,
}

/// A name and a mark.
pub(super) type Line = (String, i64);

impl Entity for Book {
    const ALWAYS_SERIALISES: bool = true;

    fn dispatch(
        &mut self,
        cx: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        match operation {
            "write" => self.marks.push(input.read()?),
            "throw" => {
                let (to, mark): Line = input.read()?;
                self.marks.push(mark);
                cx.signal(&book(&to), "write", json!(mark));
                cx.start("Tell", json!([[to, mark]]));
                return Err(Failure::new("Planned", "as asked"));
            }
            "pass" => {
                let (to, mark): Line = input.read()?;
                self.marks.push(mark);
                cx.signal(&book(&to), "write", json!(mark + PASSED_ON));
            }
            "later" => {
                let (mark, delay): (i64, u64) = input.read()?;
                let due = cx.virtual_now() + VirtualDuration::from_millis(delay);
                let me = cx.id().clone();
                cx.signal_at(&me, "write", json!(mark), due);
            }
            "begin" => {
                cx.start("Tell", input.clone());
            }
            other => return Err(Failure::unknown_operation(other)),
        }
        Ok(None)
    }
}

/// Comes into being and goes again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Fleeting {
    pub(super) sum: i64,
}

impl Entity for Fleeting {
    fn dispatch(
        &mut self,
        _: &mut EntityContext<'_>,
        operation: &str,
        input: &Json,
    ) -> Result<Option<Json>, Failure> {
        match operation {
            "add" => {
                let number: i64 = input.read()?;
                self.sum += number;
                if number % 5 == 0 {
                    return Err(Failure::new("Planned", "as asked"));
                }
                Ok(None)
            }
            other => Err(Failure::unknown_operation(other)),
        }
    }
}

pub(super) fn book(key: &str) -> EntityId {
    id("book", key)
}

pub(super) fn fleeting(key: &str) -> EntityId {
    id("fleeting", key)
}

#[expect(
    clippy::unwrap_used,
    reason = "the names are those above: not empty, without @"
)]
fn id(name: &str, key: &str) -> EntityId {
    EntityId::new(name, key).unwrap()
}

/// Which of the functions the engine has itself; a worker has the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here {
    pub(super) entities: bool,
    pub(super) orchestrations: bool,
    pub(super) activities: bool,
}

impl Here {
    pub(super) const ALL: Self = Self {
        entities: true,
        orchestrations: true,
        activities: true,
    };
}

/// The functions; `well` says whether the sick are cured.
pub(super) fn functions(here: Here, well: &Arc<AtomicBool>) -> Functions {
    let mut functions = Functions::new();
    if here.entities {
        functions = functions
            .entity::<Book>("Book")
            .entity::<Fleeting>("Fleeting");
    }
    if here.orchestrations {
        functions = functions
            .orchestration("Chain", chain)
            .orchestration("Tell", tell)
            .orchestration("Lock", lock)
            .orchestration("Collect", collect)
            .orchestration("Parent", parent)
            .orchestration("Fail", fail)
            .orchestration("Sick", sick)
            .orchestration("Ward", ward);
    }
    if here.activities {
        let well = Arc::clone(well);
        functions = functions
            .activity("Double", |_, n: i64| Ok(n * 2))
            .async_activity("Far", |_, n: i64| async move { Ok(n * 2) })
            .activity("Fail", |_, (): ()| {
                Err::<(), _>(Failure::new("Planned", "as asked"))
            })
            .activity("Cure", move |_, n: i64| {
                if well.load(Ordering::Relaxed) {
                    Ok(n)
                } else {
                    Err(Failure::new("Planned", "not yet"))
                }
            });
    }
    functions
}

const fn millis(millis: u64) -> VirtualDuration {
    VirtualDuration::from_millis(millis)
}

/// Two activities with a timer between; four times its input.
async fn chain(cx: OrchestrationContext, n: i64) -> Result<i64, Failure> {
    let n: i64 = cx.activity("Double", &n).await?;
    let due = cx.virtual_now() + millis(n as u64 % 50);
    cx.timer_until(due).await?;
    if cx.virtual_now() < due {
        return Err(Failure::new("Early", "a timer fired before its time"));
    }
    cx.activity("Far", &n).await
}

/// Tells each mark to its book, some of them by calls; gives their number.
async fn tell(cx: OrchestrationContext, lines: Vec<Line>) -> Result<usize, Failure> {
    for (key, mark) in &lines {
        if mark % 3 == 0 {
            cx.call_entity::<()>(&book(key), "write", json!(mark))
                .await?;
        } else {
            cx.signal(&book(key), "write", json!(mark))?;
        }
        if mark % 7 == 0 {
            cx.timer(millis(*mark as u64 % 20)).await?;
        }
    }
    Ok(lines.len())
}

/// Locks books, and writes two marks into each that nothing may come between.
async fn lock(cx: OrchestrationContext, (keys, mark): (Vec<String>, i64)) -> Result<(), Failure> {
    let books: Vec<_> = keys.iter().map(|key| book(key)).collect();
    let section = cx.lock(books.clone()).await?;
    for book in &books {
        cx.call_entity::<()>(book, "write", json!(mark)).await?;
    }
    if mark % 2 == 0 {
        cx.timer(millis(mark as u64 % 30)).await?;
    } else {
        cx.activity::<i64>("Far", &mark).await?;
    }
    let calls = books
        .iter()
        .map(|book| cx.call_entity::<()>(book, "write", json!(mark + 1)));
    all(calls.collect()).await?;
    drop(section);
    Ok(())
}

/// Takes so many events, in one execution or each in one of its own; gives what they said.
async fn collect(
    cx: OrchestrationContext,
    (rounds, anew, mut seen): (usize, bool, Vec<i64>),
) -> Result<Vec<i64>, Failure> {
    while seen.len() < rounds {
        seen.push(cx.external_event("Go").await?);
        if anew && seen.len() < rounds {
            cx.continue_as_new(json!([rounds, anew, seen]));
            return Ok(Vec::new());
        }
    }
    Ok(seen)
}

/// Sub-orchestrations side by side, and one that fails whatever is tried.
async fn parent(cx: OrchestrationContext, (n, children): (i64, i64)) -> Result<i64, Failure> {
    let children = (n..n + children).map(|n| cx.sub_orchestration::<i64>("Chain", &n));
    let sums = all(children.collect()).await?;
    let calls = Calls {
        retry: Some(RetryPolicy::new(2, millis(10))),
        ..Calls::default()
    };
    let failed = cx
        .sub_orchestration_with::<Value>("Fail", &(), &calls)
        .await;
    Ok(sums.into_iter().sum::<i64>() - i64::from(failed.is_err()))
}

async fn fail(cx: OrchestrationContext, (): ()) -> Result<(), Failure> {
    cx.activity("Fail", &()).await
}

/// Writes a mark once, and fails until the sick are cured and it is rewound.
async fn sick(cx: OrchestrationContext, (key, mark): Line) -> Result<i64, Failure> {
    cx.call_entity::<()>(&book(&key), "write", json!(mark))
        .await?;
    cx.activity("Cure", &mark).await
}

async fn ward(cx: OrchestrationContext, line: Line) -> Result<i64, Failure> {
    cx.sub_orchestration("Sick", &line).await
}
