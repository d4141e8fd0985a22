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
async fn half_open_handshakes_take_places_but_no_more() {
    let limit = 50;
    let host = Host::start(
        "127.0.0.1",
        (0, 0),
        Wishes {
            connections: Some(limit),
            ..Wishes::default()
        },
    );
    let host = host.await.unwrap();
    let mut sockets = Vec::new();
    for _ in 0..limit {
        // The beginning of a handshake, and then nothing.
        let mut socket = TcpStream::connect(host.mqtt).await.unwrap();
        socket.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
        sockets.push(socket);
    }
    // One too many is closed at once, not queued.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut late = TcpStream::connect(host.mqtt).await.unwrap();
    assert!(is_closed(&mut late).await);
    // A place that is given back is taken by the next.
    drop(sockets.pop());
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut good = tls(&host, host.mqtt.port()).await;
    good.write_all(&[0xe0, 0]).await.unwrap();
    assert!(is_closed(&mut good).await);
}
