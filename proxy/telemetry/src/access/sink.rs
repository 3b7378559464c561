//! Where lines end up.
//!
//! Enters: whole lines. Leaves: bytes in a stream, a file or memory, and what became of them.
//! Never: buffers of its own; a line begun in the middle of another.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::AccessLogTo;

/// An open sink.
#[derive(Debug)]
pub(super) struct Sink {
    to: To,
    /// The last write ended inside a line.
    torn: bool,
}

#[derive(Debug)]
enum To {
    Off,
    Stdout,
    Stderr,
    File { file: File, path: PathBuf },
    Memory(Vec<u8>),
}

/// A write that failed after so many whole lines.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) whole: u64,
    pub(super) error: io::Error,
}

// === impl Sink ===

impl Sink {
    pub(super) fn open(to: &AccessLogTo) -> io::Result<Self> {
        let to = match to {
            AccessLogTo::Off => To::Off,
            AccessLogTo::Stdout => To::Stdout,
            AccessLogTo::Stderr => To::Stderr,
            AccessLogTo::Memory => To::Memory(Vec::new()),
            AccessLogTo::File(path) => To::File { file: append(path)?, path: path.clone() },
        };
        Ok(Self { to, torn: false })
    }

    pub(super) const fn is_off(&self) -> bool {
        matches!(self.to, To::Off)
    }

    /// Opens a file again by its name, which may be that of another file by now. When that fails,
    /// the old one stays in use.
    ///
    /// # Errors
    /// When it cannot be opened for appending.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let To::File { file, path } = &mut self.to {
            *file = append(path)?;
            self.torn = false;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), Failed> {
        let torn = &mut self.torn;
        match &mut self.to {
            To::Off => Ok(()),
            To::Stdout => write_lines(&mut io::stdout().lock(), lines, torn),
            To::Stderr => write_lines(&mut io::stderr().lock(), lines, torn),
            To::File { file, .. } => write_lines(file, lines, torn),
            To::Memory(kept) => write_lines(kept, lines, torn),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        match &self.to {
            To::Memory(kept) => String::from_utf8_lossy(kept).lines().map(str::to_owned).collect(),
            To::Off | To::Stdout | To::Stderr | To::File { .. } => Vec::new(),
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
        io::Error::new(error.kind(), format!("access log {}: {error}", path.display()))
    })
}

/// Writes whole lines. `torn` says whether the last write ended inside one, before and after.
pub(super) fn write_lines(
    out: &mut dyn Write,
    lines: &[u8],
    torn: &mut bool,
) -> Result<(), Failed> {
    if *torn {
        write_all(out, b"\n").map_err(|(_, error)| Failed { whole: 0, error })?;
        *torn = false;
    }
    write_all(out, lines).map_err(|(written, error)| {
        let done = lines.get(..written).unwrap_or_default();
        *torn = done.last().is_some_and(|last| *last != b'\n');
        let whole = done.iter().filter(|byte| **byte == b'\n').count();
        Failed { whole: whole as u64, error }
    })
}

/// [`Write::write_all`] that says how far it came.
fn write_all(out: &mut dyn Write, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(0) => return Err((written, ErrorKind::WriteZero.into())),
            Ok(more) => written += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err((written, error)),
        }
    }
    out.flush().map_err(|error| (written, error))
}
