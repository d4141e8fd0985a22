//! The hub's own authority and its certificates, kept in a folder.

use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::rsa_key;

/// File names in the folder.
const CA: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
const SERVER: &str = "server.pem";
const SERVER_KEY: &str = "server.key";
const RSA: &str = "server-rsa.pem";
const RSA_KEY: &str = "server-rsa.key";

/// A folder with the hub's authority and the certificates that it shows to clients: one with an
/// ECDSA key (P-256), and for clients that know no better one with an RSA key of 2,048 bits, which
/// is made when it is first asked for.
///
/// The private keys are readable by their owner only; on Windows, by whom the folder's parent
/// allows. Certificates are valid from 2000 to 2099, because a bench's clock may stand anywhere
/// in between.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: PathBuf,
}

/// The certificates cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file.
    #[error("{path} cannot be used: {source}; check the rights of its folder")]
    File {
        /// Which.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Its content.
    #[error("{path} is damaged: {reason}; delete its folder to have new certificates made")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A name that no certificate can hold.
    #[error("no certificate can be made for these names: {0}")]
    Names(String),
}

impl Certificates {
    /// The certificates in a folder; those that are not there, or not for these names, are made.
    /// Names are host names and IP addresses that clients use; `localhost`, `127.0.0.1` and `::1`
    /// are always among them.
    ///
    /// # Errors
    /// When a file cannot be read or written or is damaged, or a name cannot be.
    pub fn open(folder: &Path, names: &[String]) -> Result<Self, CertificateError> {
        let this = Self {
            folder: folder.to_owned(),
        };
        this.make_folder()?;
        let mut wanted: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        for name in names {
            if !wanted.contains(name) {
                wanted.push(name.clone());
            }
        }
        let authority = if this.path(CA).exists() && this.path(CA_KEY).exists() {
            this.key(CA_KEY)?
        } else {
            this.make_authority()?
        };
        let stale = !this.path(SERVER).exists()
            || !this.path(SERVER_KEY).exists()
            || !wanted.iter().all(|name| this.names(SERVER).contains(name));
        if stale {
            let key = KeyPair::generate().map_err(|error| unfit(&error))?;
            this.make_server((SERVER, SERVER_KEY), &key, &authority, wanted)?;
        }
        Ok(this)
    }

    /// The certificate with an RSA key, the authority's behind it, and the key, both in PEM. They
    /// are made when they are not there, which takes up to some seconds in a program that is not
    /// optimised. The key is a secret.
    ///
    /// # Errors
    /// When a file cannot be read or written or is damaged.
    pub fn rsa_pem(&self) -> Result<(String, String), CertificateError> {
        let wanted = self.names(SERVER);
        let fits = self.path(RSA).exists() && self.path(RSA_KEY).exists() && {
            let has = self.names(RSA);
            wanted.iter().all(|name| has.contains(name))
        };
        if !fits {
            let key = if self.path(RSA_KEY).exists() {
                self.key(RSA_KEY)?
            } else {
                let failed = || CertificateError::Names("no RSA key was found".to_owned());
                let der = rsa_key::new_key().ok_or_else(failed)?;
                KeyPair::try_from(der).map_err(|error| unfit(&error))?
            };
            self.make_server((RSA, RSA_KEY), &key, &self.key(CA_KEY)?, wanted)?;
        }
        Ok((self.read(RSA)?, self.read(RSA_KEY)?))
    }

    /// The authority's certificate, which clients are to trust.
    pub fn ca_path(&self) -> PathBuf {
        self.path(CA)
    }

