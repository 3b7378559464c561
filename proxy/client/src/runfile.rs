//! How `toolgate call` and `toolgate token` find a running `toolgate dev`.
//!
//! Enters: addresses and the client of the embedded issuer. Leaves: a JSON file that only this
//! user can read, and that is gone when its process is. Never: a token; a file that others could
//! read for a moment; the file of another process that took the port over.

#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use http::Uri;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

/// The largest run file that is read, in bytes.
const MOST_BYTES: u64 = 64 * 1024;

/// How many run files are looked at.
const MOST_FILES: usize = 64;

/// What a running `toolgate dev` tells the other commands of the same user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// The process; the file counts only while it lives.
    pub pid: u32,
    /// The URL of the MCP endpoint. Its port names the file.
    pub mcp: String,
    /// The URL of the admin port; empty when there is none.
    pub admin: String,
    /// Where tokens are asked for (RFC 6749 section 3.2).
    pub token_url: String,
    /// The client to ask as.
    pub client_id: String,
    /// Its secret, which ends with the process.
    pub client_secret: String,
    /// The scopes that the client may be granted.
    pub scopes: Vec<String>,
    /// When it started, in seconds since 1970.
    pub started_unix: u64,
}

/// Removes the run file when dropped, if it is still the one that was written.
#[derive(Debug)]
#[must_use = "the run file is removed when this is dropped"]
pub struct Guard {
    path: PathBuf,
    pid: u32,
}

// === impl RunFile ===

impl RunFile {
    /// Writes the file where [`RunFile::find`] looks for it.
    ///
    /// # Errors
    /// Neither `XDG_RUNTIME_DIR` nor `HOME` is set, the folder cannot be written to, or `mcp` is
    /// not a URL with a port.
    pub fn write(&self, env: &dyn Fn(&str) -> Option<String>) -> io::Result<Guard> {
        let folder = folder(env).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "set XDG_RUNTIME_DIR or HOME")
        })?;
        let name = self.name()?;
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        // A folder that was there already may have been made with another mode.
        fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
        let draft = folder.join(format!(".{name}.{}", self.pid));
        let path = folder.join(name);
        remove(&draft)?;
        let written = self.fill(&draft).and_then(|()| fs::rename(&draft, &path));
        if let Err(error) = written {
            remove(&draft)?;
            return Err(error);
        }
        Ok(Guard { path, pid: self.pid })
    }

    /// The newest file whose process lives. Files of processes that are gone are removed.
    pub fn find(env: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let entries = fs::read_dir(folder(env)?).ok()?;
        entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| is_run_file(path))
            .take(MOST_FILES)
            .filter_map(|path| Self::live(&path))
            .max_by_key(|file| file.started_unix)
    }

    /// `dev-<port>.json`.
    fn name(&self) -> io::Result<String> {
        let port = self.mcp.parse::<Uri>().ok().and_then(|url| url.port_u16());
        let port = port.ok_or_else(|| {
            let problem = format!("`{}` is not a URL with a port", self.mcp);
            io::Error::new(io::ErrorKind::InvalidInput, problem)
        })?;
        Ok(format!("dev-{port}.json"))
    }

    /// Never readable by others, not even while it is written.
    fn fill(&self, draft: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        file.write_all(&json)
    }

    fn live(path: &Path) -> Option<Self> {
        let file = Self::read(path).ok()?;
        if is_alive(file.pid) {
            return Some(file);
        }
        // Another command may have removed it first.
        let _gone = remove(path);
        None
    }

    fn read(path: &Path) -> io::Result<Self> {
        let mut json = Vec::new();
        File::open(path)?.take(MOST_BYTES).read_to_end(&mut json)?;
        Ok(serde_json::from_slice(&json)?)
    }
}

impl fmt::Debug for RunFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunFile")
            .field("pid", &self.pid)
            .field("mcp", &self.mcp)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

// === impl Guard ===

impl Drop for Guard {
    fn drop(&mut self) {
        let is_ours = RunFile::read(&self.path).is_ok_and(|file| file.pid == self.pid);
        if is_ours {
            // Nobody is left to tell; a stale file is removed by whoever finds it.
            let _gone = remove(&self.path);
        }
    }
}

/// Where run files are. Relative and empty settings count as none (XDG base directories).
fn folder(env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let absolute = |name| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_RUNTIME_DIR")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|base| base.join("toolgate"))
}

fn is_run_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("dev-") && name.ends_with(".json")
}

/// Whether the process lives and is ours to signal: a process of another user under the same
/// number is not the one that wrote the file.
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid).is_ok())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
