//! A C program without libraries sees the board as it is: console, sensors, timer, LED, button.

mod common;

use std::sync::Arc;

use twinbench_emulator::{
    Image, NextWake, Stop,
    board::{Board, BoardError, BoardFile, BoardOutput, BoardOutputKind},
};
use twinbench_model::VirtualTime;

fn board() -> Option<Board> {
    let elf = common::compile("board.c", "flash.ld", &["-O2"])?;
    let file = BoardFile::az3166().expect("the board file is part of the program");
    let image = Image::from_elf(&elf, &file.memory_map()).expect("the compiler made a whole image");
    Some(Board::new(&file, Arc::new(image)).expect("the image is for this board"))
}

fn run(board: &mut Board, millis: u64) -> Vec<BoardOutput> {
    assert_eq!(
        board.run_until(VirtualTime::from_millis(millis)),
        Stop::Reached
    );
    let mut out = Vec::new();
    board.drain(&mut out);
    out
}

fn console(out: &[BoardOutput]) -> String {
    out.iter()
        .filter_map(|output| match &output.kind {
            BoardOutputKind::Uart { port, bytes } if &**port == "console" => {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }
            _ => None,
        })
        .collect()
}

fn notes(out: &[BoardOutput]) -> Vec<&str> {
    out.iter()
        .filter_map(|output| match &output.kind {
            BoardOutputKind::Note(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn it_prints_what_the_sensors_say() {
    let Some(mut board) = board() else { return };
    board.set_sensor("temperature", 21.5).unwrap();
    let out = run(&mut board, 50);
    assert_eq!(
        console(&out),
        "board up\r\nhts221 188\r\nlps22hb 177\r\nlis2mdl 64\r\nlsm6dsl 106\r\nabsent -1\r\n\
         temperature 215\r\nrunning\r\n"
    );
    assert_eq!(notes(&out), Vec::<&str>::new());
    board.set_sensor("temperature", -7.25).unwrap();
    let out = run(&mut board, 1100);
    assert_eq!(console(&out), "temperature -72\r\n");
}

#[test]
fn a_timer_interrupt_blinks_the_led_ten_times_a_second() {
    let Some(mut board) = board() else { return };
    let out = run(&mut board, 2000);
    let edges: Vec<(u64, bool)> = out
        .iter()
        .filter_map(|output| match &output.kind {
            BoardOutputKind::Pin { name, high } => {
                assert_eq!(&**name, "led-user");
                Some((output.time.as_nanos(), *high))
            }
            _ => None,
        })
        .collect();
    assert!(edges.len() >= 19, "{edges:?}");
    for pair in edges.windows(2) {
        assert_ne!(pair[0].1, pair[1].1);
        // The interrupt's way to the LED takes the same few cycles each time, but for those in
        // which the core was asleep or not.
        let period = pair[1].0 - pair[0].0;
        assert!(period.abs_diff(100_000_000) < 1_000, "{period} ns");
    }
}

#[test]
fn a_button_interrupts_and_the_console_takes_input() {
    let Some(mut board) = board() else { return };
    run(&mut board, 50);
    board.set_button("a", true).unwrap();
    assert_eq!(console(&run(&mut board, 60)), "press 1\r\n");
    board.set_button("a", false).unwrap();
    assert_eq!(console(&run(&mut board, 70)), "");
    board.set_button("a", true).unwrap();
    board.uart_input("console", b"x").unwrap();
    assert_eq!(console(&run(&mut board, 300)), "press 2\r\n<x>");
}

#[test]
fn it_sleeps_to_its_next_deadline() {
    let Some(mut board) = board() else { return };
    // After its last reading.
    run(&mut board, 2050);
    let before = board.chip().instructions();
    let NextWake::At(at) = board.next_wake() else {
        panic!("{:?}", board.next_wake())
    };
    assert!(
        at > VirtualTime::from_millis(2050) && at < VirtualTime::from_millis(2150),
        "{at:?}"
    );
    run(&mut board, 12_050);
    let spent = board.chip().instructions() - before;
    assert!(spent < 5_000, "{spent} instructions in ten idle seconds");
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let all = || -> Option<Vec<BoardOutput>> {
        let mut board = board()?;
        let mut out = run(&mut board, 30);
        board.set_button("a", true).unwrap();
        board.set_sensor("temperature", 30.0).unwrap();
        out.extend(run(&mut board, 1500));
        Some(out)
    };
    assert_eq!(all(), all());
}

#[test]
fn a_reset_starts_over_at_the_present_time() {
    let Some(mut board) = board() else { return };
    run(&mut board, 200);
    board.reset();
    let out = run(&mut board, 250);
    assert!(
        console(&out).starts_with("board up\r\n"),
        "{}",
        console(&out)
    );
}

#[test]
fn without_its_supply_it_stands_still_and_with_it_it_starts_over_with_empty_ram() {
    let Some(mut board) = board() else { return };
    run(&mut board, 200);
    let ram = |board: &Board| {
        let mut ram = vec![0; 64 * 1024];
        board.chip().read_memory(0x2000_0000, &mut ram);
        ram.iter().any(|byte| *byte != 0)
    };
    assert!(ram(&board), "the firmware keeps something there");
    board.set_powered(false);
    assert!(!ram(&board));
    let before = board.chip().instructions();
    assert_eq!(board.next_wake(), NextWake::Never);
    assert_eq!(console(&run(&mut board, 5_000)), "");
    assert_eq!(board.chip().instructions(), before);
    assert_eq!(board.now(), VirtualTime::from_millis(5_000));
    // A moment without supply is a moment like others.
    let moment = board.snapshot(None).unwrap();
    board.restore(&moment).unwrap();
    board.set_powered(true);
    let out = run(&mut board, 5_050);
    assert!(
        console(&out).starts_with("board up\r\n"),
        "{}",
        console(&out)
    );
}

#[test]
fn what_the_board_has_not_is_refused_with_what_it_has() {
    let Some(mut board) = board() else { return };
    let error = board.set_sensor("smell", 1.0).unwrap_err();
    assert!(error.to_string().contains("magnetometer-z"), "{error}");
    assert!(matches!(
        board.set_sensor("temperature", f64::NAN),
        Err(BoardError::NotFinite { .. })
    ));
    let error = board.set_button("c", true).unwrap_err();
    assert!(error.to_string().contains("a, b"), "{error}");
    let error = board.uart_input("usb", b"").unwrap_err();
    assert!(error.to_string().contains("console, modem"), "{error}");
}
