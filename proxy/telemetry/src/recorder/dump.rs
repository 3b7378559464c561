//! The records as a file, when the operator asks for it or something panics.
//!
//! Enters: records. Leaves: a new file that only the owner can read, a JSON object a line. Never: a
//! file that is there already; a lock that is waited for after a panic; more files for panics than a
//! few.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::Recorder;
use super::entry::Entry;
use crate::tell;

/// Files that panics may cause in the life of a process.
const FOR_PANICS: u32 = 4;
/// Where files go that cannot go beside the log (Filesystem Hierarchy Standard 3.0, 3.18).
const TEMPORARY: &str = "/tmp";
/// Names that are tried: in a container, every start has the same process id.
const TRIES: u32 = 1000;

/// Where the files go, and how many there are.
#[derive(Debug)]
pub(super) struct Dumps {
    /// The file of the access log.
    beside: Option<PathBuf>,
    panics: AtomicU32,
}

// === impl Dumps ===

impl Dumps {
    pub(super) const fn new(beside: Option<PathBuf>) -> Self {
        Self { beside, panics: AtomicU32::new(0) }
    }

    /// Writes the records to a new file beside the access log, or, when that is no file or its
    /// folder takes none, among the temporary ones.
    pub(super) fn write(&self, entries: &[Entry]) -> io::Result<PathBuf> {
        let log = self.beside.as_deref().filter(|log| log.is_file());
        let beside = log.and_then(Path::parent).map(create);
        let (file, path) = match beside {
            Some(Ok(made)) => made,
            _ => create(Path::new(TEMPORARY))?,
        };
        let mut out = BufWriter::new(file);
        for entry in entries {
            writeln!(out, "{}", entry.json())?;
        }
        out.flush()?;
        Ok(path)
    }

    /// Whether a panic may still cause a file.
    fn one_more(&self) -> bool {
        self.panics.load(Relaxed) < FOR_PANICS && self.panics.fetch_add(1, Relaxed) < FOR_PANICS
    }
}

/// From now on a panic also writes the records to a file, after what is done about it already.
pub fn dump_on_panic(recorder: &Arc<Recorder>) {
    let recorder = Arc::downgrade(recorder);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        let Some(recorder) = recorder.upgrade() else { return };
        if recorder.dumps.one_more() {
            tell(&recorder.dump_what_is_free());
        }
    }));
}

/// The sentence about a file for the operator.
pub(super) fn said(dumped: &io::Result<PathBuf>) -> String {
    match dumped {
        Ok(path) => format!("the records of the last calls are in {}\n", path.display()),
        Err(error) => format!("the records of the last calls could not be written: {error}\n"),
    }
}

fn create(folder: &Path) -> io::Result<(File, PathBuf)> {
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 0..TRIES {
        let path = folder.join(format!("toolgate-calls-{}-{number}.jsonl", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}
