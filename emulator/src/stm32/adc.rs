//! The analog-to-digital converter (RM0402, chapter 13).

use twinbench_model::VirtualTime;

use super::{access::Lanes, dma, ticks};
use crate::peripheral::{Context, Peripheral, Width};

const SR: u32 = 0x00;
const CR1: u32 = 0x04;
const CR2: u32 = 0x08;
const SMPR1: u32 = 0x0C;
const SMPR2: u32 = 0x10;
const SQR1: u32 = 0x2C;
const SQR3: u32 = 0x34;
const JDR4: u32 = 0x48;
const DR: u32 = 0x4C;
/// The common registers (13.13.16).
const CSR: u32 = 0x300;
const CCR: u32 = 0x304;

/// Bits of SR.
const EOC: u32 = 1 << 1;
const STRT: u32 = 1 << 4;
const OVR: u32 = 1 << 5;
/// Bits of CR1.
const EOCIE: u32 = 1 << 5;
const SCAN: u32 = 1 << 8;
const OVRIE: u32 = 1 << 26;
/// Bits of CR2.
const ADON: u32 = 1;
const CONT: u32 = 1 << 1;
const DMA: u32 = 1 << 8;
const EOCS: u32 = 1 << 10;
const ALIGN: u32 = 1 << 11;
const SWSTART: u32 = 1 << 30;

/// Interrupt number.
const IRQ: u8 = 18;
/// Channels, with the temperature sensor, the reference and the battery (13.3.3).
const CHANNELS: usize = 19;
/// Cycles of a sample, by SMPx (13.13.4).
const SAMPLES: [u64; 8] = [3, 15, 28, 56, 84, 112, 144, 480];
/// 1.21 V of 3.3 V, and the temperature sensor's 0.76 V at 25 °C (data sheet, 6.3.21 and 6.3.24).
const REFERENCE: u16 = 1502;
const TEMPERATURE: u16 = 943;

/// The converter: regular conversions, single, scanned or continuous, by software, with interrupts
/// and DMA, in the time that sampling and conversion take.
///
/// Injected conversions, triggers by timers, and the analog watchdog are stored only.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Adc {
    sr: u32,
    /// Registers that are stored, by offset / 4.
    stored: [u32; 20],
    ccr: u32,
    data: u16,
    /// What is at the inputs, in 1/4096 of the reference voltage.
    inputs: [u16; CHANNELS],
    /// The place in the sequence that is being converted, and its end.
    converting: Option<(u32, VirtualTime)>,
}

impl Default for Adc {
    fn default() -> Self {
        Self::new()
    }
}

impl Adc {
    /// After reset, with half the reference voltage at no input.
    pub fn new() -> Self {
        let mut inputs = [0; CHANNELS];
        (inputs[17], inputs[18]) = (REFERENCE, TEMPERATURE);
        Self {
            sr: 0,
            stored: [0; 20],
            ccr: 0,
            data: 0,
            inputs,
            converting: None,
        }
    }

    /// Puts a voltage at a channel, in 1/4096 of the reference voltage; 4095 at most.
    pub fn set_input(&mut self, channel: u8, value: u16) {
        if let Some(input) = self.inputs.get_mut(usize::from(channel)) {
            *input = value.min(0xFFF);
        }
    }

    fn get(&self, register: u32) -> u32 {
        self.stored
            .get((register / 4) as usize)
            .copied()
            .unwrap_or_default()
    }

    /// The channel at a place of the sequence: SQR3 has the first six.
    fn channel(&self, place: u32) -> usize {
        let register = SQR3 - 4 * (place / 6);
        (self.get(register) >> (5 * (place % 6)) & 31) as usize
    }

    fn length(&self) -> u32 {
        if self.get(CR1) & SCAN == 0 {
            1
        } else {
            (self.get(SQR1) >> 20 & 15) + 1
        }
    }

    /// Begins with the channel at a place.
    fn begin(&mut self, place: u32, from: VirtualTime, cx: &Context<'_>) {
        let channel = self.channel(place) as u32;
        let sample = if channel < 10 {
            self.get(SMPR2) >> (3 * channel) & 7
        } else {
            self.get(SMPR1) >> (3 * (channel - 10).min(8)) & 7
        };
        let bits = u64::from(12 - 2 * (self.get(CR1) >> 24 & 3));
        let divider = 2 * (u64::from(self.ccr >> 16 & 3) + 1);
        let cycles = (SAMPLES[sample as usize] + bits) * divider;
        self.converting = Some((place, ticks::instant(from, cycles, cx.clocks.pclk2)));
    }

    fn catch_up(&mut self, cx: &Context<'_>) {
        while let Some((place, end)) = self.converting.filter(|(_, end)| *end <= cx.now) {
            self.converting = None;
            let with_dma = self.get(CR2) & DMA != 0;
            let each = self.get(CR2) & EOCS != 0 || with_dma;
            if self.sr & EOC != 0 && each {
                // The value before was not taken: this one is lost, and it ends here (13.8.3).
                self.sr |= OVR;
                return;
            }
            let resolution = self.get(CR1) >> 24 & 3;
            let input = self.inputs.get(self.channel(place)).copied();
            let value = input.unwrap_or_default() >> (2 * resolution);
            self.data = match (self.get(CR2) & ALIGN != 0, resolution) {
                (false, _) => value,
                (true, 3) => value << 2,
                (true, _) => value << (4 + 2 * resolution),
            };
            let last = place + 1 == self.length();
            if each || last {
                self.sr |= EOC;
            }
            if !last {
                self.begin(place + 1, end, cx);
            } else if self.get(CR2) & CONT != 0 {
                self.begin(0, end, cx);
            }
            // The DMA controller takes it before the next is there.
            if with_dma {
                return;
            }
        }
    }

