//! What a peripheral does to the chip is seen by the core at its time, asleep or not.

use std::sync::Arc;

use twinbench_emulator::{
    Chip, Image, MemoryMap, NextWake, Stop,
    peripheral::{Context, Peripheral, Signal, SignalKind, WHOLE_CHIP, Width},
    snapshot::{Loader, Saver, SnapshotError},
};
use twinbench_model::{VirtualDuration, VirtualTime};

const MAP: MemoryMap = MemoryMap::STM32F412XG;
const BASE: u32 = 0x4000_0000;
const COUNT: u32 = 0x2000_0000;
const IRQ: u8 = 5;

/// An alarm: a write to 0 sets it so many microseconds ahead, a write to 4 acknowledges it, a
/// write to 8 changes the clock, one to 12 resets the chip; a read of 0 gives the microsecond.
#[derive(Default)]
struct Alarm {
    at: Option<VirtualTime>,
    ringing: bool,
    resets: u32,
}

impl Peripheral for Alarm {
    fn save(&self, out: &mut Saver) {
        out.put(&(self.at, self.ringing, self.resets));
    }

    fn restore(&mut self, from: &mut Loader<'_>) -> Result<(), SnapshotError> {
        (self.at, self.ringing, self.resets) = from.get()?;
        Ok(())
    }

    fn name(&self) -> &'static str {
        "ALARM"
    }
    fn read(&mut self, offset: u32, _width: Width, cx: &mut Context<'_>) -> Option<u32> {
        (offset == 0).then(|| (cx.now.as_nanos() / 1000) as u32)
    }
    fn write(&mut self, offset: u32, _: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        match offset {
            0 => self.at = Some(cx.now + VirtualDuration::from_micros(value.into())),
            4 => self.ringing = false,
            8 => cx.clocks.hclk = value,
            12 => cx.resets.push(WHOLE_CHIP),
            _ => return None,
        }
        cx.irq.set(IRQ, self.ringing);
        Some(())
    }
    fn deadline(&self) -> Option<VirtualTime> {
        self.at
    }
    fn advance(&mut self, cx: &mut Context<'_>) {
        if self.at.is_some_and(|at| at <= cx.now) {
            self.at = None;
            self.ringing = true;
        }
        cx.irq.set(IRQ, self.ringing);
    }
    fn reset(&mut self) {
        let resets = self.resets + 1;
        *self = Self {
            resets,
            ..Self::default()
        };
    }
}

/// A chip whose interrupt 5 counts at [`COUNT`] and acknowledges, and whose main program is
/// `main` with R0 = the alarm, R1 = `value`; then it sleeps.
fn chip(main: &[u16], value: u32) -> Chip {
    let mut flash = Vec::new();
    let mut word = |word: u32| flash.extend(word.to_le_bytes());
    word(0x2000_1000);
    word(0x0800_0101);
    for _ in 2..16 + u32::from(IRQ) {
        word(0);
    }
    word(0x0800_0181);
    flash.resize(0x100, 0);
    let put = |flash: &mut Vec<u8>, halves: &[u16]| {
        for half in halves {
            flash.extend(half.to_le_bytes());
        }
    };
    // ldr r0, =BASE; ldr r1, =value; ldr r2, =NVIC_ISER0; movs r3, #32; str r3, [r2]
    put(&mut flash, &[0x480C, 0x490D, 0x4A0D, 0x2320, 0x6013]);
    put(&mut flash, main);
    put(&mut flash, &[0xBF30, 0xE7FD]); // wfi; b .-2
    flash.resize(0x134, 0);
    for word in [BASE, value, 0xE000_E100] {
        flash.extend(word.to_le_bytes());
    }
    flash.resize(0x180, 0);
    // ldr r0, =COUNT (movs #1; lsls #29); ldr r1, [r0]; adds r1, #1; str r1, [r0];
    // movs r0, #1; lsls r0, #30; str r0, [r0, #4]; bx lr
    put(
        &mut flash,
        &[
            0x2001, 0x0740, 0x6801, 0x3101, 0x6001, 0x2001, 0x0780, 0x6040, 0x4770,
        ],
    );
    let image = Arc::new(Image::from_flash(&flash, &MAP));
    Chip::new(MAP, image, vec![(BASE, 0x400, Box::new(Alarm::default()))])
}

fn word(chip: &Chip, address: u32) -> u32 {
    let mut bytes = [0; 4];
    assert_eq!(chip.read_memory(address, &mut bytes), 4);
    u32::from_le_bytes(bytes)
}

