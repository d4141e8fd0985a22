//! TLS 1.2 and 1.3 with client certificates that the hub judges.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
        SignatureScheme,
        client::danger::HandshakeSignatureValid,
        crypto::{
            CryptoProvider, ring::default_provider, verify_tls12_signature, verify_tls13_signature,
        },
        pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
        server::{
            NoServerSessionStorage, WebPkiClientVerifier,
            danger::{ClientCertVerified, ClientCertVerifier},
        },
    },
    server::TlsStream,
};

use super::{
    Net, NetError,
    connection::{self, Peer},
    listener::{Shared, bind},
    peer::{self, Authority},
};
use crate::ClientCertificate;

/// How long a client may take for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// What TLS shows and whom it knows.
#[derive(Clone)]
pub struct TlsOptions {
    /// The server's certificate and those behind it, in PEM.
    pub chain_pem: String,
    /// The server's private key in PEM.
    pub key_pem: String,
    /// Authorities that stand behind devices' certificates: name and certificate in PEM.
    pub authorities: Vec<(String, String)>,
}

impl std::fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsOptions").finish_non_exhaustive()
    }
}

/// TLS, ready to be used by listeners. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    authorities: Arc<[Authority]>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads certificates and key.
    ///
    /// # Errors
    /// When they cannot be read or do not fit together.
    pub fn new(options: &TlsOptions) -> Result<Self, NetError> {
        let wrong = |error: &dyn std::fmt::Display| NetError::Tls(error.to_string());
        let provider = Arc::new(default_provider());
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(options.chain_pem.as_bytes()).collect();
        let chain = chain.map_err(|error| wrong(&error))?;
        let key = PrivateKeyDer::from_pem_slice(options.key_pem.as_bytes());
        let key = key.map_err(|error| wrong(&error))?;
        let mut authorities: Vec<Authority> = Vec::new();
        for (name, pem) in &options.authorities {
            let failed = |error: &dyn std::fmt::Display| {
                NetError::Tls(format!("the authority {name:?} cannot be used: {error}"))
            };
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|error| failed(&error))?;
                roots.add(certificate).map_err(|error| failed(&error))?;
            }
            let (roots, provider) = (Arc::new(roots), Arc::clone(&provider));
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            authorities.push((name.clone(), verifier.map_err(|error| failed(&error))?));
        }
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&error))?
            .with_client_cert_verifier(Arc::new(AnyCertificate(provider)))
            .with_single_cert(chain, key);
        let mut config = config.map_err(|error| wrong(&error))?;
        // A resumed session would save a handshake and cost memory for every connection.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            authorities: authorities.into(),
        })
    }

    /// Does the handshake with a client.
    pub(super) async fn accept(
        &self,
        socket: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Option<Box<ClientCertificate>>)> {
        let stream = tokio::time::timeout(HANDSHAKE, self.acceptor.accept(socket)).await;
        let stream = stream.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let chain = stream.get_ref().1.peer_certificates();
        let certificate = chain.and_then(|chain| peer::read(chain, &self.authorities));
        Ok((stream, certificate.map(Box::new)))
    }
}

impl Net {
    /// Listens for MQTT over TLS as well. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the port is in use or not allowed.
    pub async fn listen_tls(&self, address: SocketAddr, tls: Tls) -> Result<SocketAddr, NetError> {
        let (listener, address) = bind(address).await?;
        let shared = Arc::clone(&self.shared);
        self.spawn(async move {
            loop {
                let (socket, peer, place) = shared.accept(&listener).await;
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    // On the heap and gone after it: a connection that idles has no handshake.
                    let secured = Box::pin(tls.accept(socket)).await;
                    match secured {
                        Ok((stream, certificate)) => {
                            mqtt(&shared, stream, peer, certificate).await;
                        }
                        Err(error) => tracing::info!(%peer, %error, "no TLS handshake: closed"),
                    }
                    drop(place);
                });
            }
        });
        Ok(address)
    }
}

async fn mqtt(
    shared: &Shared,
    stream: TlsStream<TcpStream>,
    peer: SocketAddr,
    certificate: Option<Box<ClientCertificate>>,
) {
    let peer = Peer {
        id: shared.number(),
        address: peer.to_string(),
        certificate,
    };
    let limit = shared.options.waiting_bytes;
    let (table, events) = (Arc::clone(&shared.table), shared.events.clone());
    connection::serve(peer, stream, limit, table, events).await;
}

/// Takes any certificate whose private key the client holds: whom it opens the door to, the hub
/// decides with the registry at hand.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
