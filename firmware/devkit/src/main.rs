//! Firmware of the MXChip AZ3166: reads the sensors, shows them, and sends them to an IoT hub
//! through a serial modem. One image serves every device; see `twinbench-devkit-config`.
#![no_std]
#![no_main]

mod buttons;
mod clocks;
mod config;
mod console;
mod display;
mod fault;
mod hub;
mod led;
mod modem;
mod panel;
mod sensors;

use core::cell::RefCell;

use embassy_executor::Spawner;
use embassy_stm32::bind_interrupts;
use embassy_stm32::exti::{self, ExtiInput};
use embassy_stm32::gpio::Pull;
use embassy_stm32::i2c::{self, I2c};
use embassy_stm32::interrupt::typelevel::{EXTI4, EXTI15_10};
use embassy_stm32::peripherals::{RNG, USART1, USART6};
use embassy_stm32::rng::{self, Rng};
use embassy_stm32::time::Hertz;
use embassy_stm32::usart::{self, BufferedUart};
use static_cell::{ConstStaticCell, StaticCell};

use hub::Uplink;
use modem::Modem;
use panel::Panel;
use sensors::SharedBus;

bind_interrupts!(struct Irqs {
    USART1 => usart::BufferedInterruptHandler<USART1>;
    USART6 => usart::BufferedInterruptHandler<USART6>;
    EXTI4 => exti::InterruptHandler<EXTI4>;
    EXTI15_10 => exti::InterruptHandler<EXTI15_10>;
    RNG => rng::InterruptHandler<RNG>;
});

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let p = embassy_stm32::init(clocks::config());

    static CONSOLE: ConstStaticCell<([u8; 256], [u8; 16])> =
        ConstStaticCell::new(([0; 256], [0; 16]));
    let (tx, rx) = CONSOLE.take();
    let serial = usart::Config::default();
    let Ok(console) = BufferedUart::new(p.USART6, p.PA12, p.PA11, tx, rx, Irqs, serial) else {
        panic!("console: baud rate out of reach");
    };
    spawn(spawner, console::writer(console));

    let (settings, problem) = config::load(p.FLASH);
    log!(
        "{} {}, device {}, telemetry every {} s",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        settings.device_id,
        settings.telemetry_interval_secs
    );
    if let Some(problem) = problem {
        log!("config: {problem}; using defaults");
    }

    spawn(spawner, led::heartbeat(led::led(p.PB3)));
    spawn(
        spawner,
        buttons::button_a(ExtiInput::new(p.PA4, p.EXTI4, Pull::None, Irqs)),
    );
    spawn(
        spawner,
        buttons::button_b(ExtiInput::new(p.PA10, p.EXTI10, Pull::None, Irqs)),
    );

    static BUS: StaticCell<SharedBus> = StaticCell::new();
    let mut fast = i2c::Config::default();
    fast.frequency = Hertz::khz(400);
    let bus = BUS.init(RefCell::new(I2c::new_blocking(p.I2C1, p.PB8, p.PB9, fast)));

    static MODEM: ConstStaticCell<([u8; 512], [u8; 2048])> =
        ConstStaticCell::new(([0; 512], [0; 2048]));
    let (tx, rx) = MODEM.take();
    let serial = usart::Config::default();
    let Ok(line) = BufferedUart::new(p.USART1, p.PB7, p.PB6, tx, rx, Irqs, serial) else {
        panic!("modem: baud rate out of reach");
    };
    let (tx, rx) = line.split();

    spawn(
        spawner,
        hub::run(Uplink {
            settings,
            modem: Modem::new(tx, rx),
            panel: Panel::new(bus, led::led(p.PC13), settings.device_id),
            random: Rng::new(p.RNG, Irqs),
            wifi_led: led::led(p.PB2),
            hub_led: led::led(p.PA15),
        }),
    );
}

/// Starts a task; each has a place of its own, so there is always room.
fn spawn<S>(
    spawner: Spawner,
    token: Result<embassy_executor::SpawnToken<S>, embassy_executor::SpawnError>,
) {
    let Ok(token) = token else {
        panic!("task started twice");
    };
    spawner.spawn(token);
}