fn notes(chip: &mut Chip) -> Vec<String> {
    let mut signals: Vec<Signal> = Vec::new();
    chip.drain(&mut signals);
    let text = |signal: Signal| match signal.kind {
        SignalKind::Note(text) => Some(text),
        _ => None,
    };
    signals.into_iter().filter_map(text).collect()
}

#[test]
fn a_sleeping_chip_wakes_at_the_deadline_and_only_then() {
    let mut chip = chip(&[0x6001], 5000); // str r1, [r0]
    assert_eq!(chip.next_wake(), NextWake::Busy);
    assert_eq!(chip.run_until(VirtualTime::from_millis(1)), Stop::Reached);
    let NextWake::At(wake) = chip.next_wake() else {
        panic!("{:?}", chip.next_wake());
    };
    assert!(wake > VirtualTime::from_millis(5) && wake < VirtualTime::from_nanos(5_010_000));
    let before = chip.instructions();
    chip.run_until(wake - VirtualDuration::from_nanos(200));
    assert_eq!((chip.instructions(), word(&chip, COUNT)), (before, 0));
    chip.run_until(wake + VirtualDuration::from_micros(10));
    assert_eq!(word(&chip, COUNT), 1, "once: it was acknowledged");
    assert_eq!(chip.next_wake(), NextWake::Never);
    assert_eq!(
        chip.run_until(VirtualTime::from_secs(1_000_000)),
        Stop::Reached
    );
    assert_eq!(notes(&mut chip), Vec::<String>::new());
}

#[test]
fn a_stimulus_is_taken_at_once() {
    let mut chip = chip(&[], 0);
    chip.run_until(VirtualTime::from_secs(3));
    assert_eq!(chip.next_wake(), NextWake::Never);
    let rang = chip.with_peripheral("ALARM", |alarm: &mut Alarm, cx| {
        alarm.ringing = true;
        cx.irq.set(IRQ, true);
        cx.now
    });
    assert_eq!(rang, Some(chip.now()));
    assert_eq!(chip.next_wake(), NextWake::Busy);
    chip.run_until(VirtualTime::from_secs(4));
    assert_eq!(word(&chip, COUNT), 1);
    assert!(chip.peripheral::<Alarm>("OTHER").is_none());
    assert!(
        !chip
            .peripheral::<Alarm>("ALARM")
            .expect("it is there")
            .ringing
    );
}

#[test]
fn a_change_of_clock_changes_the_pace_from_then_on() {
    // str r1, [r0, #8]; then count down from 0x10000 * 0x10 in a loop: 3 cycles each
    let count = [0x6081, 0x2301, 0x051B, 0x3B01, 0xD1FD];
    let mut fast = chip(&count, 160_000_000);
    let mut slow = chip(&count, 16_000_000);
    let cycles_of = |chip: &mut Chip| {
        chip.run_until(VirtualTime::from_millis(10));
        chip.cycles()
    };
    let (fast, slow) = (cycles_of(&mut fast), cycles_of(&mut slow));
    assert!((160_000..160_003).contains(&slow), "{slow}");
    assert!((1_599_000..1_600_003).contains(&fast), "{fast}");
}

#[test]
fn unmodelled_registers_are_noted_once() {
    // str r1, [r0, #16] twice, ldr r3, [r0, #16], and one beyond the alarm: ldr.w r3, [r0, #0x800]
    let main = [0x6101, 0x6101, 0x6903, 0xF8D0, 0x3800];
    let mut chip = chip(&main, 1);
    chip.run_until(VirtualTime::from_millis(1));
    let notes = notes(&mut chip);
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert_eq!(
        notes[0],
        "write to ALARM + 0x10 (0x40000010) is not modelled, pc 0x0800010a"
    );
    assert!(notes[1].starts_with("read of ALARM + 0x10"));
    assert!(notes[2].starts_with("read of TIM4_CR1 (0x40000800) is not modelled"));
    chip.reset();
    chip.run_until(VirtualTime::from_millis(2));
    assert!(self::notes(&mut chip).is_empty());
}

#[test]
fn a_peripheral_can_reset_the_chip_and_ram_survives() {
    // ldr r3, =COUNT: movs r3, #1; lsls r3, #29; ldr r2, [r3, #4]; adds r2, #1; str r2, [r3, #4];
    // cmp r2, #3; beq .+4; str r1, [r0, #12]
    let main = [
        0x2301, 0x075B, 0x685A, 0x3201, 0x605A, 0x2A03, 0xD000, 0x60C1,
    ];
    let mut chip = chip(&main, 1);
    chip.run_until(VirtualTime::from_millis(1));
    assert_eq!(word(&chip, COUNT + 4), 3);
    let alarm: &Alarm = chip.peripheral("ALARM").expect("it is there");
    assert_eq!(alarm.resets, 3, "power-on and two of its own");
}

