//! A file that is written as a whole or not at all.
//!
//! Enters: a path and a text. Leaves: the file. Never: half of it, also after a power cut; a link
//! replaced by a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Writes beside the file, and puts that in its place.
pub(super) fn whole(path: &Path, text: &str) -> io::Result<()> {
    placed(path, text, 0o666)
}

/// The same of a file that is new for its owner's eyes only.
pub(crate) fn private(path: &Path, text: &str) -> io::Result<()> {
    placed(path, text, 0o600)
}

fn placed(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    // Behind a link is the file that is meant.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let beside = beside(&path)?;
    let written = write((&beside, &path), text, mode);
    if written.is_err() {
        // What is left of it is in nobody's way.
        drop(fs::remove_file(&beside));
    }
    written
}

fn write((beside, path): (&Path, &Path), text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(beside)?;
    file.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(path) {
        file.set_permissions(old.permissions())?;
    }
    file.sync_all()?;
    fs::rename(beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?;
    let mut name = name.to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    Ok(path.with_file_name(name))
}
