//! Words about limits that calls meet.
//!
//! Enters: nothing. Leaves: one enum a list. Never: free text.

use super::Word;

words! {
    /// Whose limit a call met.
    Shed {
        /// The limit of the whole gateway.
        Gateway = "gateway",
        /// The limit of one target.
        Target = "target",
        /// The limit of one tool.
        Tool = "tool",
        /// The limit of what callers may be told of without asking.
        Subscription = "subscription",
    }
}

words! {
    /// What became of calls that were like others before.
    LoopEnd {
        /// They waited.
        Slowed = "slowed",
        /// They were refused.
        Stopped = "stopped",
        /// There were too many to remember.
        Forgotten = "forgotten",
    }
}

words! {
    /// What has a bucket of its own.
    RateScope {
        /// Each caller.
        Principal = "principal",
        /// Each tool.
        Tool = "tool",
        /// Each target.
        Target = "target",
        /// Each server.
        Server = "server",
        /// The whole gateway.
        Gateway = "gateway",
    }
}

words! {
    /// What came of wanting tokens out of buckets that gateways share.
    StoreTake {
        /// There were tokens.
        Taken = "taken",
        /// There were none.
        Empty = "empty",
        /// The store did not answer in time.
        Late = "late",
        /// The store answered with an error, or the connection broke.
        Failed = "failed",
        /// Too many others were waiting for it; it was not asked.
        Crowded = "crowded",
        /// It was known to be out of reach, and not asked.
        Down = "down",
    }
}
