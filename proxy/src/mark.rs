//! Whether a file is still as it was.
//!
//! Enters: a path. Leaves: what the file there is known again by. Never: a look into it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// Between two looks at a file.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

/// What a file is known again by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

// === impl Mark ===

impl Mark {
    /// That of the file there, which a link may lead to; `None` when there is none.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|found| Self::of(&found))
    }

    fn of(found: &Metadata) -> Self {
        let changed = (found.mtime(), found.mtime_nsec());
        Self { inode: found.ino(), size: found.size(), changed }
    }
}
