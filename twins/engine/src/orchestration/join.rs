//! Waiting for several things at once.

use std::{future::poll_fn, pin::pin, task::Poll};

use super::Task;
use crate::Failure;
use serde::de::DeserializeOwned;

/// Which of two came first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first of the two.
    Left(A),
    /// The second of the two.
    Right(B),
}

/// Waits until all tasks have ended; gives their outputs in the tasks' order.
///
/// # Errors
/// The failure of the first task, in their order, that failed.
pub async fn all<O: DeserializeOwned>(tasks: Vec<Task<O>>) -> Result<Vec<O>, Failure> {
    // They run from when they were made, so waiting for one after the other waits for all.
    let mut outputs = Vec::with_capacity(tasks.len());
    for task in tasks {
        outputs.push(task.await);
    }
    outputs.into_iter().collect()
}

/// Waits until one of two has ended, and gives the other up. The left one wins a tie.
pub async fn either<A: Future, B: Future>(left: A, right: B) -> Either<A::Output, B::Output> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|cx| {
        if let Poll::Ready(output) = left.as_mut().poll(cx) {
            return Poll::Ready(Either::Left(output));
        }
        right.as_mut().poll(cx).map(Either::Right)
    })
    .await
}
