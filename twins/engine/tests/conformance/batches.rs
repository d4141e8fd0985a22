//! How many operations go at a time.

use serde_json::json;
use twinbench_engine::{Builder, work::Work};

use crate::common::{Bed, Way, each_with, functions, ledger};

fn by_threes(builder: Builder) -> Builder {
    builder.batch(3)
}

/// Batches are cut at their size, the rest goes on later, and nothing is lost or overtaken.
#[test]
fn check_14_batch_size_limit() {
    each_with(&functions(), by_threes, |bed| {
        for line in 0..10 {
            bed.signal(&ledger("a"), "write", json!(line));
            if line == 4 {
                bed.signal(&ledger("a"), "throw", json!(null));
            }
        }
        bed.finish();
        assert_eq!(bed.lines("a"), Some((0..10).collect()));
    });
}

/// A worker is never given more, and gets the rest next.
#[test]
fn check_14_a_worker_is_given_no_more_than_a_batch() {
    let mut bed = Bed::new(&functions(), by_threes, Way::Worker);
    for line in 0..7 {
        bed.signal(&ledger("a"), "write", json!(line));
    }
    for line in 0..2 {
        bed.signal(&ledger("b"), "write", json!(line));
    }
    let mut given = Vec::new();
    loop {
        bed.engine.run(bed.now);
        bed.commit();
        let Some(Work::Entity(work)) = bed.take() else {
            break;
        };
        given.push((work.id.key().to_owned(), work.operations.len()));
        if given.len() == 2 {
            // The process dies with a batch out: it comes again as a whole.
            bed.crash();
            continue;
        }
        bed.answer(Work::Entity(work));
    }
    let of_a: Vec<_> = given
        .iter()
        .filter(|it| it.0 == "a")
        .map(|it| it.1)
        .collect();
    assert_eq!(of_a, [3, 3, 3, 1], "the second one came twice");
    assert_eq!(bed.lines("a"), Some((0..7).collect()));
    assert_eq!(bed.lines("b"), Some(vec![0, 1]));
}

/// A worker may return fewer results: the rest is deferred, and what it did is committed.
#[test]
fn check_14_fewer_results_defer_the_rest() {
    let mut bed = Bed::new(&functions(), |it| it, Way::Worker);
    for line in 0..5 {
        bed.signal(&ledger("a"), "write", json!(line));
    }
    bed.engine.run(bed.now);
    bed.commit();
    let Some(Work::Entity(mut work)) = bed.take() else {
        panic!("there is work")
    };
    assert_eq!(work.operations.len(), 5);
    let rest: Vec<_> = work.operations.split_off(2);
    bed.answer(Work::Entity(work));
    assert_eq!(bed.lines("a"), Some(vec![0, 1]));
    bed.engine.run(bed.now);
    bed.restart();
    bed.engine.run(bed.now);
    bed.commit();
    let Some(Work::Entity(work)) = bed.take() else {
        panic!("there is work")
    };
    assert_eq!(work.operations, rest, "the same requests, in order");
    bed.answer(Work::Entity(work));
    assert_eq!(bed.lines("a"), Some((0..5).collect()));
}
