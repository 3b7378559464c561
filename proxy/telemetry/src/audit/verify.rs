//! Whether an audit log is whole.
//!
//! Enters: its files, the oldest first, and where it is said to end. Leaves: what it holds, or the first
//! thing that is wrong, with file and line. Never: a change to a file; more of one in memory than a line.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::chain::{self, Link, Sealed};
use super::file::{read_head, rotated};

/// The longest record that is read.
const LONGEST: u64 = 1024 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub struct Verify {
    first: Option<u64>,
    last: Option<Link>,
    records: u64,
    head: Option<Link>,
    /// The head's record was met.
    met: bool,
    unfinished: bool,
}

/// An audit log that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many records there are.
    pub records: u64,
    /// The number of the first; those before are not in these files.
    pub first: u64,
    /// The last one.
    pub last: Link,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0: the log as a whole.
    pub line: u64,
    /// What.
    pub what: String,
}

/// The files of a log that is being written, the oldest first, and its head.
///
/// # Errors
/// They cannot be listed, or the head cannot be read.
pub fn files_of(path: &Path) -> io::Result<(Vec<PathBuf>, Option<Link>)> {
    let mut files: Vec<PathBuf> = rotated(path)?.into_iter().map(|(_, path)| path).collect();
    files.push(path.to_owned());
    Ok((files, read_head(path)?))
}

// === impl Verify ===

impl Verify {
    /// Of a log that is said to hold this record. What comes after it may be there as well.
    #[must_use]
    pub fn new(head: Option<Link>) -> Self {
        Self { head, ..Self::default() }
    }

    /// Reads the next file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn file(&mut self, path: &Path) -> io::Result<Result<(), Problem>> {
        self.read(path, BufReader::new(File::open(path)?))
    }

    /// Reads the next file, which has that name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&mut self, path: &Path, mut from: impl BufRead) -> io::Result<Result<(), Problem>> {
        let (mut line, mut bytes) = (0, Vec::new());
        loop {
            bytes.clear();
            if from.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)? == 0 {
                return Ok(Ok(()));
            }
            line += 1;
            if let Err(what) = self.line(&bytes) {
                return Ok(Err(Problem { file: path.to_owned(), line, what }));
            }
        }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        if self.unfinished {
            return Err("the record before is not finished".to_owned());
        }
        let Some(line) = line.strip_suffix(b"\n") else {
            self.unfinished = true;
            return Err("the record is not finished: the file was cut off within it".to_owned());
        };
        let sealed = chain::unseal(line).map_err(|flaw| flaw.to_string())?;
        self.follows(&sealed)?;
        let link = sealed.link;
        if let Some(head) = self.head.filter(|head| head.seq == link.seq) {
            if head != link {
                return Err("the log says another thing here than its head".to_owned());
            }
            self.met = true;
        }
        self.first.get_or_insert(link.seq);
        self.last = Some(link);
        self.records += 1;
        Ok(())
    }

    fn follows(&self, next: &Sealed) -> Result<(), String> {
        let Sealed { link: Link { seq, .. }, prev } = *next;
        let Some(last) = self.last else {
            let is_well = seq > 1 || (seq == 1 && prev == Link::default().hash);
            return if is_well { Ok(()) } else { Err("this is not how a log begins".to_owned()) };
        };
        let due = last.seq + 1;
        if seq > due {
            return Err(format!("records {due} to {} are missing", seq - 1));
        }
        if seq < due {
            return Err(format!("record {seq} stands behind record {}", last.seq));
        }
        if prev != last.hash {
            return Err(format!("record {seq} follows another record {} than this one", last.seq));
        }
        Ok(())
    }

    /// All files were read; `path` is the last of them.
    ///
    /// # Errors
    /// The end is missing.
    pub fn end(self, path: &Path) -> Result<Verified, Problem> {
        let whole = |what| Problem { file: path.to_owned(), line: 0, what };
        let last = self.last.unwrap_or_default();
        if let Some(head) = self.head {
            if head.seq > last.seq {
                let from = last.seq + 1;
                let text =
                    format!("the end was cut off: records {from} to {} are missing", head.seq);
                return Err(whole(text));
            }
            if !self.met && head.seq > 0 {
                let text =
                    format!("record {}, where the log is said to end, is not in it", head.seq);
                return Err(whole(text));
            }
        }
        Ok(Verified { records: self.records, first: self.first.unwrap_or_default(), last })
    }
}

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what } = self;
        match line {
            0 => write!(f, "{}: {what}", file.display()),
            line => write!(f, "{}:{line}: {what}", file.display()),
        }
    }
}
