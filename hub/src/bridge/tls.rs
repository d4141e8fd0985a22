//! TLS towards a broker.

use std::{path::Path, sync::Arc};

use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::BridgeConfig;

/// The certificates of a bridge cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path} cannot be used: {reason}; give a PEM file")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The system has no certificates.
    #[error("the system offers no certificates to check the broker with: give the bridge a ca")]
    NoRoots,
    /// They do not fit together.
    #[error("certificate and key cannot be used: {0}")]
    Certificate(#[from] rustls::Error),
}

/// The configuration of a client without a certificate that trusts those of a file, or of the
/// system.
pub(super) fn trusting(ca: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(ca)?);
    Ok(Arc::new(builder.with_no_client_auth()))
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    Ok(roots)
}

/// Makes the configuration; reads the files that the section names.
pub(super) fn client_config(config: &BridgeConfig) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(config.ca.as_deref())?);
    let client = match (&config.certificate, &config.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;
            builder.with_client_auth_cert(chain, key)?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(client))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path).map_err(|error| failed(path, &error))?;
    all.collect::<Result<_, _>>()
        .map_err(|error| failed(path, &error))
}

fn failed(path: &Path, reason: &dyn std::fmt::Debug) -> TlsError {
    TlsError::File {
        path: path.display().to_string(),
        reason: format!("{reason:?}"),
    }
}
