//! The bus as embassy and ST's HAL drive it.

use std::sync::{Arc, Mutex};

use super::*;
use crate::peripheral::Signal;
use crate::{
    sensors::{Hts221, RegisterDevice},
    stm32::rig::Rig,
};

const PORT: I2cPort = I2cPort {
    name: "I2C1",
    event_irq: 31,
    error_irq: 32,
};

/// A device that keeps a diary and sends 1, 2, 3, …
struct Diary {
    log: Arc<Mutex<Vec<String>>>,
    next: u8,
}

impl Diary {
    fn note(&self, text: String) {
        self.log.lock().unwrap().push(text);
    }
}

impl I2cDevice for Diary {
    fn save(&self, _out: &mut Saver) {}

    fn restore(&mut self, _from: &mut Loader<'_>) -> Result<(), SnapshotError> {
        Ok(())
    }

    fn name(&self) -> &'static str {
        "diary"
    }
    fn address(&self) -> u8 {
        0x50
    }
    fn start(&mut self, read: bool, _now: VirtualTime) {
        self.note(if read { "read" } else { "write" }.into());
    }
    fn write(&mut self, byte: u8, _now: VirtualTime) -> bool {
        self.note(format!("{byte:02x}"));
        byte != 0xFF
    }
    fn read(&mut self, _now: VirtualTime) -> u8 {
        self.next += 1;
        self.next
    }
    fn stop(&mut self, _now: VirtualTime, _out: &mut Vec<Signal>) {
        self.note(format!("stop after {}", self.next));
    }
    fn power_on(&mut self) {}
}

struct Bench {
    rig: Rig,
    i2c: I2c,
    log: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    /// 48 MHz, fast mode: CCR 40 gives 400 kHz.
    fn new() -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let diary = Diary {
            log: Arc::clone(&log),
            next: 0,
        };
        let devices: Vec<Box<dyn I2cDevice>> = vec![
            Box::new(diary),
            Box::new(RegisterDevice::new(0x5F, Hts221::default())),
        ];
        let (mut rig, mut i2c) = (Rig::default(), I2c::new(PORT, devices));
        rig.clocks.pclk1 = 48_000_000;
        rig.write(&mut i2c, CR1, SWRST);
        rig.write(&mut i2c, CR1, 0);
        rig.write(&mut i2c, CR2, 48);
        rig.write(&mut i2c, CCR, 0x8000 + 40);
        rig.write(&mut i2c, TRISE, 15);
        rig.write(&mut i2c, CR1, PE);
        Self { rig, i2c, log }
    }

    fn modify(&mut self, register: u32, set: u32, clear: u32) {
        self.rig
            .modify(&mut self.i2c, register, |v| (v & !clear) | set);
    }

    fn poll(&mut self, register: u32, flag: u32) -> u32 {
        self.rig.poll(&mut self.i2c, register, |v| v & flag != 0)
    }

    fn read(&mut self, register: u32) -> u32 {
        self.rig.read(&mut self.i2c, register)
    }

    fn send(&mut self, byte: u32) {
        self.rig.write(&mut self.i2c, DR, byte);
    }

    /// Start and address up to ADDR or AF.
    fn start(&mut self, address: u32, ack: bool) -> bool {
        self.modify(CR1, START | if ack { ACK } else { 0 }, 0);
        self.poll(SR1, SB);
        assert_eq!(self.read(CR1) & START, 0);
        assert_ne!(self.read(SR2) & MSL, 0);
        self.send(address);
        self.poll(SR1, ADDR | AF) & ADDR != 0
    }

    fn write_bytes(&mut self, bytes: &[u8], stop: bool) {
        for byte in bytes {
            self.poll(SR1, TXE);
            self.send(u32::from(*byte));
            self.poll(SR1, BTF);
        }
        if stop {
            self.modify(CR1, STOP, 0);
        }
    }

    /// As `HAL_I2C_Mem_Read` begins: wait until not busy, start, address, sub-address, start again.
    fn memory_address(&mut self, address: u32, sub: u32) {
        self.rig.poll(&mut self.i2c, SR2, |v| v & BUSY == 0);
        assert!(self.start(address << 1, true));
        self.read(SR2);
        self.poll(SR1, TXE);
        self.send(sub);
        self.poll(SR1, TXE);
        self.modify(CR1, START, 0);
        self.poll(SR1, SB);
        self.send(address << 1 | 1);
        self.poll(SR1, ADDR);
    }

    /// The rest of `HAL_I2C_Mem_Read`, with its special cases for the last bytes.
    fn hal_receive(&mut self, count: usize) -> Vec<u8> {
        let mut got = Vec::new();
        match count {
            1 => {
                self.modify(CR1, 0, ACK);
                self.read(SR1);
                self.read(SR2);
                self.modify(CR1, STOP, 0);
            }
            2 => {
                self.modify(CR1, 0, ACK);
                self.modify(CR1, POS, 0);
                self.read(SR1);
                self.read(SR2);
            }
            _ => {
                self.read(SR1);
                self.read(SR2);
            }
        }
        while got.len() < count {
            let left = count - got.len();
            match left {
                1 => {
                    self.poll(SR1, RXNE);
                    got.push(self.read(DR) as u8);
                }
                2 => {
                    self.poll(SR1, BTF);
                    self.modify(CR1, STOP, 0);
                    got.push(self.read(DR) as u8);
                    got.push(self.read(DR) as u8);
                }
                3 => {
                    self.poll(SR1, BTF);
                    self.modify(CR1, 0, ACK);
                    got.push(self.read(DR) as u8);
                    self.poll(SR1, BTF);
                    self.modify(CR1, STOP, 0);
                    got.push(self.read(DR) as u8);
                    got.push(self.read(DR) as u8);
                }
                _ => {
                    self.poll(SR1, RXNE);
                    got.push(self.read(DR) as u8);
                    if self.read(SR1) & BTF != 0 {
                        got.push(self.read(DR) as u8);
                    }
                }
            }
        }
        self.modify(CR1, 0, POS);
        got
    }

    /// embassy's blocking read after its start.
    fn embassy_receive(&mut self, count: usize) -> Vec<u8> {
        self.read(SR2);
        let mut got = Vec::new();
        for _ in 1..count {
            self.poll(SR1, RXNE);
            got.push(self.read(DR) as u8);
        }
        self.modify(CR1, STOP, ACK);
        self.poll(SR1, RXNE);
        got.push(self.read(DR) as u8);
        got
    }

    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

