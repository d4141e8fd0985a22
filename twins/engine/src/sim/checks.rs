//! Whether what was promised was kept.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    model::{Expected, Model, Times},
    world::{Book, Fleeting, Line, PASSED_ON, book, fleeting},
};
use crate::{Engine, EntityQuery, Instance, Status};

/// The marks of all books, by book.
fn books(engine: &Engine, keys: &[&str]) -> Result<BTreeMap<String, Vec<i64>>, String> {
    let mut all = BTreeMap::new();
    for key in keys {
        let marks = match engine.read(&book(key)) {
            Some(state) => state.read::<Book>().map_err(|it| it.to_string())?.marks,
            None => Vec::new(),
        };
        all.insert((*key).to_owned(), marks);
    }
    Ok(all)
}

/// Each acknowledged message had its effect, once; nothing else had one; orders are kept.
pub(super) fn messages(engine: &Engine, model: &Model, keys: &[&str]) -> Result<(), String> {
    let books = books(engine, keys)?;
    let mut places: BTreeMap<Line, Vec<usize>> = BTreeMap::new();
    for (key, marks) in &books {
        for (place, mark) in marks.iter().enumerate() {
            let line = (key.clone(), *mark);
            if !model.marks.contains_key(&line) {
                return Err(format!(
                    "book {key:?} has mark {mark}, which was never acknowledged or failed"
                ));
            }
            places.entry(line).or_default().push(place);
        }
    }
    for (line, times) in &model.marks {
        let found = places.get(line).map_or(0, Vec::len);
        let right = match times {
            Times::Once => found == 1,
            Times::OnceOrMore => found >= 1,
            Times::OnceOrNever => found <= 1,
        };
        if !right {
            return Err(format!("{line:?} is there {found} times, not {times:?}"));
        }
    }
    for ((sender, key), marks) in &model.streams {
        let found = marks
            .iter()
            .map(|mark| places.get(&(key.clone(), *mark)).map(|places| places[0]));
        let there: Vec<_> = found.clone().flatten().collect();
        if !there.is_sorted() {
            return Err(format!(
                "what {sender} told book {key:?} is out of order: {marks:?} at {there:?}"
            ));
        }
        if !found.is_sorted_by_key(|place| place.is_none()) {
            return Err(format!(
                "of what {sender} told book {key:?} a later mark is there without an earlier one"
            ));
        }
    }
    passed(model, &books)?;
    for (key, mark) in &model.pairs {
        let place = places[&(key.clone(), *mark)][0];
        if books[key].get(place + 1) != Some(&(mark + 1)) {
            return Err(format!(
                "something came between marks {mark} and {} of a critical section in book {key:?}",
                mark + 1
            ));
        }
    }
    Ok(())
}

/// What a book passes on to another arrives in the order in which the book took it.
fn passed(model: &Model, books: &BTreeMap<String, Vec<i64>>) -> Result<(), String> {
    let mut sent: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
    for (key, marks) in books {
        for mark in marks {
            if let Some((from, to)) = model.passed.get(mark)
                && from == key
            {
                let route = (from.as_str(), to.as_str());
                sent.entry(route).or_default().push(mark + PASSED_ON);
            }
        }
    }
    for ((from, to), marks) in sent {
        let kinds: BTreeSet<_> = marks.iter().collect();
        let arrived: Vec<_> = books[to]
            .iter()
            .copied()
            .filter(|mark| kinds.contains(mark))
            .collect();
        if arrived != marks {
            return Err(format!(
                "book {from:?} passed {marks:?} on to {to:?}, where {arrived:?} arrived"
            ));
        }
    }
    Ok(())
}

/// What one client told the fleeting ones in order.
pub(super) fn sums(engine: &Engine, model: &Model) -> Result<(), String> {
    for (key, expected) in &model.sums {
        let found = match engine.read(&fleeting(key)) {
            Some(state) => Some(state.read::<Fleeting>().map_err(|it| it.to_string())?.sum),
            None => None,
        };
        if found != *expected {
            return Err(format!(
                "fleeting {key:?} has {found:?} instead of {expected:?}"
            ));
        }
    }
    Ok(())
}

/// Whether an orchestration that has ended came to what it had to come to.
pub(super) fn ended(instance: &Instance, expected: &Expected) -> Result<(), String> {
    let id = instance.id();
    let output = instance.output().map(crate::Json::read);
    let right = match instance.status() {
        Status::Terminated => expected.terminated,
        Status::Completed => {
            !expected.terminated && output.as_ref() == Some(&Ok(expected.output()))
        }
        Status::Failed => matches!(expected.name, "Sick" | "Ward") && !expected.terminated,
        _ => false,
    };
    if right {
        return Ok(());
    }
    Err(format!(
        "{} {id:?} is {} with {output:?}: it had to come to {} (terminated: {})\n{instance:#?}",
        expected.name,
        instance.status().name(),
        expected.output(),
        expected.terminated,
    ))
}

/// Nothing waits for anything any more.
pub(super) fn nothing_left(engine: &Engine) -> Result<(), String> {
    let (out, waiting) = (engine.out(), engine.work_waiting());
    if out + waiting > 0 || engine.next_timer().is_some() {
        return Err(format!(
            "in the end {out} items are out, {waiting} wait, and the next timer is {:?}",
            engine.next_timer()
        ));
    }
    let query = EntityQuery {
        transient: true,
        ..EntityQuery::default()
    };
    for view in engine.query_entities(&query).0 {
        if view.backlog > 0 || view.locked_by.is_some() {
            return Err(format!(
                "in the end something waits for an entity: {view:?}"
            ));
        }
    }
    Ok(())
}

/// An engine that is restored shows what the other one shows.
pub(super) fn alike(live: &Engine, restored: &Engine) -> Result<(), String> {
    let query = EntityQuery::default();
    let views = |engine: &Engine| engine.query_entities(&query).0;
    let (left, right) = (views(live), views(restored));
    for (mut left, mut right) in left.iter().cloned().zip(right.iter().cloned()) {
        // Messages under way stand elsewhere until the next run.
        left.backlog = 0;
        right.backlog = 0;
        if left != right {
            return Err(format!("{left:?} is restored as {right:?}"));
        }
    }
    if left.len() != right.len() {
        return Err(format!(
            "{} entities are restored as {}",
            left.len(),
            right.len()
        ));
    }
    let mut restored = restored.instances();
    for it in live.instances() {
        let again = restored.next();
        let same = again.is_some_and(|again| {
            let heads = |it: &Instance| {
                (
                    it.id().to_owned(),
                    it.execution().to_owned(),
                    it.status(),
                    (it.created(), it.updated(), it.completed()),
                    (it.input().cloned(), it.output().cloned()),
                    it.failure().cloned(),
                )
            };
            heads(it) == heads(again) && it.history() == again.history()
        });
        if !same {
            return Err(format!("{it:?} is restored as {again:?}"));
        }
    }
    match restored.next() {
        Some(more) => Err(format!("{more:?} is restored and was not there")),
        None => Ok(()),
    }
}
