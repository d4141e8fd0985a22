//! TLS 1.2 and 1.3 with client certificates that the hub judges.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{net::TcpStream, sync::watch};
use tokio_rustls::{
    LazyConfigAcceptor,
    rustls::{
        CipherSuite, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
        SignatureScheme,
        client::danger::HandshakeSignatureValid,
        crypto::{
            CryptoProvider, ring::default_provider, verify_tls12_signature, verify_tls13_signature,
        },
        pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
        server::{
            Acceptor, ClientHello, NoServerSessionStorage, WebPkiClientVerifier,
            danger::{ClientCertVerified, ClientCertVerifier},
        },
    },
    server::TlsStream,
};

use super::{
    Certificates, Net, NetError,
    connection::{self, Peer},
    handshakes::Handshakes,
    listener::{Shared, bind},
    peer::{self, Authority},
};
use crate::ClientCertificate;

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
    config: Arc<ServerConfig>,
    /// `None` inside while it is made.
    rsa: Option<watch::Receiver<Option<Arc<ServerConfig>>>>,
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
        let provider = Arc::new(default_provider());
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
        Ok(Self {
            config: config(&options.chain_pem, &options.key_pem)?,
            rsa: None,
            authorities: authorities.into(),
        })
    }

    /// Shows the folder's certificate with an RSA key to clients that take no other. The key is
    /// made or read in a thread of its own; such a client waits for it.
    #[must_use]
    pub fn with_rsa(mut self, certificates: &Certificates) -> Self {
        let (ready, wanted) = watch::channel(None);
        self.rsa = Some(wanted);
        let certificates = certificates.clone();
        let make = move || {
            let made = certificates.rsa_pem().map_err(|error| error.to_string());
            let made = made
                .and_then(|(chain, key)| config(&chain, &key).map_err(|error| error.to_string()));
            match made {
                // Whoever wanted it may have ended.
                Ok(config) => drop(ready.send(Some(config))),
                Err(error) => tracing::error!(%error, "clients that want an RSA key are refused"),
            }
        };
        // Without a thread, its sender is dropped, and such clients are refused.
        if let Err(error) = std::thread::Builder::new()
            .name("rsa key".into())
            .spawn(make)
        {
            tracing::error!(%error, "no thread to make an RSA key");
        }
        self
    }

    /// What a client that says this can be answered with.
    async fn config_for(&self, rsa: bool) -> Arc<ServerConfig> {
        if let Some(made) = self.rsa.as_ref().filter(|_| rsa)
            && let Ok(config) = made.clone().wait_for(Option::is_some).await
            && let Some(config) = config.as_ref()
        {
            return Arc::clone(config);
        }
        Arc::clone(&self.config)
    }

    /// The settings, for listeners of other protocols, such as AMQP.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Does the handshake with a client.
    pub(crate) async fn accept(
        &self,
        socket: TcpStream,
        handshakes: &Handshakes,
    ) -> io::Result<(TlsStream<TcpStream>, Option<Box<ClientCertificate>>)> {
        let shaken = async {
            let begun = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
            let config = self.config_for(wants_rsa(&begun.client_hello())).await;
            begun.into_stream(config).await
        };
        let mut place = handshakes.begin();
        let stream = tokio::select! {
            stream = shaken => stream?,
            () = tokio::time::sleep(handshakes.time()) => {
                let reason = "the handshake took too long";
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
            }
            () = place.given_up() => {
                return Err(io::Error::other("too many handshakes: it made room for a newer one"));
            }
        };
        let chain = stream.get_ref().1.peer_certificates();
        let certificate = chain.and_then(|chain| peer::read(chain, &self.authorities));
        Ok((stream, certificate.map(Box::new)))
    }
}

/// How to shake hands with a chain and a key in PEM.
fn config(chain_pem: &str, key_pem: &str) -> Result<Arc<ServerConfig>, NetError> {
    let wrong = |error: &dyn std::fmt::Display| NetError::Tls(error.to_string());
    let provider = Arc::new(default_provider());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain_pem.as_bytes()).collect();
    let chain = chain.map_err(|error| wrong(&error))?;
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes());
    let key = key.map_err(|error| wrong(&error))?;
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .with_client_cert_verifier(Arc::new(AnyCertificate(provider)))
        .with_single_cert(chain, key);
    let mut config = config.map_err(|error| wrong(&error))?;
    // A resumed session would save a handshake and cost memory for every connection.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Whether a client takes RSA signatures and no ECDSA: by its signature algorithms, and in TLS 1.2
/// by its cipher suites, which name the kind of key (RFC 8422, section 2).
fn wants_rsa(hello: &ClientHello<'_>) -> bool {
    use CipherSuite as Suite;
    let schemes = hello.signature_schemes();
    let signs = |wanted: &[SignatureScheme]| wanted.iter().any(|one| schemes.contains(one));
    let has = |wanted: &[CipherSuite]| hello.cipher_suites().iter().any(|one| wanted.contains(one));
    let ecdsa = has(&[
        Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ]);
    let rsa = has(&[
        Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]);
    let signs_ecdsa = signs(&[SignatureScheme::ECDSA_NISTP256_SHA256]);
    let signs_rsa = signs(&[
        SignatureScheme::RSA_PKCS1_SHA256,
        SignatureScheme::RSA_PKCS1_SHA384,
        SignatureScheme::RSA_PKCS1_SHA512,
        SignatureScheme::RSA_PSS_SHA256,
        SignatureScheme::RSA_PSS_SHA384,
        SignatureScheme::RSA_PSS_SHA512,
    ]);
    signs_rsa && (!signs_ecdsa || (rsa && !ecdsa))
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
                let (socket, peer) = shared.accept(&listener).await;
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    // On the heap and gone after it: a connection that idles has no handshake.
                    let secured = Box::pin(tls.accept(socket, &shared.handshakes)).await;
                    match secured {
                        Ok((stream, certificate)) => {
                            if let Some(place) = shared.place_for(peer) {
                                mqtt(&shared, stream, peer, certificate).await;
                                drop(place);
                            }
                        }
                        Err(error) => tracing::info!(%peer, %error, "no TLS handshake: closed"),
                    }
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
