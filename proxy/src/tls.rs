//! The files of TLS of a gateway that runs.
//!
//! Enters: certificate, key and authorities, whenever they change. Leaves: a listener that shakes hands with
//! what they say. Never: a handshake with a key of another certificate, or none at all, because a file is
//! wrong; a look at the disk on the way of a call.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use toolgate_accept::{Material, TlsFile, TlsText};
use toolgate_telemetry::{CertificateOf, Telemetry};
use zeroize::Zeroizing;

use crate::config::{Tls, TlsFiles};
use crate::mark::{LOOK, Mark};

/// See the module.
#[derive(Clone, Debug)]
pub struct Certificates {
    tls: Tls,
    serving: toolgate_accept::Tls,
    telemetry: Arc<Telemetry>,
}

/// How the three files are.
type Marks = [Option<Mark>; 3];

// === impl Certificates ===

impl Certificates {
    /// Those of a configuration, in use from now on.
    pub(crate) fn new(tls: &Tls, telemetry: &Arc<Telemetry>) -> Self {
        let serving = toolgate_accept::Tls::new(Arc::clone(&tls.material));
        let this = Self { tls: tls.clone(), serving, telemetry: Arc::clone(telemetry) };
        this.show(&tls.material);
        this
    }

    /// What a listener shakes hands with.
    pub(crate) fn serving(&self) -> toolgate_accept::Tls {
        self.serving.clone()
    }

    /// Reads the files again. Waits for the disk.
    pub fn read_again(&self) {
        let read = read(&self.tls);
        self.telemetry.tls.reloaded(read.is_ok());
        match read {
            Ok(material) => {
                self.show(&material);
                tracing::info!(ends = material.expires, "the certificate was read again");
                self.serving.take(Arc::new(material));
            }
            Err((file, why)) => {
                let file = self.tls.files.of(file).display();
                tracing::error!(%file, why, "TLS goes on with the certificate of before");
            }
        }
    }

    /// Reads the files whenever one of them has changed, for ever.
    pub(crate) async fn watch(self: Arc<Self>) {
        // What came between the start and the first look counts as a change: it may be one.
        let mut seen = [None; 3];
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tick.tick().await;
            let this = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || this.look(seen)).await;
            seen = looked.unwrap_or(seen);
        }
    }

    /// Reads the files if they are not as they were seen last. Gives back how they are.
    fn look(&self, seen: Marks) -> Marks {
        // Before they are read: what comes after that is seen next time.
        let marks = marks(&self.tls.files);
        if marks != seen {
            self.read_again();
        }
        marks
    }

    fn show(&self, material: &Material) {
        self.telemetry.tls.in_use(CertificateOf::Server, material.expires);
        if let Some(expire) = material.authorities_expire {
            self.telemetry.tls.in_use(CertificateOf::ClientCa, expire);
        }
    }
}

fn marks(files: &TlsFiles) -> Marks {
    let authorities = files.client_ca.as_deref().and_then(Mark::at);
    [Mark::at(&files.certificate), Mark::at(&files.key), authorities]
}

fn read(tls: &Tls) -> Result<Material, (TlsFile, String)> {
    let files = &tls.files;
    let certificate = text(&files.certificate, TlsFile::Certificate)?;
    let key = Zeroizing::new(text(&files.key, TlsFile::Key)?);
    let authorities = files.client_ca.as_deref().map(|file| text(file, TlsFile::ClientCa));
    let authorities = authorities.transpose()?;
    let text = TlsText { certificate: &certificate, key: &key, client_ca: authorities.as_deref() };
    Material::read(text, tls.rules, SystemTime::now())
        .map_err(|bad| (bad.file, format!("the file {}", bad.problem)))
}

fn text(file: &Path, which: TlsFile) -> Result<String, (TlsFile, String)> {
    std::fs::read_to_string(file).map_err(|error| (which, error.to_string()))
}
