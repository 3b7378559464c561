//! The file of the log, and those that it was before.
//!
//! Enters: whole lines. Leaves: the same on disk, files that were full under names of their own, and the
//! head beside them. Never: a line in parts: what could not be written whole is cut off again; never two
//! gateways in one file; never a byte that others than the owner may read.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::chain::{self, Link};
use super::entry::{self, Found};

/// How much of the end of a file is read to find its last record: more than the longest record.
const TAIL: u64 = 1024 * 1024;
/// Only the owner may read and write.
const OWNER_ONLY: u32 = 0o600;
/// Digits of the number of a file's first record, so that names sort.
const DIGITS: usize = 20;

/// When a file is full, and how many full ones are kept.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// Bytes that a file may have.
    pub bytes: u64,
    /// How long a file is written to; `None`: until it is full.
    pub age: Option<Duration>,
    /// Full files that are kept; `None`: all.
    pub files: Option<usize>,
    /// Bytes of full files that are kept; `None`: all.
    pub kept_bytes: Option<u64>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    len: u64,
    since: SystemTime,
    /// The number of its first record; `None`: it has none yet.
    first: Option<u64>,
    rotation: Rotation,
    /// Held for as long as this lives.
    _lock: File,
}

/// The end of a file.
#[derive(Debug, Default)]
struct Tail {
    link: Option<Link>,
    torn: Vec<u8>,
}

// === impl LogFile ===

impl LogFile {
    /// Opens the log, alone, and looks where it ended.
    ///
    /// # Errors
    /// It cannot be opened, another gateway has it, or its last record does not hold.
    pub(super) fn open(path: &Path, rotation: Rotation) -> io::Result<(Self, Link, Found)> {
        let lock = locked(path)?;
        let mut file = private(OpenOptions::new().read(true).append(true).create(true), path)?;
        if !file.metadata()?.is_file() {
            let path = path.display();
            return Err(io::Error::other(format!("{path}: the audit log must be a plain file")));
        }
        file.set_permissions(Permissions::from_mode(OWNER_ONLY))?;
        let Tail { link, torn } = tail(&mut file, path)?;
        let mut found = Found::default();
        if !torn.is_empty() {
            found.torn = Some((torn.len(), chain::sha256(&torn)));
            let mut side =
                private(OpenOptions::new().append(true).create(true), &beside(path, "torn"))?;
            side.write_all(&torn)?;
            side.sync_all()?;
            file.set_len(file.metadata()?.len() - torn.len() as u64)?;
            file.sync_all()?;
        }
        let first = first_number(&mut file)?;
        let before = || match rotated(path)?.pop() {
            Some((_, last)) => tail(&mut File::open(&last)?, &last).map(|tail| tail.link),
            None => Ok(None),
        };
        let link = match link {
            Some(link) => Some(link),
            None => before()?,
        };
        let mut link = link.unwrap_or_default();
        if let Some(head) = read_head(path)?.filter(|head| head.seq > link.seq) {
            found.missing = Some((link.seq + 1, head.seq));
            // The numbers of what is gone are not given again.
            link.seq = head.seq;
        }
        let metadata = file.metadata()?;
        let since = metadata.created().unwrap_or_else(|_| SystemTime::now());
        let log = Self {
            path: path.to_owned(),
            len: metadata.len(),
            file,
            since,
            first,
            rotation,
            _lock: lock,
        };
        Ok((log, link, found))
    }

    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Appends lines of which the first has that number, all or none of them.
    ///
    /// # Errors
    /// They could not be written; the file is as before. If it is not, the second value says so, and
    /// nothing must be written any more.
    pub(super) fn append(&mut self, lines: &[u8], first: u64) -> Result<(), (io::Error, bool)> {
        if let Err(error) = self.file.write_all(lines) {
            return Err(self.undo(error));
        }
        self.len += lines.len() as u64;
        self.first.get_or_insert(first);
        Ok(())
    }

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// Nobody knows what is.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Takes the last bytes back.
    pub(super) fn take_back(&mut self, bytes: usize, error: io::Error) -> (io::Error, bool) {
        self.len = self.len.saturating_sub(bytes as u64);
        if self.len == 0 {
            self.first = None;
        }
        self.undo(error)
    }

    fn undo(&self, error: io::Error) -> (io::Error, bool) {
        let undone = self.file.set_len(self.len).is_ok();
        (error, !undone)
    }

