//! Certificates of a test's own authority.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::site::Site;

/// An authority, and the certificate of a server at `localhost`, which is not valid for 127.0.0.1.
pub struct Certificates {
    /// The file of the authority's certificate.
    pub authority: PathBuf,
    pub(crate) server: String,
    pub(crate) key: String,
}

impl Certificates {
    /// New ones.
    ///
    /// # Errors
    /// When they cannot be made or written.
    pub fn new(site: &Site, name: &str) -> Result<Self> {
        let (own, key) = (KeyPair::generate()?, KeyPair::generate()?);
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&own)?;
        let server =
            CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &Issuer::new(authority, own))?;
        let path = site.logs().join(format!("{name}.pem"));
        fs::write(&path, certificate.pem())?;
        Ok(Self { authority: path, server: server.pem(), key: key.serialize_pem() })
    }
}
