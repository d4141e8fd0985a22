//! Timers as firmware uses them.

use proptest::prelude::*;
use twinbench_model::VirtualDuration;

use super::*;
use crate::stm32::rig::Rig;

const TIM2: TimerPort = TimerPort {
    name: "TIM2",
    update_irq: (28, 0),
    compare_irq: (28, 0),
    apb2: false,
    wide: true,
    channels: 4,
};

const TIM3: TimerPort = TimerPort {
    name: "TIM3",
    update_irq: (29, 0),
    compare_irq: (29, 0),
    apb2: false,
    wide: false,
    channels: 4,
};

fn at_96_mhz() -> Rig {
    let mut rig = Rig::default();
    rig.clocks.tim1 = 96_000_000;
    rig.clocks.tim2 = 96_000_000;
    rig
}

fn nanos(n: u64) -> VirtualTime {
    VirtualTime::from_nanos(n)
}

/// As embassy's time driver starts it: 32,768 Hz from 96 MHz would not divide, 1 MHz does.
fn time_driver(rig: &mut Rig, timer: &mut Timer) {
    rig.modify(timer, CR1, |v| v & !CEN);
    rig.write(timer, CNT, 0);
    rig.write(timer, PSC, 95);
    rig.write(timer, ARR, 0xFFFF);
    rig.modify(timer, CR1, |v| v | URS);
    rig.write(timer, EGR, 1);
    rig.modify(timer, CR1, |v| v & !URS);
    rig.write(timer, CCR1, 0x8000);
    rig.write(timer, DIER, 3);
    assert_eq!(
        rig.read(timer, SR),
        0,
        "an update by software with URS raises no flag"
    );
    rig.modify(timer, CR1, |v| v | CEN);
}

#[test]
fn a_time_driver_gets_its_half_and_full_overflows_exactly() {
    let (mut rig, mut timer) = (at_96_mhz(), Timer::new(TIM3));
    time_driver(&mut rig, &mut timer);
    for round in 0..3u64 {
        let half = round * 65_536_000 + 32_768_000;
        assert_eq!(timer.deadline(), Some(nanos(half)));
        rig.run_to(&mut timer, nanos(half - 1));
        assert!(!rig.irq(29));
        assert_eq!(rig.read(&mut timer, CNT), 0x7FFF);
        rig.run_to(&mut timer, nanos(half));
        assert!(rig.irq(29));
        assert_eq!(rig.read(&mut timer, CNT), 0x8000);
        assert_eq!(rig.read(&mut timer, SR), 2);
        rig.write(&mut timer, SR, !2);
        assert!(!rig.irq(29));
        let full = (round + 1) * 65_536_000;
        assert_eq!(timer.deadline(), Some(nanos(full)));
        rig.run_to(&mut timer, nanos(full));
        assert_eq!(rig.read(&mut timer, SR) & 1, 1);
        assert_eq!(rig.read(&mut timer, CNT), 0);
        let sr = rig.read(&mut timer, SR);
        rig.write(&mut timer, SR, !sr);
    }
}

#[test]
fn an_alarm_set_for_later_rings_at_its_tick_and_after_a_wrap() {
    let (mut rig, mut timer) = (at_96_mhz(), Timer::new(TIM3));
    time_driver(&mut rig, &mut timer);
    rig.run_to(&mut timer, nanos(60_000_500));
    rig.write(&mut timer, SR, 0);
    // Channel 2 at tick 65,536 + 1,000.
    rig.write(&mut timer, CCR1 + 4, 1000);
    rig.write(&mut timer, DIER, 4);
    rig.run_to(&mut timer, nanos(66_535_999));
    assert!(!rig.irq(29));
    rig.run_to(&mut timer, nanos(66_536_000));
    assert!(rig.irq(29));
}

#[test]
fn a_prescaler_waits_for_the_next_update() {
    let (mut rig, mut timer) = (at_96_mhz(), Timer::new(TIM2));
    rig.write(&mut timer, ARR, 959);
    rig.write(&mut timer, PSC, 9);
    rig.write(&mut timer, DIER, 1);
    rig.write(&mut timer, CR1, CEN);
    // The first run goes at 96 MHz, the next at 9.6 MHz.
    assert_eq!(timer.deadline(), Some(nanos(10_000)));
    rig.run_to(&mut timer, nanos(10_000));
    rig.write(&mut timer, SR, 0);
    assert_eq!(timer.deadline(), Some(nanos(110_000)));
    rig.run_to(&mut timer, nanos(60_000));
    assert_eq!(rig.read(&mut timer, CNT), 480);
}