    /// Whether the next record belongs into another file.
    pub(super) fn is_full(&self, more: usize, now: SystemTime) -> bool {
        let age = now.duration_since(self.since).unwrap_or_default();
        let is_old = self.rotation.age.is_some_and(|most| age >= most);
        self.len > 0 && (is_old || self.len + more as u64 > self.rotation.bytes)
    }

    /// Gives the file a name of its own and begins another. The chain goes on.
    ///
    /// # Errors
    /// Another cannot be begun; the old one stays in use.
    pub(super) fn rotate(&mut self, now: SystemTime) -> io::Result<()> {
        let Some(first) = self.first else { return Ok(()) };
        self.file.sync_all()?;
        let full = beside(&self.path, &format!("{first:0DIGITS$}"));
        fs::rename(&self.path, &full)?;
        let opened =
            private(OpenOptions::new().read(true).append(true).create_new(true), &self.path);
        match opened {
            Ok(file) => self.file = file,
            Err(error) => {
                fs::rename(&full, &self.path)?;
                return Err(error);
            }
        }
        (self.len, self.since, self.first) = (0, now, None);
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        self.forget()
    }

    /// Deletes the oldest of the full files, as far as too many are kept.
    fn forget(&self) -> io::Result<()> {
        let (mut files, mut bytes) = (0, 0);
        for (_, path) in rotated(&self.path)?.into_iter().rev() {
            files += 1;
            bytes += fs::metadata(&path)?.len();
            let Rotation { files: most, kept_bytes, .. } = self.rotation;
            if most.is_some_and(|most| files > most) || kept_bytes.is_some_and(|most| bytes > most)
            {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Writes beside the log where it ends. Say it when that is durable: the head is never ahead.
    ///
    /// # Errors
    /// It could not be written; the old one stays.
    pub(super) fn write_head(&self, link: &Link) -> io::Result<()> {
        let new = beside(&self.path, "head.new");
        let mut file = private(OpenOptions::new().write(true).create(true).truncate(true), &new)?;
        file.write_all(entry::head(link).as_bytes())?;
        fs::rename(new, beside(&self.path, "head"))
    }
}

/// `FILE.what`.
pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

/// The files that the log was before, the oldest first, each with the number of its first record.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn rotated(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(&*own)?.strip_prefix('.'));
        let number = number.filter(|text| text.len() == DIGITS).and_then(|text| text.parse().ok());
        found.extend(number.map(|number| (number, entry.path())));
    }
    found.sort();
    Ok(found)
}

/// The head beside a log, if there is one.
///
/// # Errors
/// It cannot be read, or is none.
pub(super) fn read_head(path: &Path) -> io::Result<Option<Link>> {
    let path = beside(path, "head");
    match fs::read_to_string(&path) {
        Ok(text) => match text.parse() {
            Ok(link) => Ok(Some(link)),
            Err(wrong) => Err(io::Error::other(format!("{}: {wrong}", path.display()))),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn locked(path: &Path) -> io::Result<File> {
    let lock = private(
        OpenOptions::new().write(true).create(true).truncate(false),
        &beside(path, "lock"),
    )?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            let path = path.display();
            Err(io::Error::other(format!("another gateway writes the audit log {path}")))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    options.mode(OWNER_ONLY).open(path).map_err(named)
}

fn tail(file: &mut File, path: &Path) -> io::Result<Tail> {
    let len = file.metadata()?.len();
    let from = len.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let wrong = |what: &str| {
        let path = path.display();
        let text = format!("{path}: {what}; see `toolgate audit verify {path}`, and move it away");
        Err(io::Error::other(text))
    };
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (whole, torn) = bytes.split_at(end);
    let torn = torn.to_vec();
    let Some(whole) = whole.strip_suffix(b"\n") else {
        if from > 0 {
            return wrong("this is not an audit log");
        }
        return Ok(Tail { link: None, torn });
    };
    let start = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    match chain::unseal(whole.get(start..).unwrap_or_default()) {
        Ok(sealed) => Ok(Tail { link: Some(sealed.link), torn }),
        Err(flaw) => wrong(&format!("the last record: {flaw}")),
    }
}

/// The number of the first record.
fn first_number(file: &mut File) -> io::Result<Option<u64>> {
    let mut start = [0; 64];
    file.seek(SeekFrom::Start(0))?;
    let mut len = 0;
    while let Some(rest) = start.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            more => len += more,
        }
    }
    let text = start.get(..len).and_then(|text| text.strip_prefix(b"{\"seq\":"));
    let digits = text.map(|text| text.split(|byte| *byte == b',').next().unwrap_or_default());
    Ok(digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()))
}