    fn request(&self, cx: &mut Context<'_>) {
        let cr1 = self.get(CR1);
        let end = self.sr & EOC != 0 && cr1 & EOCIE != 0;
        cx.irq
            .set(IRQ, end || self.sr & OVR != 0 && cr1 & OVRIE != 0);
    }

    fn load(&mut self, register: u32) -> Option<u32> {
        Some(match register {
            SR => self.sr,
            DR => {
                self.sr &= !EOC;
                self.data.into()
            }
            CSR => self.sr & 0x3F,
            CCR => self.ccr,
            _ if register <= JDR4 => self.get(register),
            _ => return None,
        })
    }
}

impl Peripheral for Adc {
    crate::snapshot::saved_by_serde!();

    fn name(&self) -> &'static str {
        "ADC1"
    }

    fn still_until(&self, offset: u32, _now: VirtualTime) -> Option<VirtualTime> {
        (offset & !3 != DR).then_some(VirtualTime::MAX)
    }

    fn read(&mut self, offset: u32, width: Width, cx: &mut Context<'_>) -> Option<u32> {
        self.catch_up(cx);
        let lanes = Lanes::new(offset, width);
        let value = lanes.extract(self.load(lanes.register)?);
        self.request(cx);
        Some(value)
    }

    fn write(&mut self, offset: u32, width: Width, value: u32, cx: &mut Context<'_>) -> Option<()> {
        self.catch_up(cx);
        let lanes = Lanes::new(offset, width);
        let kept = match lanes.register {
            SR => u32::MAX,
            DR | CSR => 0,
            CCR => self.ccr,
            register if register <= JDR4 => self.get(register),
            _ => return None,
        };
        let value = lanes.merge(kept, value);
        match lanes.register {
            // Flags are cleared by writing 0.
            SR => self.sr &= value,
            CCR => self.ccr = value,
            CR2 => {
                let slot = self.stored.get_mut((CR2 / 4) as usize)?;
                *slot = value & !SWSTART;
                if value & ADON == 0 {
                    self.converting = None;
                } else if value & SWSTART != 0 {
                    self.sr |= STRT;
                    self.begin(0, cx.now, cx);
                }
            }
            DR | CSR => {}
            register => *self.stored.get_mut((register / 4) as usize)? = value,
        }
        self.request(cx);
        Some(())
    }

    fn deadline(&self) -> Option<VirtualTime> {
        self.converting.map(|(_, end)| end)
    }

    fn dma_requests(&self) -> u8 {
        u8::from(self.get(CR2) & DMA != 0 && self.sr & EOC != 0) * dma::RECEIVE
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        self.catch_up(cx);
        self.request(cx);
    }

    /// The voltages stay.
    fn reset(&mut self) {
        *self = Self {
            inputs: self.inputs,
            ..Self::new()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stm32::rig::Rig;

    /// As `HAL_ADC_PollForConversion` does.
    #[test]
    fn a_channel_is_sampled_in_its_time() {
        let (mut rig, mut adc) = (Rig::default(), Adc::new());
        adc.set_input(5, 1234);
        rig.write(&mut adc, SQR3, 5);
        rig.write(&mut adc, SMPR2, 7 << 15);
        rig.write(&mut adc, CR2, ADON | EOCS);
        rig.write(&mut adc, CR2, ADON | EOCS | SWSTART);
        assert_eq!(rig.read(&mut adc, SR) & (EOC | STRT), STRT);
        rig.poll(&mut adc, SR, |sr| sr & EOC != 0);
        assert_eq!(rig.read(&mut adc, DR), 1234);
        assert_eq!(rig.read(&mut adc, SR) & EOC, 0);
        // 492 cycles of 8 MHz.
        assert!(
            (61_500..63_500).contains(&rig.now.as_nanos()),
            "{}",
            rig.now
        );
    }

    #[test]
    fn a_scan_goes_through_its_sequence_with_interrupts() {
        let (mut rig, mut adc) = (Rig::default(), Adc::new());
        for (channel, value) in [(1, 100), (2, 200), (17, REFERENCE)] {
            adc.set_input(channel, value);
        }
        rig.write(&mut adc, SQR3, 1 | 2 << 5 | 17 << 10);
        rig.write(&mut adc, SQR1, 2 << 20);
        rig.write(&mut adc, CR1, SCAN | EOCIE);
        rig.write(&mut adc, CR2, ADON | EOCS | SWSTART);
        let mut got = Vec::new();
        for _ in 0..3 {
            let end = adc.deadline().unwrap();
            rig.run_to(&mut adc, end);
            assert!(rig.irq(18));
            got.push(rig.read(&mut adc, DR));
            assert!(!rig.irq(18));
        }
        assert_eq!(got, [100, 200, u32::from(REFERENCE)]);
        assert_eq!(adc.deadline(), None);
    }

    #[test]
    fn a_value_that_nobody_took_ends_it() {
        let (mut rig, mut adc) = (Rig::default(), Adc::new());
        rig.write(&mut adc, CR1, OVRIE);
        rig.write(&mut adc, CR2, ADON | EOCS | CONT | SWSTART);
        rig.run_to(&mut adc, VirtualTime::from_millis(1));
        assert_eq!(rig.read(&mut adc, SR) & (OVR | EOC), OVR | EOC);
        assert!(rig.irq(18));
    }
}