#[test]
fn a_pin_and_bad_pins() {
    let mut chip = chip(&[], 0);
    chip.set_pin(2, 13, true);
    chip.set_pin(8, 0, true);
    chip.set_pin(0, 16, true);
    assert_eq!(chip.pins().levels(2), 1 << 13);
}

#[test]
fn memory_from_outside_stops_at_its_edges() {
    let mut chip = chip(&[], 0);
    let mut bytes = [0; 8];
    assert_eq!(chip.read_memory(0x2003_FFFC, &mut bytes), 4);
    assert_eq!(chip.read_memory(0x3000_0000, &mut bytes), 0);
    assert_eq!(chip.write_memory(0x2003_FFFE, &[1; 8]), 2);
    assert_eq!(chip.write_memory(0x0800_1000, &[7; 8]), 8);
    assert_eq!(chip.read_memory(0x0000_1000, &mut bytes), 8);
    assert_eq!(bytes, [7; 8]);
}

/// The registers of a board whose core does nothing.
mod wired {
    use std::sync::Arc;

    use twinbench_emulator::{
        Image,
        board::{Board, BoardFile, BoardOutputKind},
        stm32::{Adc, Spi},
    };
    use twinbench_model::{VirtualDuration, VirtualTime};

    fn idle(file: &BoardFile) -> Board {
        let mut flash = 0x2001_0000u32.to_le_bytes().to_vec();
        flash.extend(0x0800_0009u32.to_le_bytes());
        flash.extend(0xE7FEu16.to_le_bytes());
        let image = Arc::new(Image::from_flash(&flash, &file.memory_map()));
        Board::new(file, image).expect("the file names what exists")
    }

    fn wait(board: &mut Board, millis: u64) {
        let end = board.now() + VirtualDuration::from_millis(millis);
        board.run_until(end);
    }

    /// As `HAL_I2C_Mem_Read_DMA` does: sub-address, repeated start, and DMA with LAST for the rest.
    #[test]
    fn a_sensor_is_read_by_dma_and_its_last_byte_is_refused() {
        const I2C1: u32 = 0x4000_5400;
        const STREAM0: u32 = 0x4002_6010;
        let mut board = idle(&BoardFile::az3166().expect("it is part of the program"));
        let chip = board.chip_mut();
        chip.poke(I2C1 + 0x04, 16);
        chip.poke(I2C1 + 0x1C, 80);
        chip.poke(I2C1, 1);
        let step = |board: &mut Board, writes: &[(u32, u32)]| {
            for (offset, value) in writes {
                board.chip_mut().poke(I2C1 + offset, *value);
            }
            wait(board, 1);
            board.chip_mut().peek(I2C1 + 0x14).unwrap_or_default()
        };
        assert_eq!(step(&mut board, &[(0, 1 | 1 << 8)]) & 1, 1, "SB");
        // HTS221, from WHO_AM_I on.
        assert_eq!(step(&mut board, &[(0x10, 0xBE)]) & 2, 2, "ADDR");
        board.chip_mut().peek(I2C1 + 0x18);
        step(&mut board, &[(0x10, 0x8F)]);
        assert_eq!(
            step(&mut board, &[(0, 1 | 1 << 8 | 1 << 10)]) & 1,
            1,
            "SB again"
        );
        for (offset, value) in [
            (4, 3),
            (8, I2C1 + 0x10),
            (12, 0x2000_0100),
            (0, 1 << 25 | 1 << 10),
        ] {
            board.chip_mut().poke(STREAM0 + offset, value);
        }
        board.chip_mut().poke(STREAM0, 1 << 25 | 1 << 10 | 1);
        assert_eq!(
            step(&mut board, &[(0x04, 16 | 3 << 11), (0x10, 0xBF)]) & 2,
            2,
            "ADDR"
        );
        board.chip_mut().peek(I2C1 + 0x18);
        wait(&mut board, 5);
        let mut bytes = [0; 4];
        board.chip().read_memory(0x2000_0100, &mut bytes);
        assert_eq!((bytes[0], bytes[3]), (0xBC, 0), "{bytes:x?}");
        // TCIF of stream 0, and no fourth byte was asked for.
        assert_eq!(
            board.chip_mut().peek(0x4002_6000).map(|it| it & 0x20),
            Some(0x20)
        );
        let sr1 = board.chip_mut().peek(I2C1 + 0x14).unwrap_or_default();
        assert_eq!(sr1 & (1 << 6 | 1 << 2), 0, "{sr1:#x}");
    }

