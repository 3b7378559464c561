//! A call's place in a distributed trace.
//!
//! Enters: what a caller sent as `traceparent` (W3C Trace Context) or `X-Amzn-Trace-Id` (AWS X-Ray).
//! Leaves: ids, and the text that goes on to a target. Never: a random number or a clock; whoever
//! makes an id hands it in. Never a refusal: a context that is not well formed is no context.

mod claims;

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};
use std::sync::Arc;

pub use claims::{Claims, Said};

/// The id of a trace: 16 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

/// The id of a span: 8 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

/// One span as others refer to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace it belongs to.
    pub trace: TraceId,
    /// The span itself.
    pub span: SpanId,
    /// Whether whoever started it records it.
    pub sampled: bool,
}

/// What a caller says about the trace that its call belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The trace.
    pub trace: TraceId,
    /// The span that the call is part of; load balancers name none.
    pub span: Option<SpanId>,
    /// Whether it is recorded; `None` leaves the decision to whoever comes next.
    pub sampled: Option<bool>,
}

/// The place of one call: the span that the gateway has for it, and what that hangs on.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The gateway's own span.
    pub own: SpanContext,
    /// The caller's span in the same trace.
    pub parent: Option<SpanId>,
    /// Another context that came with the call: it lost, and is only linked to.
    pub link: Option<SpanContext>,
    /// `tracestate`, which travels on as it came.
    pub state: Option<Arc<str>>,
}

/// The longest `tracestate` that is passed on (W3C Trace Context, 3.3.1.5).
const LONGEST_STATE: usize = 512;

// === impl TraceId ===

impl TraceId {
    /// An id from these bits; `None` if all are zero.
    #[must_use]
    pub const fn new(bits: u128) -> Option<Self> {
        match NonZeroU128::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// A new id in the shape that X-Ray wants and everyone else takes: 32 bits of `epoch`, the time
    /// in seconds since 1970, and 96 bits of `random`.
    #[must_use]
    pub fn fresh(epoch: u32, random: u128) -> Self {
        // A random part of zero would still leave the time; the fallback is never reached.
        let bits = (u128::from(epoch) << 96) | (random & ((1 << 96) - 1));
        Self(NonZeroU128::new(bits).unwrap_or(NonZeroU128::MIN))
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0.get()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl SpanId ===

impl SpanId {
    /// An id from these bits; `None` if all are zero.
    #[must_use]
    pub const fn new(bits: u64) -> Option<Self> {
        match NonZeroU64::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// An id from random bits. Zero is no id and becomes 1.
    #[must_use]
    pub fn random(bits: u64) -> Self {
        Self(NonZeroU64::new(bits).unwrap_or(NonZeroU64::MIN))
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl SpanContext ===

impl SpanContext {
    /// The length of a `traceparent`.
    pub const TEXT: usize = 55;

    /// The same trace, in another span.
    #[must_use]
    pub const fn child(self, span: SpanId) -> Self {
        Self { span, ..self }
    }

    /// The value of `traceparent`: `00-<trace>-<span>-<flags>`.
    #[must_use]
    pub fn traceparent(self) -> [u8; Self::TEXT] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex(text.get_mut(3..35), self.trace.bits());
        hex(text.get_mut(36..52), u128::from(self.span.bits()));
        hex(text.get_mut(53..55), u128::from(self.sampled));
        text
    }
}

// === impl Remote ===

impl Remote {
    /// Reads a `traceparent` (W3C Trace Context, 3.2): version 00 exactly, a later one by its first
    /// four fields.
    #[must_use]
    pub fn from_traceparent(text: &str) -> Option<Self> {
        let mut fields = text.trim().split('-');
        let (version, trace) = (fields.next()?, fields.next()?);
        let (span, flags) = (fields.next()?, fields.next()?);
        let shape = (version.len(), trace.len(), span.len(), flags.len()) == (2, 32, 16, 2);
        if !shape || version == "ff" || (version == "00" && fields.next().is_some()) {
            return None;
        }
        let (_, flags) = (number(version)?, number(flags)?);
        let span = SpanId::new(u64::try_from(number(span)?).ok()?)?;
        Some(Self {
            trace: TraceId::new(number(trace)?)?,
            span: Some(span),
            sampled: Some(flags & 1 == 1),
        })
    }

    /// Reads an `X-Amzn-Trace-Id`: `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=0|1|?`. Load
    /// balancers send `Root` alone, which is a trace without a decision.
    #[must_use]
    pub fn from_amzn(text: &str) -> Option<Self> {
        let (mut trace, mut span, mut sampled) = (None, None, None);
        for field in text.split(';') {
            match field.trim().split_once('=') {
                Some(("Root", root)) => trace = amzn_root(root),
                Some(("Parent", id)) if id.len() == 16 => {
                    span = number(id).and_then(|bits| SpanId::new(u64::try_from(bits).ok()?));
                }
                Some(("Sampled", "1")) => sampled = Some(true),
                Some(("Sampled", "0")) => sampled = Some(false),
                Some(_) | None => {}
            }
        }
        Some(Self { trace: trace?, span, sampled })
    }

    /// The caller's span, if it named one.
    #[must_use]
    pub fn context(self) -> Option<SpanContext> {
        let sampled = self.sampled.unwrap_or(false);
        self.span.map(|span| SpanContext { trace: self.trace, span, sampled })
    }
}

// === impl Trace ===

impl Trace {
    /// A trace that begins here and is not recorded. For tests of what comes after.
    #[must_use]
    pub fn unrecorded() -> Self {
        let own =
            SpanContext { trace: TraceId::fresh(0, 1), span: SpanId::random(1), sampled: false };
        Self { own, parent: None, link: None, state: None }
    }
}

// === helpers ===

/// A `tracestate` that may travel on: short, and of characters that a header may have.
#[must_use]
pub fn state(text: &str) -> Option<Arc<str>> {
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'"');
    let fits = (1..=LONGEST_STATE).contains(&text.len()) && !text.contains('\\');
    (plain && fits).then(|| Arc::from(text))
}

/// `1-<8 hex>-<24 hex>`.
fn amzn_root(text: &str) -> Option<TraceId> {
    let (epoch, random) = text.strip_prefix("1-")?.split_once('-')?;
    if (epoch.len(), random.len()) != (8, 24) {
        return None;
    }
    TraceId::new((number(epoch)? << 96) | number(random)?)
}

/// Lower-case hex digits, at most 32 of them.
fn number(text: &str) -> Option<u128> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    lower.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// Writes the lowest bits of `value` as hex digits that fill `place`.
fn hex(place: Option<&mut [u8]>, mut value: u128) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    for digit in place.unwrap_or_default().iter_mut().rev() {
        let nibble = usize::try_from(value & 0xf).unwrap_or_default();
        *digit = DIGITS.get(nibble).copied().unwrap_or(b'0');
        value >>= 4;
    }
}

#[cfg(test)]
mod tests;
