//! What a client's certificate says.

use std::sync::Arc;

use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use tokio_rustls::rustls::{
    pki_types::{CertificateDer, UnixTime},
    server::danger::ClientCertVerifier,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{ClientCertificate, registry::Thumbprint};

/// A text is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no certificate in PEM: {0}")]
pub struct CertificateTextError(String);

/// An authority whose certificates are taken, by the name under which the hub knows it.
pub(super) type Authority = (String, Arc<dyn ClientCertVerifier>);

/// What a certificate in PEM says; no authority is looked for.
///
/// # Errors
/// When the text holds no certificate.
pub fn client_certificate(pem: &[u8]) -> Result<ClientCertificate, CertificateTextError> {
    let wrong = |error: &dyn std::fmt::Display| CertificateTextError(error.to_string());
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).map_err(|error| wrong(&error))?;
    read(&[pem.contents.into()], &[]).ok_or_else(|| wrong(&"its content cannot be read"))
}

/// What the certificate at the head of a chain says.
pub(super) fn read(
    chain: &[CertificateDer<'_>],
    authorities: &[Authority],
) -> Option<ClientCertificate> {
    let (leaf, others) = chain.split_first()?;
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let validity = certificate.validity();
    let valid = (
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    );
    let mut names = certificate.subject().iter_common_name();
    let common_name = names.next().and_then(|name| name.as_str().ok());
    // Whether its time has come is judged on the bench's clock, not here.
    let then = u64::try_from(valid.0).unwrap_or(0);
    let then = UnixTime::since_unix_epoch(std::time::Duration::from_secs(then));
    let signed =
        |(_, authority): &&Authority| authority.verify_client_cert(leaf, others, then).is_ok();
    let authority = authorities.iter().find(signed);
    Some(ClientCertificate {
        sha1: print(digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, leaf).as_ref())?,
        sha256: print(digest::digest(&SHA256, leaf).as_ref())?,
        common_name: common_name.unwrap_or_default().to_owned(),
        authority: authority.map(|(name, _)| name.clone()),
        valid,
    })
}

fn print(digest: &[u8]) -> Option<Thumbprint> {
    use std::fmt::Write as _;
    let mut digits = String::with_capacity(digest.len() * 2);
    for byte in digest {
        write!(digits, "{byte:02x}").ok()?;
    }
    Thumbprint::parse(&digits).ok()
}
