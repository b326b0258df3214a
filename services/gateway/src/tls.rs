//! TLS at the door: a certificate and its key from files, read again when they change.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use dallosh_service_kit::{TlsFiles, Worker};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::sleep;

/// The certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the files can't be read, or is no PEM.
    #[error("{} can't be read", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The files are read, and do not go together.
    #[error("the certificate and its key can't be used")]
    Pair(#[from] rustls::Error),
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let unreadable = |file: &PathBuf| {
        let file = file.clone();
        move |source| TlsError::File { file, source }
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(&files.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key))?;
    Ok(CertifiedKey::from_der(chain, key, &default_provider())?)
}

/// When they were written; none while one of them is not there.
fn written(files: &TlsFiles) -> Option<(SystemTime, SystemTime)> {
    let of = |file: &PathBuf| std::fs::metadata(file).and_then(|data| data.modified()).ok();
    Some((of(&files.certificate)?, of(&files.key)?))
}

/// The certificate that is shown now.
#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// How the door speaks TLS, and the work that looks for a new certificate every `again`.
///
/// # Errors
/// When the files can't be used. A new certificate that can't is only logged; the one before is shown on.
pub fn configure(files: TlsFiles, again: Duration) -> Result<(ServerConfig, Worker), TlsError> {
    let mut seen = written(&files);
    let shown = Arc::new(Shown(RwLock::new(Arc::new(read(&files)?))));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(shown.clone());
    let renewal: Worker = Box::new(move |stop| {
        Box::pin(async move {
            while stop.run_until_cancelled(sleep(again)).await.is_some() {
                let now = written(&files);
                if now.is_none() || now == seen {
                    continue;
                }
                seen = now;
                match read(&files) {
                    Ok(key) => {
                        *shown.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                        tracing::info!("the new certificate is shown from now on");
                    }
                    Err(error) => {
                        tracing::error!(error = %error, "the new certificate can't be used; the one before is shown on");
                    }
                }
            }
        })
    });
    Ok((config, renewal))
}
