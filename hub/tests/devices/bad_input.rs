//! Clients that mean no good at the TLS port: everyone else goes on, and room is bounded.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring::default_provider,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use crate::host::{Host, Wishes};

async fn host() -> Host {
    Host::start("127.0.0.1", (0, 0), Wishes::default())
        .await
        .unwrap()
}

async fn tls(host: &Host, port: u16) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(host.ca()).unwrap())
        .unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await
        .unwrap()
}

/// Whether the other side closes within a moment; what it says before is passed over.
async fn is_closed(stream: &mut (impl AsyncReadExt + Unpin)) -> bool {
    let reading = async {
        let mut buffer = [0; 256];
        while let Ok(1..) = stream.read(&mut buffer).await {}
    };
    tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_speaks_no_tls_is_closed() {
    let host = host().await;
    for text in [
        &b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 2_000],
    ] {
        let mut socket = TcpStream::connect(host.mqtt).await.unwrap();
        socket.write_all(text).await.unwrap();
        assert!(is_closed(&mut socket).await);
    }
    assert_eq!(host.connections(), 0);
    // The next client is served.
    let mut good = tls(&host, host.mqtt.port()).await;
    good.write_all(&[0xe0, 0]).await.unwrap();
    assert!(is_closed(&mut good).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_packets_close_their_connection_only() {
    let host = host().await;
    let mut quiet = tls(&host, host.mqtt.port()).await;
    for bad in [
        // No packet type; a length of five bytes; more than any message; a CONNECT of no protocol;
        // text that is no UTF-8.
        &[0x00, 0x00][..],
        &[0x30, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0x30, 0xff, 0xff, 0xff, 0x7f],
        b"\x10\x0c\0\x04MQXX\x04\x02\0\0\0\0",
        b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01\xff",
    ] {
        let mut stream = tls(&host, host.mqtt.port()).await;
        stream.write_all(bad).await.unwrap();
        assert!(is_closed(&mut stream).await, "{bad:?}");
    }
    // Who said nothing yet is still there, for thirty seconds from its start.
    let mut buffer = [0; 16];
    let read = tokio::time::timeout(Duration::from_millis(200), quiet.read(&mut buffer)).await;
    assert!(read.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_opens_slowly_is_closed() {
    let opening = Duration::from_secs(1);
    let wishes = Wishes {
        opening: Some(opening),
        ..Wishes::default()
    };
    let host = Host::start("127.0.0.1", (0, 0), wishes).await.unwrap();
    let begun = tokio::time::Instant::now();
    // A handshake that never gets on, on both ports; and the head of a request, byte by byte.
    let mut handshakes = Vec::new();
    for address in [host.mqtt, host.https] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(&[0x16, 0x03, 0x01, 0x02]).await.unwrap();
        handshakes.push(socket);
    }
    let request = tls(&host, host.https.port()).await;
    let (mut hears, mut says) = tokio::io::split(request);
    let dripping = tokio::spawn(async move {
        for byte in b"GET /devices/x HTTP/1.1\r\nHost: localhost\r\nX: "
            .iter()
            .cycle()
        {
            if says.write_all(&[*byte]).await.is_err() || says.flush().await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(is_closed(&mut hears).await);
    for socket in &mut handshakes {
        assert!(is_closed(socket).await);
    }
    assert!(begun.elapsed() >= opening);
    dripping.abort();
    // Who opens in time stays: a device, and a request after another.
    let mut quiet = tls(&host, host.mqtt.port()).await;
    tokio::time::sleep(opening * 2).await;
    quiet.write_all(&[0xe0, 0]).await.unwrap();
    assert!(is_closed(&mut quiet).await);
}

/// Resident memory in KiB; 0 where the system does not tell.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.unwrap_or(0)
}

/// As many sockets as the system lets this process have, less some to work with.
fn room_for_sockets() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let all = limit.maximum;
        let raised = Rlimit {
            current: all,
            maximum: all,
        };
        // Where it is refused, what there is must do.
        let _ = setrlimit(Resource::Nofile, raised);
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        usize::try_from(files.saturating_sub(4_000)).unwrap_or(usize::MAX)
    }
    #[cfg(not(unix))]
    2_000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_half_open_sockets_hold_up_nobody() {
    let limit = 500;
    let wishes = Wishes {
        connections: Some(limit),
        ..Wishes::default()
    };
    let host = Host::start("127.0.0.1", (0, 0), wishes).await.unwrap();
    let sockets = room_for_sockets().min(10_000);
    if sockets < 10_000 {
        eprintln!("the system has room for {sockets} sockets instead of 10,000");
    }
    let mut good = crate::rust::device(&host, "good").await;
    let before = resident();
    let mut half_open = Vec::with_capacity(sockets);
    let mut late = None;
    for number in 0..sockets {
        // The beginning of a handshake, and then nothing.
        let mut socket = TcpStream::connect(host.mqtt).await.unwrap();
        // It may have made room for a newer one already.
        let _ = socket.write_all(&[0x16, 0x03, 0x01]).await;
        half_open.push(socket);
        if number == sockets / 2 {
            // One that means well is let in among them, and those that are in go on.
            late = Some(crate::rust::device(&host, "late").await);
        }
    }
    good.send("still here").await;
    late.unwrap().send("here as well").await;
    assert_eq!(host.messages().await.len(), 2);
    let grown = resident().saturating_sub(before);
    // Both ends of the sockets are this process's, and a client's end is most of it.
    assert!(
        grown < 200 * 1024,
        "{grown} KiB for {sockets} half-open sockets"
    );
    let held = half_open.iter_mut().rev().take(limit / 2);
    for socket in held {
        // The newest wait for their time; they were not closed for want of room.
        let mut byte = [0];
        let closed = socket.try_read(&mut byte);
        assert!(
            matches!(&closed, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
            "{closed:?}"
        );
    }
    assert!(is_closed(&mut half_open[0]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_bounded() {
    let wishes = Wishes {
        connections: Some(5),
        ..Wishes::default()
    };
    let host = Host::start("127.0.0.1", (0, 0), wishes).await.unwrap();
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(tls(&host, host.mqtt.port()).await);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    // One too many is closed at once, not queued.
    let mut late = tls(&host, host.mqtt.port()).await;
    assert!(is_closed(&mut late).await);
    // A place that is given back is taken by the next.
    drop(open.pop());
    for _ in 0..100 {
        let mut good = tls(&host, host.mqtt.port()).await;
        let heard = tokio::time::timeout(Duration::from_millis(200), good.read_u8()).await;
        if heard.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("every one was closed");
}
