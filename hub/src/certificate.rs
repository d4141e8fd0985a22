//! What a client's certificate says, as far as the hub has to know.

use crate::registry::Thumbprint;

/// A client certificate whose private key the client has shown to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-1 of the certificate.
    pub sha1: Thumbprint,
    /// SHA-256 of the certificate.
    pub sha256: Thumbprint,
    /// The subject's common name; empty when it has none.
    pub common_name: String,
    /// The name of the authority known to the hub that stands behind it, if any does.
    pub authority: Option<String>,
    /// From when to when it is valid, in unix seconds.
    pub valid: (i64, i64),
}

impl ClientCertificate {
    /// Whether this is its thumbprint.
    pub fn has(&self, print: &Thumbprint) -> bool {
        *print == self.sha1 || *print == self.sha256
    }
}