    #[test]
    fn the_wake_up_timer_reaches_its_interrupt_through_exti() {
        let mut board = idle(&BoardFile::az3166().expect("it is part of the program"));
        let chip = board.chip_mut();
        for (address, value) in [
            (0x4001_3C00, 1 << 22),
            (0x4001_3C08, 1 << 22),
            (0x4000_2814, 2047),
            (0x4000_2808, 1 << 14 | 1 << 10 | 3),
        ] {
            chip.poke(address, value);
        }
        let pending = |board: &mut Board| board.chip_mut().peek(0xE000_E200).unwrap_or_default();
        wait(&mut board, 124);
        assert_eq!(pending(&mut board) & 8, 0);
        wait(&mut board, 2);
        assert_eq!(pending(&mut board) & 8, 8, "RTC_WKUP is interrupt 3");
    }

    #[test]
    fn frames_and_conversions_are_moved_by_dma() {
        let mut board = idle(&BoardFile::az3166().expect("it is part of the program"));
        let chip = board.chip_mut();
        chip.with_peripheral::<Spi, _>("SPI1", |spi, _| spi.answer(&[1, 2, 3]));
        chip.with_peripheral::<Adc, _>("ADC1", |adc, _| adc.set_input(8, 777));
        chip.write_memory(0x2000_0200, &[0xA1, 0xA2, 0xA3]);
        // SPI1: DMA2 stream 2 channel 3 in, stream 3 channel 3 out. ADC1: stream 0 channel 0.
        for (address, value) in [
            (0x4002_6444, 3),
            (0x4002_6448, 0x4001_300C),
            (0x4002_644C, 0x2000_0210),
            (0x4002_6440, 3 << 25 | 1 << 10 | 1),
            (0x4002_645C, 3),
            (0x4002_6460, 0x4001_300C),
            (0x4002_6464, 0x2000_0200),
            (0x4002_6458, 3 << 25 | 1 << 10 | 1 << 6 | 1),
            (0x4002_6414, 2),
            (0x4002_6418, 0x4001_204C),
            (0x4002_641C, 0x2000_0220),
            (0x4002_6410, 1 << 13 | 1 << 11 | 1 << 10 | 1),
            (0x4001_3004, 3),
            (0x4001_3000, 1 << 6 | 1 << 2),
            (0x4001_2034, 8),
            (0x4001_2008, 1 << 8 | 3),
            (0x4001_2008, 1 << 30 | 1 << 8 | 3),
        ] {
            assert!(chip.poke(address, value));
        }
        wait(&mut board, 1);
        let mut bytes = [0; 0x24];
        board.chip().read_memory(0x2000_0200, &mut bytes);
        assert_eq!(&bytes[0x10..0x13], &[1, 2, 3]);
        assert_eq!(&bytes[0x20..], &[9, 3, 9, 3], "777 twice");
        let sent = board
            .chip_mut()
            .with_peripheral::<Spi, _>("SPI1", |spi, _| spi.take_sent());
        assert_eq!(sent, Some(vec![0xA1, 0xA2, 0xA3]));
    }

    #[test]
    fn memories_beside_ram_answer_and_registers_have_names() {
        let mut board = idle(&BoardFile::az3166().expect("it is part of the program"));
        assert_eq!(board.chip_mut().peek(0x9000_0000), Some(u32::MAX), "erased");
        assert_eq!(
            board.chip_mut().peek(0x1000_0000),
            None,
            "only the F407 has it"
        );
        board.chip_mut().peek(0x4000_6400);
        board.run_until(VirtualTime::from_millis(1));
        let mut out = Vec::new();
        board.drain(&mut out);
        let noted = out.iter().any(|it| {
            matches!(&it.kind, BoardOutputKind::Note(text) if text.contains("CAN1_MCR (0x40006400)"))
        });
        assert!(noted, "{out:?}");

        let mut board = idle(&BoardFile::stm32f4discovery().expect("it is part of the program"));
        assert!(board.chip_mut().poke(0x1000_FFFC, 0x1234_5678));
        assert_eq!(board.chip_mut().peek(0x1000_FFFC), Some(0x1234_5678));
    }
}
