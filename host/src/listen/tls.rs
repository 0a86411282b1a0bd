//! What a server needs to speak TLS: its certificate and key, from files.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// Where the certificate and the key lie, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate first, then those that lead to one that clients know.
    pub cert: PathBuf,
    /// Its private key, unencrypted.
    pub key: PathBuf,
}

/// What is spoken under TLS, as clients agree on it in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocols {
    /// gRPC: HTTP/2 alone.
    Grpc,
    /// HTTP of either version.
    Http,
}

impl Protocols {
    fn names(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Self::Grpc => &[b"h2"],
            Self::Http => &[b"h2", b"http/1.1"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

/// Why there is no TLS. The messages say what to put right.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("failed to read `{}`, the {what} of TLS", file.display())]
    Unreadable {
        /// Which of the two.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it is to be.
    #[error("`{}` holds no {what}: it is to be PEM, with a part that begins `-----BEGIN {begin}-----`", file.display())]
    Empty {
        /// Which of the two.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// How the part begins.
        begin: &'static str,
    },
    /// The two do not fit, or this program does not know their kind.
    #[error(
        "the certificate in `{}` and the key in `{}` make no TLS server: is the key that of the first certificate, \
         and is it RSA, ECDSA or Ed25519?",
        files.cert.display(), files.key.display()
    )]
    Unfit {
        /// The files.
        files: TlsFiles,
        /// What rustls says.
        source: rustls::Error,
    },
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub fn load(&self, protocols: Protocols) -> Result<TlsAcceptor, TlsError> {
        let (cert, key) = ("certificate", "key");
        let text = read(cert, &self.cert)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| TlsError::Empty {
            what: cert,
            file: self.cert.clone(),
            begin: "CERTIFICATE",
        })?;
        let text = read(key, &self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| TlsError::Empty {
            what: key,
            file: self.key.clone(),
            begin: "PRIVATE KEY",
        })?;
        let unfit = |source| TlsError::Unfit {
            files: self.clone(),
            source,
        };
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(unfit)?;
        config.alpn_protocols = protocols.names();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Has clients that take whatever cryptography the process was given do with that of the ports. May be called again.
pub fn use_ring() {
    let _was_given_before = ring::default_provider().install_default();
}

fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|source| TlsError::Unreadable {
        what,
        file: file.to_owned(),
        source,
    })
}
