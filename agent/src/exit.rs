//! What the exit code of every command means.
//!
//! Enters: how a command ended. Leaves: one number that a script can branch on; the same numbers as
//! those of `toolgate`. Never: a number that another ending uses too.

use std::process::ExitCode;

/// How a command ended. The number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// What was compared is not the same.
    Differs = 1,
    /// The command was asked for something it cannot do.
    Usage = 2,
    /// It cannot start, or the settings are wrong.
    Config = 3,
    /// The model could not be asked, or refused.
    Model = 6,
    /// A limit, or the user, ended the answer.
    Cut = 8,
    /// A fault of this program (`EX_SOFTWARE` of sysexits.h).
    Panic = 70,
    /// Stopped by SIGINT (128 + 2, as a shell reports it).
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
