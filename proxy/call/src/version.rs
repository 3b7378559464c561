//! Protocol revisions and the two eras they fall into.
//!
//! Enters: a revision string from a header or a body. Leaves: a closed `Version`. Never: a
//! revision the gateway does not speak.

/// A revision of the Model Context Protocol that the gateway speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// Streamable HTTP, sessions, batches.
    V2025_03_26,
    /// Batches removed, structured content and the version header added.
    V2025_06_18,
    /// The last revision with sessions.
    V2025_11_25,
    /// Stateless: every request carries its own `_meta`.
    V2026_07_28,
}

/// Which of the two shapes of the protocol a peer speaks (`basic/versioning`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// 2026-07-28: stateless, no handshake.
    Modern,
    /// 2025-11-25 and earlier: `initialize`, sessions, GET stream.
    Legacy,
}

// === impl Version ===

impl Version {
    /// Every revision, oldest first.
    pub const ALL: [Self; 4] =
        [Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];
    /// What a handshake is answered with when the client asks for something unknown.
    pub const LATEST_LEGACY: Self = Self::V2025_11_25;
    /// The newest revision.
    pub const LATEST: Self = Self::V2026_07_28;

    /// The revision as it is spelled on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The revision of that spelling, if the gateway speaks it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// The era the revision belongs to.
    #[must_use]
    pub const fn era(self) -> Era {
        match self {
            Self::V2025_03_26 | Self::V2025_06_18 | Self::V2025_11_25 => Era::Legacy,
            Self::V2026_07_28 => Era::Modern,
        }
    }
}

// === impl Era ===

impl Era {
    /// `modern` or `legacy`, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Modern => "modern",
            Self::Legacy => "legacy",
        }
    }
}
