//! The hub's figures, beside mosquitto's in the same run: how many messages a second are
//! acknowledged (QoS 1, 200 bytes, 100 devices), how long it takes at half of that, and what an
//! idle TLS connection costs.
//!
//! The hub authenticates every device and syncs every message to disk before it acknowledges;
//! mosquitto does neither. Both are asked by the same client over TCP on loopback. `-- 50000 2000`
//! sets the messages and the TLS connections.
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the wall clock, its arguments and its environment"
)]

mod cpu;
mod load;
mod mosquitto;
mod server;
mod tls;

use std::error::Error;

use load::Load;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const DEVICES: usize = 100;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some(tls::CLIENTS) {
        return tls::clients(arguments);
    }
    let number = |text: Option<String>, default: usize| match text {
        Some(text) => text.parse(),
        None => Ok(default),
    };
    let (messages, connections) = (number(first, 200_000)?, number(arguments.next(), 10_000)?);

    let hub = server::start(DEVICES)?;
    let load = Load::of_hub(hub.address, DEVICES);
    load.run(messages / 10, None)?;
    let before = cpu::seconds();
    let fast = load.run(messages, None)?;
    println!(
        "hub       {:>9.0} messages/s, authenticated, each synced to disk",
        fast.rate
    );
    println!("hub       {}", cpu::since(&before, messages));
    let half = load.run(messages / 4, Some(fast.rate / 2.0))?;
    println!(
        "hub       p50 {:.2} ms, p99 {:.2} ms at {:.0} messages/s",
        half.p50, half.p99, half.rate
    );
    drop(hub);

    match mosquitto::start()? {
        Some(broker) => {
            let load = Load::of_broker(broker.address, DEVICES);
            load.run(messages / 10, None)?;
            let theirs = load.run(messages, None)?;
            println!("mosquitto {:>9.0} messages/s, neither", theirs.rate);
            let half = load.run(messages / 4, Some(theirs.rate / 2.0))?;
            println!(
                "mosquitto p50 {:.2} ms, p99 {:.2} ms at {:.0} messages/s",
                half.p50, half.p99, half.rate
            );
            println!("hub to mosquitto: {:.2} times", fast.rate / theirs.rate);
        }
        None => println!("mosquitto is not installed: nothing to compare with"),
    }
    tls::idle(connections)
}
