//! Words about which calls are recorded.
//!
//! Enters: nothing. Leaves: one enum a list. Never: free text.

use super::Word;

words! {
    /// What decided about a trace at the beginning of a call.
    SampleSource {
        /// The caller, who sent its own decision.
        Parent = "parent",
        /// The configured ratio.
        Ratio = "ratio",
        /// A sampling rule of X-Ray.
        Rule = "rule",
        /// What holds while X-Ray has not said its rules: one call a second and 5 % of the others.
        Fallback = "fallback",
    }
}

words! {
    /// What became of asking for sampling rules.
    RulesAsked {
        /// They were answered.
        Ok = "ok",
        /// They were not; those known before hold on.
        Failed = "failed",
    }
}

words! {
    /// A decision about a trace.
    Sampled {
        /// Record.
        Yes = "yes",
        /// Do not, unless the call turns out to be worth it.
        No = "no",
    }
}

words! {
    /// Why the spans of a call were kept.
    Kept {
        /// That was decided at its beginning.
        Head = "head",
        /// It failed.
        Error = "error",
        /// The caller was not let in, or not to the tool.
        Denied = "denied",
        /// It took longer than its tool usually does, or than any call should.
        Slow = "slow",
    }
}
