//! The sink that writes lines instead of sending requests.
//!
//! Enters: batches. Leaves: lines on standard output or in a file, for whoever carries logs to
//! CloudWatch. Never: a wait for a stuck reader longer than a few seconds, or two writes at once.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use toolgate_telemetry_catalog::CloudFate;

use super::lines::{VALUES, lines};
use super::{CloudSink, Datum, Putting, Refusal, Retry};

/// How long a write may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmfTo {
    /// Standard output.
    Stdout,
    /// A file, which is opened for each minute and appended to, so that it may be renamed at any time.
    File(PathBuf),
}

/// Writes lines of the Embedded Metric Format.
#[derive(Debug)]
pub struct Emf {
    namespace: String,
    to: EmfTo,
    /// A write has begun and not ended.
    writing: Arc<AtomicBool>,
}

// === impl Emf ===

impl Emf {
    /// Distinct values of a distribution that the format has room for.
    pub const VALUES: usize = VALUES;

    /// A writer for one namespace.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub fn new(namespace: &str, to: EmfTo) -> io::Result<Self> {
        if let EmfTo::File(path) = &to {
            append(path, "")?;
        }
        Ok(Self { namespace: namespace.to_owned(), to, writing: Arc::default() })
    }

    async fn write(&self, text: String) -> Result<(), Refusal> {
        if self.writing.swap(true, Ordering::AcqRel) {
            return Err(refusal(CloudFate::Timeout, "an earlier write has not ended"));
        }
        let (to, writing) = (self.to.clone(), Arc::clone(&self.writing));
        let written = tokio::task::spawn_blocking(move || {
            let written = to.append(&text);
            writing.store(false, Ordering::Release);
            written
        });
        match tokio::time::timeout(PATIENCE, written).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(refusal(CloudFate::Io, &error.to_string())),
            Ok(Err(_)) => Err(refusal(CloudFate::Io, "the writer ended")),
            Err(_) => Err(refusal(CloudFate::Timeout, "nobody reads the lines")),
        }
    }
}

impl CloudSink for Emf {
    fn put<'a>(&'a self, batch: &'a [Datum]) -> Putting<'a> {
        Box::pin(self.write(lines(&self.namespace, batch)))
    }
}

// === impl EmfTo ===

impl EmfTo {
    fn append(&self, text: &str) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.flush()
            }
            Self::File(path) => append(path, text),
        }
    }
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let named = |error: io::Error| {
        io::Error::new(error.kind(), format!("metrics to {}: {error}", path.display()))
    };
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(named)?;
    file.write_all(text.as_bytes()).map_err(named)
}

/// Part of the lines may be out, and whatever is written again would be counted again.
fn refusal(fate: CloudFate, detail: &str) -> Refusal {
    Refusal { fate, again: Retry::Never, detail: detail.to_owned() }
}
