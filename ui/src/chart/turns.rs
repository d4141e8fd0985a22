//! Pictures of readings that come by themselves take turns: one after the other as frames have room
//! for them, so that many panes do not make one frame late together.

use std::{cell::RefCell, collections::VecDeque};

use leptos::prelude::request_animation_frame;

/// How long pictures may take of one frame, in milliseconds of the wall clock: a third of it, as
/// what is drawn here is painted after.
const ROOM: f64 = 5.0;

type Turn = (u64, Box<dyn FnOnce()>);

#[derive(Default)]
struct Turns {
    waiting: VecDeque<Turn>,
    asked: bool,
}

thread_local! {
    static TURNS: RefCell<Turns> = RefCell::default();
}

/// Draws in one of the next frames; who waits already waits no longer for it.
pub(crate) fn take_turn(id: u64, draw: impl FnOnce() + 'static) {
    let ask = TURNS.with_borrow_mut(|turns| {
        if turns.waiting.iter().all(|(there, _)| *there != id) {
            turns.waiting.push_back((id, Box::new(draw)));
        }
        !std::mem::replace(&mut turns.asked, true)
    });
    if ask {
        request_animation_frame(frame);
    }
}

fn frame() {
    let begin = js_sys::Date::now();
    loop {
        let next = TURNS.with_borrow_mut(|turns| turns.waiting.pop_front());
        let Some((_, draw)) = next else { break };
        draw();
        if js_sys::Date::now() - begin >= ROOM {
            break;
        }
    }
    let more = TURNS.with_borrow_mut(|turns| {
        turns.asked = !turns.waiting.is_empty();
        turns.asked
    });
    if more {
        request_animation_frame(frame);
    }
}
