//! Words for the audit log.
//!
//! Enters: nothing. Leaves: enums, each value with its word. Never: free text.

use super::Word;

words! {
    /// What a record of the audit log is about.
    AuditKind {
        /// A call was let through to what it asks for.
        Allow = "allow",
        /// A call was refused.
        Deny = "deny",
        /// A call that was let through has ended.
        Outcome = "outcome",
        /// A tool's definition is not the approved one, or not the one that was seen first.
        Contract = "contract",
        /// The log was opened: what was found there.
        Opened = "opened",
        /// Records were lost: how many, and why.
        Lost = "lost",
    }
}

words! {
    /// Why a record of the audit log was lost.
    AuditLoss {
        /// Too many records wait to be written.
        QueueFull = "queue_full",
        /// The file system has no room.
        DiskFull = "disk_full",
        /// The file cannot be written, for another reason.
        Io = "io",
        /// Nobody writes any more.
        Stopped = "stopped",
    }
}