    /// The authority's certificate in PEM.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn ca_pem(&self) -> Result<String, CertificateError> {
        self.read(CA)
    }

    /// The server's certificate and the authority's behind it, in PEM.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn chain_pem(&self) -> Result<String, CertificateError> {
        self.read(SERVER)
    }

    /// The server's private key in PEM. A secret.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn key_pem(&self) -> Result<String, CertificateError> {
        self.read(SERVER_KEY)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn read(&self, name: &str) -> Result<String, CertificateError> {
        let path = self.path(name);
        fs::read_to_string(&path).map_err(|source| CertificateError::File { path, source })
    }

    fn key(&self, name: &str) -> Result<KeyPair, CertificateError> {
        KeyPair::from_pem(&self.read(name)?).map_err(|error| CertificateError::Damaged {
            path: self.path(name),
            reason: error.to_string(),
        })
    }

    fn make_folder(&self) -> Result<(), CertificateError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(&self.folder);
        made.map_err(|source| CertificateError::File {
            path: self.folder.clone(),
            source,
        })
    }

    /// Writes a file that only its owner can read, whole or not at all.
    fn write(&self, name: &str, text: &str) -> Result<(), CertificateError> {
        let path = self.path(name);
        let failed = |source| CertificateError::File {
            path: path.clone(),
            source,
        };
        let part = self.path(&format!("{name}.part"));
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&part).map_err(failed)?;
        io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
        drop(file);
        fs::rename(&part, &path).map_err(failed)
    }

    fn make_authority(&self) -> Result<KeyPair, CertificateError> {
        let key = KeyPair::generate().map_err(|error| unfit(&error))?;
        let certificate = authority()?
            .self_signed(&key)
            .map_err(|error| unfit(&error))?;
        self.write(CA_KEY, &key.serialize_pem())?;
        self.write(CA, &certificate.pem())?;
        Ok(key)
    }

    fn make_server(
        &self,
        (file, key_file): (&str, &str),
        key: &KeyPair,
        authority_key: &KeyPair,
        all: Vec<String>,
    ) -> Result<(), CertificateError> {
        let mut params = CertificateParams::new(all).map_err(|error| unfit(&error))?;
        params.distinguished_name = named("localhost");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2099, 12, 31);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let params_of_authority = authority()?;
        let issuer = Issuer::from_params(&params_of_authority, authority_key);
        let certificate = params
            .signed_by(key, &issuer)
            .map_err(|error| unfit(&error))?;
        self.write(key_file, &key.serialize_pem())?;
        self.write(file, &format!("{}{}", certificate.pem(), self.ca_pem()?))
    }

    /// The names that a certificate is for; none when it cannot be read.
    fn names(&self, file: &str) -> Vec<String> {
        let read = || {
            let text = fs::read(self.path(file)).ok()?;
            let (_, pem) = x509_parser::pem::parse_x509_pem(&text).ok()?;
            let (_, certificate) = X509Certificate::from_der(&pem.contents).ok()?;
            let names = certificate.subject_alternative_name().ok()??;
            let name = |name: &GeneralName<'_>| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                GeneralName::IPAddress(bytes) => address(bytes).map(|ip| ip.to_string()),
                _ => None,
            };
            Some(names.value.general_names.iter().filter_map(name).collect())
        };
        read().unwrap_or_default()
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(four.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

fn unfit(error: &rcgen::Error) -> CertificateError {
    CertificateError::Names(error.to_string())
}

fn named(name: &str) -> DistinguishedName {
    let mut made = DistinguishedName::new();
    made.push(DnType::OrganizationName, "Twinbench");
    made.push(DnType::CommonName, name);
    made
}

fn authority() -> Result<CertificateParams, CertificateError> {
    let mut params = CertificateParams::new(Vec::new()).map_err(|error| unfit(&error))?;
    params.distinguished_name = named("Twinbench local authority");
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2099, 12, 31);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_made_once_and_again_for_new_names() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("a/b");
        let hub = ["bench.azure-devices.net".to_owned()];
        let first = Certificates::open(&folder, &[]).unwrap();
        let (ca, chain) = (first.ca_pem().unwrap(), first.chain_pem().unwrap());
        assert_eq!(first.names(SERVER), ["localhost", "127.0.0.1", "::1"]);
        let again = Certificates::open(&folder, &[]).unwrap();
        assert_eq!(again.chain_pem().unwrap(), chain);
        let more = Certificates::open(&folder, &hub).unwrap();
        assert_ne!(more.chain_pem().unwrap(), chain);
        assert_eq!(more.ca_pem().unwrap(), ca);
        assert!(more.names(SERVER).contains(&hub[0]));
        assert!(chain.ends_with(&ca));
    }

    #[test]
    fn an_rsa_key_is_made_once_and_its_certificate_again_for_new_names() {
        let folder = tempfile::tempdir().unwrap();
        let first = Certificates::open(folder.path(), &[]).unwrap();
        let (chain, key) = first.rsa_pem().unwrap();
        assert_eq!(first.rsa_pem().unwrap(), (chain.clone(), key.clone()));
        assert!(chain.ends_with(&first.ca_pem().unwrap()));
        let more = Certificates::open(folder.path(), &["bench".to_owned()]).unwrap();
        let (new_chain, same_key) = more.rsa_pem().unwrap();
        assert_eq!(same_key, key);
        assert_ne!(new_chain, chain);
        assert!(more.names(RSA).contains(&"bench".to_owned()));
    }

    #[cfg(unix)]
    #[test]
    fn only_their_owner_reads_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("certificates");
        let made = Certificates::open(&folder, &[]).unwrap();
        made.rsa_pem().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for name in [CA, CA_KEY, SERVER, SERVER_KEY, RSA, RSA_KEY] {
            assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        Certificates::open(folder.path(), &[]).unwrap();
        fs::write(folder.path().join(CA_KEY), "no key").unwrap();
        let refused = Certificates::open(folder.path(), &[]);
        assert!(matches!(refused, Err(CertificateError::Damaged { .. })));
    }
}
