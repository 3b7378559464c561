//! The closed lists of words that label values are taken from.
//!
//! Enters: nothing. Leaves: one enum a list, each value with its word. Never: free text.

/// A value of a closed list, usable as an index.
pub trait Word: Copy + std::fmt::Debug + 'static {
    /// Every value, in order of [`Word::index`].
    const ALL: &'static [Self];
    /// The words, in the same order.
    const WORDS: &'static [&'static str];

    /// Where the value stands in the list.
    fn index(self) -> usize;

    /// The label value.
    fn word(self) -> &'static str {
        Self::WORDS.get(self.index()).copied().unwrap_or(crate::OTHER)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $list:ident { $($(#[$value_doc:meta])* $name:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $list { $($(#[$value_doc])* $name,)* }

        impl $list {
            /// The words, for a label's domain.
            pub(crate) const TEXTS: &'static [&'static str] = &[$($text,)*];
        }

        impl Word for $list {
            const ALL: &'static [Self] = &[$(Self::$name,)*];
            const WORDS: &'static [&'static str] = Self::TEXTS;

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use words;

mod sampling;

pub use sampling::{Kept, RulesAsked, SampleSource, Sampled};

mod call;

pub use call::QuestionEnd;

mod agent;

pub use agent::{
    Budget, MemoryEnd, MemoryOperation, Missing, ModelEnd, ModelRetry, SettingsRefresh, StepEnd,
    TokenKind, TurnEnd, TurnPart, of_word,
};

mod audit;

pub use audit::{AuditKind, AuditLoss};

mod contract;

pub use contract::{ContractAction, ContractChange};

mod credentials;

pub use credentials::{GrantEvent, SecretRead, SecretSource, TokenFetch};

mod door;

pub use door::{CertificateOf, ConnectionRejected, TlsEnd};

mod limits;

pub use limits::{LoopEnd, RateScope, Shed, StoreTake};

words! {
    /// Which side of the gateway.
    Direction {
        /// Between the caller and the gateway.
        Client = "client",
        /// Between the gateway and a target.
        Target = "target",
    }
}

words! {
    /// Which way bytes flow.
    Flow {
        /// To the target.
        Sent = "sent",
        /// From the target.
        Received = "received",
    }
}

words! {
    /// Why a stream to a caller ended.
    StreamEnd {
        /// The caller closed it, or left.
        ClientClose = "client_close",
        /// The target had nothing more to say.
        UpstreamClose = "upstream_close",
        /// Nothing was sent on it for too long.
        Idle = "idle",
        /// It had been open for as long as a stream may.
        MaxAge = "max_age",
        /// The gateway is stopping.
        Shutdown = "shutdown",
    }
}

words! {
    /// What became of a session of the older era.
    SessionEvent {
        /// Made.
        Created = "created",
        /// Presented, but unknown or someone else's.
        Rejected = "rejected",
        /// Ended by the caller.
        Closed = "closed",
    }
}

words! {
    /// What the check of a token came to.
    AuthResult {
        /// It holds.
        Ok = "ok",
        /// There is none.
        Missing = "missing",
        /// It is not a token.
        Malformed = "malformed",
        /// It is longer than any token needs to be.
        TooLarge = "too_large",
        /// No key of the issuer has its key id.
        UnknownKid = "unknown_kid",
        /// It is signed in a way that is not allowed.
        BadAlgorithm = "bad_algorithm",
        /// The signature does not match.
        BadSignature = "bad_signature",
        /// It has ended.
        Expired = "expired",
        /// It has not begun.
        NotYetValid = "not_yet_valid",
        /// The issuer is not one of ours.
        BadIssuer = "bad_issuer",
        /// It is for someone else.
        BadAudience = "bad_audience",
        /// The client is not on the list.
        BadClient = "bad_client",
        /// A claim is not what the operator asks for.
        BadClaim = "bad_claim",
        /// It is not an access token.
        BadTokenUse = "bad_token_use",
        /// It is an API key that nobody knows.
        UnknownKey = "unknown_key",
        /// It is a certificate that no entry is about.
        UnknownCertificate = "unknown_certificate",
        /// It is an API key that was taken back, or a certificate whose authority was.
        Revoked = "revoked",
        /// A scope is missing.
        MissingScope = "missing_scope",
        /// The issuer's keys cannot be had.
        JwksUnavailable = "jwks_unavailable",
    }
}

words! {
    /// Whether a token was taken.
    Verdict {
        /// It was.
        Ok = "ok",
        /// It was not.
        Denied = "denied",
    }
}

words! {
    /// A decision.
    Decision {
        /// Allowed.
        Allow = "allow",
        /// Denied.
        Deny = "deny",
    }
}

words! {
    /// How a token was checked.
    AuthCheck {
        /// It was known from before.
        Cached = "cached",
        /// Its signature was checked.
        Verified = "verified",
    }
}

words! {
    /// What a memory did: of verified tokens, or of decisions.
    CacheEvent {
        /// It knew the answer.
        Hit = "hit",
        /// It did not.
        Miss = "miss",
        /// It forgot one to make room.
        Evicted = "evicted",
    }
}

words! {
    /// What a refresh of an issuer's keys came to.
    RefreshOutcome {
        /// New keys are in use.
        Ok = "ok",
        /// No answer, or not a good one.
        HttpError = "http_error",
        /// No answer in time.
        Timeout = "timeout",
        /// The answer is not a key set.
        Parse = "parse",
        /// The key set has no key that can be used.
        NoKeys = "no_keys",
        /// They are at an address that may not be asked; nothing was sent.
        Forbidden = "forbidden",
    }
}

words! {
    /// Why an issuer's keys were refreshed.
    RefreshCause {
        /// The gateway starts.
        Startup = "startup",
        /// It was time.
        Scheduled = "scheduled",
        /// A token named a key that is not known.
        UnknownKid = "unknown_kid",
    }
}

words! {
    /// Whether a retry helped.
    RetryResult {
        /// The attempt succeeded.
        Success = "success",
        /// It failed too.
        Failure = "failure",
    }
}

words! {
    /// Why a failed attempt was not repeated.
    Suppressed {
        /// The budget for retries is used up.
        Budget = "budget",
        /// It may have been carried out, and doing it twice is not the same as once.
        NotIdempotent = "not_idempotent",
        /// There is no time left.
        Deadline = "deadline",
        /// The breaker is open.
        Breaker = "breaker",
        /// All attempts were made.
        Attempts = "attempts",
    }
}

words! {
    /// Which limit of time was met.
    TimeoutPhase {
        /// To connect.
        Connect = "connect",
        /// To begin the answer.
        FirstByte = "first_byte",
        /// Between two parts of the answer.
        Idle = "idle",
        /// To finish.
        Total = "total",
    }
}

words! {
    /// The state of a breaker.
    Circuit {
        /// Calls pass.
        Closed = "closed",
        /// Calls are refused.
        Open = "open",
        /// A few calls pass, to see.
        HalfOpen = "half_open",
    }
}

words! {
    /// A step of connecting.
    ConnectPhase {
        /// Resolving the name.
        Dns = "dns",
        /// Connecting.
        Tcp = "tcp",
        /// The handshake.
        Tls = "tls",
    }
}

words! {
    /// What a pooled connection is doing.
    PoolState {
        /// Waiting for work.
        Idle = "idle",
        /// Working.
        InUse = "in_use",
    }
}

words! {
    /// What a health check came to.
    Health {
        /// The target answered as it should.
        Ok = "ok",
        /// It did not.
        Failed = "failed",
    }
}

words! {
    /// What a refresh of a target's list came to.
    Refresh {
        /// The new list is in use.
        Ok = "ok",
        /// The old list stays in use, if there is one.
        Failed = "failed",
    }
}

words! {
    /// Why a target's list was asked for.
    ListCause {
        /// The old one has run out.
        Ttl = "ttl",
        /// The target said that it has changed.
        Notify = "notify",
        /// The gateway starts.
        Startup = "startup",
        /// A call needs it.
        Demand = "demand",
    }
}

words! {
    /// What a later list says of a tool.
    SchemaChange {
        /// It is new.
        Added = "added",
        /// It is gone.
        Removed = "removed",
        /// Its description is another one.
        Changed = "changed",
    }
}

words! {
    /// Why a child process was started again.
    Restart {
        /// It exited.
        Exit = "exit",
        /// A signal ended it.
        Signal = "signal",
        /// It did not answer, and was ended.
        Hang = "hang",
    }
}

words! {
    /// The parts of the gateway's own time.
    OverheadPhase {
        /// Who is it.
        Authenticate = "authenticate",
        /// May they; and which target is it.
        Authorize = "authorize",
        /// Waiting for a permit.
        Queue = "queue",
        /// The three together.
        Total = "total",
    }
}

words! {
    /// What became of an item of telemetry; the outcome and reason labels are made of it.
    Delivery {
        /// Handed over.
        Exported = "ok",
        /// Dropped: the buffer was full.
        QueueFull = "queue_full",
        /// Dropped: it could not be written.
        Io = "io",
        /// Left out on purpose: a success outside the share.
        SampledOut = "sampled_out",
    }
}

words! {
    /// What became of spans; the outcome and reason labels are made of it.
    Export {
        /// Handed over.
        Exported = "ok",
        /// Dropped: too many were waiting.
        QueueFull = "queue_full",
        /// Dropped: the backend answered with a status that forbids to repeat.
        Http4xx = "http_4xx",
        /// Dropped: the backend failed each time.
        Http5xx = "http_5xx",
        /// Dropped: the backend asked to slow down each time.
        Throttled = "throttled",
        /// Dropped: the backend did not answer in time.
        Timeout = "timeout",
        /// Dropped: the backend could not be reached, or broke off.
        Connect = "connect",
        /// Rejected: the backend took the batch but for these.
        Partial = "partial",
        /// Dropped: larger than the backend takes.
        Oversize = "oversize",
        /// Dropped: there was nothing to sign the request with.
        Credentials = "credentials",
        /// Dropped: the gateway stopped before they were out.
        Shutdown = "shutdown",
    }
}

// === impl Export ===

impl Export {
    /// The outcome label of it.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Partial => "rejected",
            Self::QueueFull
            | Self::Http4xx
            | Self::Http5xx
            | Self::Throttled
            | Self::Timeout
            | Self::Connect
            | Self::Oversize
            | Self::Credentials
            | Self::Shutdown => "dropped",
        }
    }
}

// === impl Decision ===

impl Decision {
    /// The reasons, for a label's domain.
    pub(crate) const REASONS: &'static [&'static str] = &["ok", "scope"];

    /// Why it was decided so: scopes are all that decides so far.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Allow => "ok",
            Self::Deny => "scope",
        }
    }
}
