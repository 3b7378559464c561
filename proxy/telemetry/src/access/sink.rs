//! Where lines end up.
//!
//! Enters: whole lines. Leaves: bytes in a stream, a file or memory. Never: buffers of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use crate::AccessLogTo;

/// An open sink.
#[derive(Debug)]
pub(super) enum Sink {
    Off,
    Stdout,
    Stderr,
    File(File),
    Memory(Vec<u8>),
}

// === impl Sink ===

impl Sink {
    pub(super) fn open(to: &AccessLogTo) -> io::Result<Self> {
        Ok(match to {
            AccessLogTo::Off => Self::Off,
            AccessLogTo::Stdout => Self::Stdout,
            AccessLogTo::Stderr => Self::Stderr,
            AccessLogTo::Memory => Self::Memory(Vec::new()),
            AccessLogTo::File(path) => {
                let opened = OpenOptions::new().create(true).append(true).open(path);
                let name = path.display();
                Self::File(opened.map_err(|error| {
                    io::Error::new(error.kind(), format!("access log {name}: {error}"))
                })?)
            }
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Off => Ok(()),
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(bytes)?;
                out.flush()
            }
            Self::Stderr => io::stderr().lock().write_all(bytes),
            Self::File(file) => file.write_all(bytes),
            Self::Memory(kept) => kept.write_all(bytes),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Self::Memory(kept) => {
                String::from_utf8_lossy(kept).lines().map(str::to_owned).collect()
            }
            Self::Off | Self::Stdout | Self::Stderr | Self::File(_) => Vec::new(),
        }
    }
}
