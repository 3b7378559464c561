//! The database: where it is, who may read it, which version it has.
//!
//! In: a path. Out: connections. Never: a file that others may read; a version that is not known; a
//! damaged file written over.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::fault::fault;
use crate::{MemoryError, Why};

/// The version that is written here.
const VERSION: i64 = 2;

/// How to get from each version to the next.
const STEPS: [&str; 2] = [include_str!("schema.sql"), include_str!("schema2.sql")];

/// How long one waits for another that has the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the database is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    uri: String,
    kind: Kind,
    path: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Memory,
}

// === impl Place ===

impl Place {
    /// A file, which is made if it is not there; or a place in memory that no one else knows.
    pub(super) fn new(path: Option<&Path>) -> Result<Self, MemoryError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let Some(path) = path else {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let uri = format!("file:/toolgate-memory-{count}?vfs=memdb");
            return Ok(Self { uri, kind: Kind::Memory, path: None });
        };
        private(path).map_err(|error| refused(path, &error))?;
        let uri = path
            .to_str()
            .ok_or_else(|| closed_to(path, Why::Unavailable, "its name is not UTF-8"))?;
        Ok(Self { uri: uri.to_owned(), kind: Kind::File, path: Some(path.to_owned()) })
    }

    /// The connection that writes. Brings the tables up to date.
    pub(super) fn writer(&self, sync: bool) -> Result<Connection, MemoryError> {
        let opened =
            self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE);
        let made = opened.and_then(|mut connection| {
            prepare(&connection, self.kind, sync)?;
            let version = migrate(&mut connection)?;
            Ok((connection, version))
        });
        let (connection, version) = made.map_err(|error| self.told(&error))?;
        if version > VERSION {
            let says = format!(
                "{} was written by a newer version of this program (version {version} of its \
                 tables; {VERSION} is known here): use that one, or another file",
                self.says()
            );
            return Err(MemoryError::new(Why::NotSupported, says));
        }
        Ok(connection)
    }

    /// A connection that reads.
    pub(super) fn reader(&self) -> Result<Connection, MemoryError> {
        // A database in memory has no file that a reader could not write to.
        let flags = match self.kind {
            Kind::File => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Kind::Memory => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let opened = self.connect(flags).and_then(|connection| {
            connection.pragma_update(None, "query_only", true)?;
            Ok(connection)
        });
        opened.map_err(|error| self.told(&error))
    }

    fn connect(&self, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let uri = match self.kind {
            Kind::File => OpenFlags::empty(),
            Kind::Memory => OpenFlags::SQLITE_OPEN_URI,
        };
        let flags = flags | uri | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.uri, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        Ok(connection)
    }

    /// What the operator is told: a damaged file is theirs to move.
    fn told(&self, error: &rusqlite::Error) -> MemoryError {
        let plain = fault(error);
        match plain.why {
            Why::Corrupt => MemoryError::new(
                Why::Corrupt,
                format!(
                    "{} is damaged or no memory ({error}): move it away (with its -wal and -shm) \
                     to begin with an empty memory, or put a copy of it in its place",
                    self.says()
                ),
            ),
            Why::Unavailable
            | Why::Throttled
            | Why::Denied
            | Why::TimedOut
            | Why::Full
            | Why::NotSupported => {
                MemoryError::new(plain.why, format!("{}: {}", self.says(), plain.message))
            }
        }
    }

    fn says(&self) -> String {
        match &self.path {
            Some(path) => format!("the memory in {}", path.display()),
            None => "the memory".to_owned(),
        }
    }
}

/// Makes the file, if need be, and has its owner alone read and write it. What SQLite puts beside it
/// gets the same permissions.
fn private(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        folder_for(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    drop(file);
    Ok(())
}

fn folder_for(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn prepare(connection: &Connection, kind: Kind, sync: bool) -> rusqlite::Result<()> {
    if kind == Kind::File {
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        tracing::debug!(mode, "the memory's journal");
    }
    connection.pragma_update(None, "synchronous", if sync { "full" } else { "normal" })?;
    // What is forgotten is written over.
    connection.pragma_update(None, "secure_delete", true)
}

/// Brings the tables up to date, and says which version they were left at. Those of a newer version
/// are not touched.
fn migrate(connection: &mut Connection) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > VERSION {
        return Ok(version);
    }
    let done = usize::try_from(version).unwrap_or_default();
    for step in STEPS.iter().skip(done) {
        transaction.execute_batch(step)?;
    }
    if version < VERSION {
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(VERSION)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "there will be more kinds; most say nothing to us"
)]
fn refused(path: &Path, error: &io::Error) -> MemoryError {
    let why = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Why::Denied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Why::Full,
        _ => Why::Unavailable,
    };
    closed_to(path, why, &error.to_string())
}

fn closed_to(path: &Path, why: Why, error: &str) -> MemoryError {
    MemoryError::new(why, format!("the memory in {} cannot be opened: {error}", path.display()))
}
