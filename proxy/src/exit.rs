//! What the exit code of every command means.
//!
//! Enters: how a command ended. Leaves: one number that a script can branch on. Never: a number
//! that another ending uses too.

use std::process::ExitCode;

/// How a command ended. The number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// What was compared is not the same, or what was tried does not work.
    Differs = 1,
    /// The command was asked for something it cannot do: arguments, an unknown tool.
    Usage = 2,
    /// It cannot start, or the configuration is wrong.
    Config = 3,
    /// Identity or policy: no token, a bad one, or one that does not allow this.
    Identity = 4,
    /// The tool answered, and said that it failed (`isError`).
    Tool = 5,
    /// The target, or the way to it.
    Target = 6,
    /// The gateway: a fault, no capacity, or not reachable.
    Gateway = 7,
    /// Sent, but never answered: look before repeating.
    Unknown = 8,
    /// What was to be put somewhere is not what that place takes, in its words or by our checks.
    Invalid = 9,
    /// A fault of this program (`EX_SOFTWARE` of sysexits.h).
    Panic = 70,
    /// Stopped by SIGINT (128 + 2, as a shell reports it).
    Interrupted = 130,
}

// === impl Exit ===

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
