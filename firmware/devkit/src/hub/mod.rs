//! The way to the hub: connect, stay, and come back with growing pauses.

mod dispatch;
mod session;

use embassy_stm32::gpio::Output;
use embassy_stm32::peripherals::RNG;
use embassy_stm32::rng::Rng;
use embassy_time::{Duration, Instant, Timer};
use twinbench_devkit_config::Settings;
use twinbench_devkit_core::{backoff, mqtt, sas};

use crate::log;
use crate::modem::{self, Modem};
use crate::panel::Panel;
use session::{End, Outbox, Session};

/// Life of a token in seconds.
const TOKEN_SECS: u64 = 3600;
/// A token is replaced this long before it expires, by signing in again.
const TOKEN_MARGIN_SECS: u64 = 300;

/// Everything the way to the hub needs.
pub(crate) struct Uplink {
    /// What this board knows of its device and hub.
    pub(crate) settings: Settings<'static>,
    /// The modem.
    pub(crate) modem: Modem,
    /// Sensors and display.
    pub(crate) panel: Panel,
    /// Source of the jitter.
    pub(crate) random: Rng<'static, RNG>,
    /// Lit while in the Wi-Fi network.
    pub(crate) wifi_led: Output<'static>,
    /// Lit while signed in at the hub.
    pub(crate) hub_led: Output<'static>,
}

/// Keeps the device at its hub for ever.
#[embassy_executor::task]
pub(crate) async fn run(mut uplink: Uplink) -> ! {
    let mut outbox = Outbox::new(&uplink.settings);
    let mut attempt = 0;
    loop {
        let pause = backoff::millis(attempt, uplink.random.next_u32());
        if pause > 0 {
            log!("hub: next try in {}.{} s", pause / 1000, pause % 1000 / 100);
            Timer::after_millis(pause).await;
        }
        attempt += 1;
        let (end, delivered) = uplink.visit(&mut outbox).await;
        uplink.hub_led.set_low();
        log!("hub: {end}");
        uplink.panel.state(end.short());
        // Only a hub that took something, or a token that ran out, starts the pauses over:
        // signing in alone does not.
        if delivered || matches!(end, End::TokenOld) {
            attempt = 0;
        }
        if let Err(error) = uplink.modem.close().await {
            log!("modem: {error}");
        }
        uplink.wifi_led.set_level(uplink.modem.joined().into());
    }
}

impl Uplink {
    /// One connection, from its start to its end; and whether the hub took a message in it.
    async fn visit(&mut self, outbox: &mut Outbox) -> (End, bool) {
        let expires = match self.open().await {
            Ok(expires) => expires,
            Err(end) => return (end, false),
        };
        let mut session = Session::new(
            &self.settings,
            &mut self.modem,
            &mut self.panel,
            outbox,
            expires,
        );
        match session.sign_in().await {
            Ok(()) => {
                self.hub_led.set_high();
                let end = session.stay().await;
                (end, session.delivered())
            }
            Err(end) => (end, false),
        }
    }

    /// Wi-Fi, time, connection, CONNECT. Gives the instant at which the token should be replaced.
    async fn open(&mut self) -> Result<Instant, End> {
        self.panel.state("connecting");
        let now = self.prepare().await?;
        let Settings {
            device_id,
            device_key,
            hub_host,
            hub_port,
            tls,
            ..
        } = self.settings;
        let token =
            sas::token(hub_host, device_id, device_key, now + TOKEN_SECS).map_err(End::Token)?;
        let replace = Instant::now() + Duration::from_secs(TOKEN_SECS - TOKEN_MARGIN_SECS);

        log!(
            "hub: connecting to {hub_host}:{hub_port}{}",
            if tls { " with TLS" } else { "" }
        );
        self.modem.open(tls, hub_host, hub_port).await?;
        let connect = mqtt::connect(hub_host, device_id, &token).map_err(End::Packet)?;
        self.modem.write(&connect).await?;
        Ok(replace)
    }

    /// Wi-Fi and time. Gives the time in seconds since 1970.
    async fn prepare(&mut self) -> Result<u64, modem::Error> {
        self.modem.start().await?;
        self.modem
            .join(self.settings.wifi_ssid, self.settings.wifi_password)
            .await?;
        self.wifi_led.set_high();
        self.modem.time().await
    }
}