#[test]
fn bytes_written_reach_the_device_in_their_time() {
    let mut bench = Bench::new();
    assert!(bench.start(0xA0, false));
    assert_ne!(bench.read(SR2) & TRA, 0);
    bench.write_bytes(&[0x12, 0x34], true);
    bench.rig.poll(&mut bench.i2c, SR2, |v| v & BUSY == 0);
    assert_eq!(bench.log(), ["write", "12", "34", "stop after 0"]);
    // Start, three bytes of nine bits and stop at 400 kHz, and some polling.
    let micros = bench.rig.now.as_nanos() / 1000;
    assert!((72..85).contains(&micros), "{micros} µs");
}

#[test]
fn reads_of_every_length_in_both_styles_take_no_byte_too_many() {
    for count in 1..8u8 {
        let expected: Vec<u8> = (1..=count).collect();
        let mut bench = Bench::new();
        bench.memory_address(0x50, 0x28);
        assert_eq!(bench.hal_receive(usize::from(count)), expected);
        bench.rig.poll(&mut bench.i2c, SR2, |v| v & BUSY == 0);
        let stop = format!("stop after {count}");
        assert_eq!(bench.log(), ["write", "28", "read", &stop], "HAL");

        let mut bench = Bench::new();
        assert!(bench.start(0xA0, false));
        bench.read(SR2);
        bench.write_bytes(&[0x28], false);
        assert!(bench.start(0xA1, true));
        assert_eq!(bench.embassy_receive(usize::from(count)), expected);
        bench.rig.poll(&mut bench.i2c, SR2, |v| v & BUSY == 0);
        assert_eq!(bench.log(), ["write", "28", "read", &stop], "embassy");
    }
}

#[test]
fn an_absent_address_is_not_acknowledged_and_the_bus_recovers() {
    let mut bench = Bench::new();
    for address in 0..0x50u32 {
        assert!(!bench.start(address << 1, false));
        bench.modify(CR1, STOP, 0);
        bench.modify(SR1, 0, AF);
        bench.rig.poll(&mut bench.i2c, SR2, |v| v & BUSY == 0);
    }
    assert!(bench.rig.now < VirtualTime::from_millis(5));
    assert!(!bench.start(0x20, false));
    // embassy sends no stop after a missing acknowledge: the next start repeats.
    bench.rig.write(&mut bench.i2c, SR1, !AF);
    assert!(bench.start(0x5F << 1, false));
    bench.read(SR2);
    bench.write_bytes(&[0x0F], false);
    assert!(bench.start(0x5F << 1 | 1, true));
    assert_eq!(bench.embassy_receive(1), [0xBC]);
}

#[test]
fn a_byte_that_the_device_refuses_sets_af() {
    let mut bench = Bench::new();
    assert!(bench.start(0xA0, false));
    bench.read(SR2);
    bench.send(0xFF);
    bench.poll(SR1, AF);
    bench.modify(CR1, STOP, 0);
    bench.rig.poll(&mut bench.i2c, SR2, |v| v & BUSY == 0);
}

#[test]
fn interrupts_follow_the_events() {
    let mut bench = Bench::new();
    bench.modify(CR2, ITEVTEN | ITERREN, 0);
    assert!(!bench.rig.irq(31));
    bench.modify(CR1, START, 0);
    bench.rig.wait(
        &mut bench.i2c,
        twinbench_model::VirtualDuration::from_micros(5),
    );
    assert!(bench.rig.irq(31));
    bench.send(0x44);
    assert!(!bench.rig.irq(31));
    bench.rig.wait(
        &mut bench.i2c,
        twinbench_model::VirtualDuration::from_micros(30),
    );
    assert!(bench.rig.irq(32), "not acknowledged");
}