#[test]
fn one_pulse_stops_and_down_counting_mirrors() {
    let (mut rig, mut timer) = (at_96_mhz(), Timer::new(TIM2));
    rig.write(&mut timer, ARR, 95);
    rig.write(&mut timer, CR1, CEN | OPM);
    rig.run_to(&mut timer, nanos(5_000));
    assert_eq!(rig.read(&mut timer, CR1) & CEN, 0);
    assert_eq!(rig.read(&mut timer, SR) & UIF, UIF);
    assert_eq!(rig.read(&mut timer, CNT), 0);

    let (mut rig, mut timer) = (at_96_mhz(), Timer::new(TIM2));
    rig.write(&mut timer, ARR, 95);
    rig.write(&mut timer, CR1, DIR);
    rig.write(&mut timer, EGR, 1);
    assert_eq!(rig.read(&mut timer, CNT), 95);
    rig.write(&mut timer, CR1, DIR | CEN);
    rig.run_to(&mut timer, nanos(500));
    assert_eq!(rig.read(&mut timer, CNT), 95 - 48);
}

#[test]
fn a_stopped_counter_keeps_its_place_to_the_cycle() {
    let (mut rig, mut timer) = (at_96_mhz(), Timer::new(TIM2));
    rig.write(&mut timer, PSC, 95);
    rig.write(&mut timer, EGR, 1);
    rig.write(&mut timer, CR1, CEN);
    rig.run_to(&mut timer, nanos(10_500));
    rig.write(&mut timer, CR1, 0);
    rig.run_to(&mut timer, nanos(50_000));
    assert_eq!(rig.read(&mut timer, CNT), 10);
    rig.write(&mut timer, CR1, CEN);
    rig.run_to(&mut timer, nanos(50_499));
    assert_eq!(rig.read(&mut timer, CNT), 10);
    rig.run_to(&mut timer, nanos(50_500));
    assert_eq!(rig.read(&mut timer, CNT), 11);
}

#[test]
fn a_pwm_s_duty_reads_back() {
    let (mut rig, mut timer) = (at_96_mhz(), Timer::new(TIM3));
    rig.write(&mut timer, PSC, 45);
    rig.write(&mut timer, ARR, 2047);
    // PWM mode 1 with preload on channel 1.
    rig.write(&mut timer, CCMR1, 0x68);
    rig.write(&mut timer, CCR1, 512);
    rig.write(&mut timer, CR1, CEN | ARPE);
    assert_eq!(timer.compare(1), Some((512, 2047)));
    assert_eq!(rig.read(&mut timer, CCR1), 512);
    assert_eq!(timer.compare(5), None);
}

#[test]
fn two_timers_share_a_line() {
    let port = |name, source| TimerPort {
        name,
        update_irq: (25, source),
        compare_irq: (25, source),
        apb2: true,
        wide: false,
        channels: 1,
    };
    let mut rig = at_96_mhz();
    let (mut one, mut ten) = (Timer::new(port("TIM1", 0)), Timer::new(port("TIM10", 1)));
    for timer in [&mut one, &mut ten] {
        rig.write(timer, DIER, 1);
        rig.write(timer, EGR, 1);
    }
    rig.write(&mut one, SR, 0);
    assert!(rig.irq(25), "the other still asks");
    rig.write(&mut ten, SR, 0);
    assert!(!rig.irq(25));
}

proptest! {
    /// Whatever happens in between: the counter is the number of whole ticks since it was started.
    #[test]
    fn the_counter_never_drifts(
        psc in 0u32..2000, arr in 1u32..0xFFFF, steps in prop::collection::vec(1u64..50_000_000, 1..20)
    ) {
        let (mut rig, mut timer) = (at_96_mhz(), Timer::new(TIM3));
        rig.write(&mut timer, PSC, psc);
        rig.write(&mut timer, ARR, arr);
        rig.write(&mut timer, EGR, 1);
        rig.write(&mut timer, DIER, 0x3);
        rig.write(&mut timer, CCR1, arr / 2);
        rig.write(&mut timer, CR1, CEN);
        for step in steps {
            rig.wait(&mut timer, VirtualDuration::from_nanos(step));
            let ticks = u128::from(rig.now.as_nanos()) * 96_000_000
                / 1_000_000_000 / u128::from(psc + 1);
            prop_assert_eq!(u128::from(rig.read(&mut timer, CNT)), ticks % u128::from(arr + 1));
            rig.write(&mut timer, SR, 0);
            if let Some(at) = timer.deadline() {
                prop_assert!(at > rig.now);
            }
        }
    }
}
