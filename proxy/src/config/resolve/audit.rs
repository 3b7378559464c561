//! The audit log: defaults in.
//!
//! In: the `audit` block as written. Out: the same with every default, and a mistake for a file in a
//! folder that is not there. It never opens the log.

use std::path::Path;
use std::time::Duration;

use super::{Resolver, size, time};
use crate::config::choice::Fsync;
use crate::config::file;
use crate::config::resolved::{Audit, AuditCopy, Durable};

impl Resolver<'_, '_> {
    pub(super) fn audit(&mut self, written: Option<&file::Audit>) -> Option<Audit> {
        let written = written?;
        let file = self.path(Path::new(written.file.as_ref()?));
        if let Some(folder) = file.parent() {
            self.need_folder(folder, &["audit", "file"]);
        }
        let rotate = &written.rotate;
        Some(Audit {
            file,
            required: written.required.unwrap_or(false),
            durable: match written.fsync.unwrap_or_default() {
                Fsync::Always => Durable::First,
                Fsync::Interval => {
                    Durable::Every(time(&written.fsync_every, Duration::from_secs(1)))
                }
                Fsync::Never => Durable::Sometime,
            },
            outcomes: written.outcomes.unwrap_or(true),
            buffer: size(&written.buffer, 8 << 20),
            file_bytes: rotate.size.as_ref().map_or(128 << 20, |size| size.0.0),
            file_age: rotate.age.as_ref().map(|age| age.0),
            keep: rotate.keep.and_then(|keep| usize::try_from(keep).ok()),
            copy: written.cloudwatch.as_ref().and_then(|copy| {
                Some(AuditCopy { group: copy.group.clone()?, stream: copy.stream.clone()? })
            }),
            keep_bytes: rotate.keep_size.as_ref().map(|size| size.0.0),
        })
    }
}
