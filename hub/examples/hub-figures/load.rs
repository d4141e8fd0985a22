//! Devices that send as fast as they are acknowledged, or at a rate.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use mqtt_proto::{
    Pid, QosPid, TopicName,
    v3::{Connect, Packet, Publish},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use twinbench_hub::{derive_key, sas};

use crate::{Result, server::device};

/// Messages of a device that wait for their acknowledgement, at most.
const WINDOW: usize = 50;
const PUBACK: usize = 4;

pub(crate) struct Load {
    address: SocketAddr,
    devices: usize,
    hub: bool,
}

/// What was seen; times in milliseconds.
pub(crate) struct Seen {
    pub(crate) rate: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Load {
    pub(crate) fn of_hub(address: SocketAddr, devices: usize) -> Self {
        Self {
            address,
            devices,
            hub: true,
        }
    }

    pub(crate) fn of_broker(address: SocketAddr, devices: usize) -> Self {
        Self {
            address,
            devices,
            hub: false,
        }
    }

    /// Sends so many messages, as fast as they are acknowledged or at a rate (messages a second
    /// of all devices).
    pub(crate) fn run(&self, messages: usize, rate: Option<f64>) -> Result<Seen> {
        let each = messages / self.devices;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let seconds_each = rate.map(|rate| self.devices as f64 / rate);
        runtime.block_on(async {
            let mut sockets = Vec::new();
            for number in 0..self.devices {
                sockets.push((self.connect(number).await?, publish(number)?));
            }
            let begin = Instant::now();
            let mut tasks = Vec::new();
            for (number, (socket, window)) in sockets.into_iter().enumerate() {
                let offset = number as f64 / self.devices as f64;
                tasks.push(tokio::spawn(async move {
                    match seconds_each {
                        None => flood(socket, &window, each).await,
                        Some(every) => pace(socket, &window, each, every, offset).await,
                    }
                }));
            }
            let mut times = Vec::new();
            for task in tasks {
                times.extend(task.await??);
            }
            let seconds = begin.elapsed().as_secs_f64();
            times.sort_unstable();
            let at = |part: f64| {
                let index = (times.len().saturating_sub(1) as f64 * part) as usize;
                times
                    .get(index)
                    .map_or(0.0, |time: &Duration| time.as_secs_f64() * 1e3)
            };
            Ok(Seen {
                rate: (each * self.devices) as f64 / seconds,
                p50: at(0.5),
                p99: at(0.99),
            })
        })
    }

    async fn connect(&self, number: usize) -> Result<TcpStream> {
        let mut socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let id = device(number)?;
        let mut connect = Connect::new(id.as_str().into(), 0);
        if self.hub {
            let expiry = u64::try_from(jiff::Timestamp::now().as_second())? + 3_600;
            connect.username = Some(format!("localhost/{id}/?api-version=2021-04-12").into());
            let token = sas::device_token("localhost", &id, &derive_key(1, &id), expiry);
            connect.password = Some(token.into());
        }
        socket
            .write_all(Packet::from(connect).encode()?.as_ref())
            .await?;
        let mut connack = [0; 4];
        socket.read_exact(&mut connack).await?;
        if connack[3] != 0 {
            return Err(format!("CONNECT was refused with code {}", connack[3]).into());
        }
        Ok(socket)
    }
}

/// A window of PUBLISH packets of 200 bytes with QoS 1: readings that differ, as a board has them.
fn publish(number: usize) -> Result<Window> {
    let topic = format!("devices/{}/messages/events/", device(number)?);
    let topic = TopicName::try_from(topic.as_str())?;
    let mut packets = Vec::new();
    let mut noise = number as u32 + 1;
    let mut reading = || {
        // Of a generator by Numerical Recipes, chapter 7.1; the high bits are the good ones.
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(noise >> 12) / 1e4
    };
    for _ in 0..WINDOW {
        let names = [
            "humidity",
            "pressure",
            "temperature",
            "magnetometerX",
            "magnetometerY",
            "magnetometerZ",
        ];
        let values = names.map(|name| format!("\"{name}\":{:.4}", reading()));
        let body = format!(
            "{{\"deviceId\":\"{}\",{}}}",
            device(number)?,
            values.join(",")
        );
        let body = format!("{body:<200}");
        let publish = Publish::new(
            QosPid::Level1(Pid::try_from(1)?),
            topic.clone(),
            body.into(),
        );
        packets.push(Packet::from(publish).encode()?.as_ref().to_vec());
    }
    Ok(Window {
        packet: packets[0].len(),
        bytes: packets.concat(),
    })
}

/// As many packets as may wait for their acknowledgement, all of one length.
struct Window {
    packet: usize,
    bytes: Vec<u8>,
}

impl Window {
    fn of(&self, packets: usize) -> &[u8] {
        &self.bytes[..packets * self.packet]
    }
}

/// Keeps a window of messages on their way.
async fn flood(
    mut socket: TcpStream,
    window: &Window,
    messages: usize,
) -> std::io::Result<Vec<Duration>> {
    let (mut sent, mut acknowledged, mut left_over) = (0, 0, 0);
    let mut buffer = [0; 4096];
    while acknowledged < messages {
        let room = (WINDOW - (sent - acknowledged)).min(messages - sent);
        if room > 0 {
            socket.write_all(window.of(room)).await?;
            sent += room;
        }
        let read = socket.read(&mut buffer).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        left_over += read;
        acknowledged += left_over / PUBACK;
        left_over %= PUBACK;
    }
    Ok(Vec::new())
}

/// Sends at a rate, whether or not the last was acknowledged, and takes the times from when each
/// was to be sent.
async fn pace(
    mut socket: TcpStream,
    window: &Window,
    messages: usize,
    every: f64,
    offset: f64,
) -> std::io::Result<Vec<Duration>> {
    let begin = Instant::now() + Duration::from_secs_f64(every * offset);
    let due = |number: usize| begin + Duration::from_secs_f64(every * number as f64);
    let (mut read, mut write) = socket.split();
    let sending = async {
        let mut sent = 0;
        while sent < messages {
            tokio::time::sleep_until(due(sent).into()).await;
            // Those that fell due together, as the timer has them, are one write.
            let mut room = 1;
            while room < WINDOW.min(messages - sent) && due(sent + room) <= Instant::now() {
                room += 1;
            }
            write.write_all(window.of(room)).await?;
            sent += room;
        }
        std::io::Result::Ok(())
    };
    let hearing = async {
        let mut times = Vec::with_capacity(messages);
        let (mut buffer, mut left_over) = ([0; 4096], 0);
        while times.len() < messages {
            let bytes = read.read(&mut buffer).await?;
            if bytes == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            left_over += bytes;
            for _ in 0..left_over / PUBACK {
                times.push(due(times.len()).elapsed());
            }
            left_over %= PUBACK;
        }
        std::io::Result::Ok(times)
    };
    let (sent, times) = tokio::join!(sending, hearing);
    sent?;
    times
}
