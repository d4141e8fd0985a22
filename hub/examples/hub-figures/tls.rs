//! What idle TLS connections cost the hub's process; the clients are another process.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
    sync::Arc,
    time::Instant,
};

use mqtt_proto::v3::{Connect, Packet};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};
use twinbench_hub::{
    derive_key,
    net::{Certificates, Net, NetEvent, NetOptions, Tls, TlsOptions},
    sas,
};
use twinbench_model::VirtualTime;

use crate::{
    Result,
    server::{device, hub},
};

/// The argument that makes this program the clients.
pub(crate) const CLIENTS: &str = "tls-clients";

/// Resident memory of this process in bytes; `None` where the system does not tell.
fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

pub(crate) fn idle(connections: usize) -> Result<()> {
    let mut hub = hub(connections)?;
    let folder = tempfile::tempdir()?;
    let certificates = Certificates::open(folder.path(), &[])?;
    let tls = Tls::new(&TlsOptions {
        chain_pem: certificates.chain_pem()?,
        key_pem: certificates.key_pem()?,
        authorities: Vec::new(),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut options = NetOptions::new(0);
        options.max_connections = connections + 1;
        let (net, mut events) = Net::closed(options);
        let address = net.listen_tls("127.0.0.1:0".parse()?, tls).await?;
        hub.drain_records(&mut Vec::new());
        let before = resident();
        let ca = certificates.ca_path();
        let mut clients = Command::new(std::env::current_exe()?)
            .args([CLIENTS, &address.to_string(), &connections.to_string()])
            .arg(&ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = clients.stdout.take().ok_or("no output")?;
        let ready = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(said).read_line(&mut line).map(|_| line)
        });
        let begin = Instant::now();
        let serving = async {
            let (mut outputs, mut dropped) = (Vec::new(), Vec::new());
            while let Some(event) = events.recv().await {
                let nanos = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
                let now = VirtualTime::from_nanos(nanos);
                match event {
                    NetEvent::Opened { id, peer, .. } => hub.open(id, &peer, now),
                    NetEvent::Data { id, bytes } => hub.receive(id, &bytes, now),
                    NetEvent::Closed { id } => hub.disconnected(id, now),
                }
                hub.drain_records(&mut Vec::new());
                hub.drain_events(&mut dropped);
                dropped.clear();
                hub.drain_outputs(&mut outputs);
                for output in outputs.drain(..) {
                    net.apply(&output);
                }
            }
        };
        let line = tokio::select! {
            line = ready => line??,
            () = serving => return Err("the hub's net has ended".into()),
        };
        let seconds = begin.elapsed().as_secs_f64();
        let open: usize = line.trim().parse()?;
        let online = hub.stats().devices_connected;
        match (before, resident()) {
            (Some(before), Some(after)) => println!(
                "hub       {open} idle TLS connections ({online} devices online after {seconds:.1} s): \
                 {:.1} KiB each",
                after.saturating_sub(before) as f64 / 1024.0 / open.max(1) as f64
            ),
            _ => println!("hub       {open} idle TLS connections; this system does not tell memory"),
        }
        drop(clients.stdin.take());
        clients.wait()?;
        Ok(())
    })
}

/// Opens connections, says how many there are, and keeps them until its input ends.
pub(crate) fn clients(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    let mut next = || arguments.next().ok_or("an argument is missing");
    let (address, connections): (SocketAddr, usize) = (next()?.parse()?, next()?.parse()?);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(next()?)?)?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut open = Vec::with_capacity(connections);
        let mut number = 0;
        while number < connections {
            // A few at a time, as devices come.
            let mut tasks = tokio::task::JoinSet::new();
            for number in number..connections.min(number + 32) {
                let connector = connector.clone();
                tasks.spawn(async move {
                    let opened = connect(connector, address, number).await;
                    opened.map_err(|error| error.to_string())
                });
            }
            number += tasks.len();
            while let Some(stream) = tasks.join_next().await {
                open.push(stream??);
            }
        }
        println!("{}", open.len());
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
        drop(open);
        Ok(())
    })
}

async fn connect(
    connector: TlsConnector,
    address: SocketAddr,
    number: usize,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost")?;
    let mut stream = connector.connect(name, socket).await?;
    let id = device(number)?;
    let mut connect = Connect::new(id.as_str().into(), 0);
    let expiry = u64::try_from(jiff::Timestamp::now().as_second())? + 3_600;
    connect.username = Some(format!("localhost/{id}/?api-version=2021-04-12").into());
    let token = sas::device_token("localhost", &id, &derive_key(1, &id), expiry);
    connect.password = Some(token.into());
    stream
        .write_all(Packet::from(connect).encode()?.as_ref())
        .await?;
    let mut connack = [0; 4];
    stream.read_exact(&mut connack).await?;
    match connack[3] {
        0 => Ok(stream),
        code => Err(format!("CONNECT was refused with code {code}").into()),
    }
}
