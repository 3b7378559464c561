//! What SQLite's errors mean.
//!
//! In: its errors. Out: ours. Never: the words that were to be remembered, which an error of
//! SQLite does not hold but a statement could.

use rusqlite::{Error, ErrorCode};

use crate::{MemoryError, Why};

/// An error as the caller gets it.
pub(super) fn fault(error: &Error) -> MemoryError {
    let (why, says) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            (Why::Corrupt, "its file is damaged")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (Why::Unavailable, "another process has its file and does not let go")
        }
        Some(ErrorCode::DiskFull) => (Why::Full, "the disk is full"),
        Some(ErrorCode::TooBig) => (Why::Full, "it is too long to be kept"),
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied,
        ) => (Why::Denied, "its file must not be written"),
        Some(ErrorCode::CannotOpen) => (Why::Unavailable, "its file cannot be opened"),
        Some(ErrorCode::SystemIoFailure) => (Why::Unavailable, "the disk failed"),
        Some(code) => {
            return MemoryError::new(Why::Unavailable, format!("SQLite failed: {code:?}"));
        }
        None => (Why::Corrupt, "what is kept is not what was written"),
    };
    MemoryError::new(why, says)
}

/// Nobody writes any more.
pub(super) fn closed() -> MemoryError {
    MemoryError::new(Why::Unavailable, "the memory is closed")
}
