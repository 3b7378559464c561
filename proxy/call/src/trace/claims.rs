//! Which of several contexts a call belongs to.
//!
//! Enters: what came in `_meta`, in `traceparent` and in `X-Amzn-Trace-Id`. Leaves: the one that
//! counts, and one that is only linked to. Never: a mixture of two.

use std::sync::Arc;

use super::{Remote, SpanContext};

/// A context and the `tracestate` that came with it.
pub type Said = (Remote, Option<Arc<str>>);

/// The contexts that came with one request.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// `params._meta.traceparent` and its state: what the agent itself says (MCP SEP-414).
    pub meta: Option<Said>,
    /// The header `traceparent` and its state.
    pub header: Option<Said>,
    /// The header `X-Amzn-Trace-Id`.
    pub amzn: Option<Remote>,
}

// === impl Claims ===

impl Claims {
    /// The context that the call belongs to: `_meta` first, then `traceparent`, then AWS's header.
    #[must_use]
    pub fn chosen(&self) -> Option<Remote> {
        let first = self.meta.as_ref().or(self.header.as_ref());
        first.map(|(remote, _)| *remote).or(self.amzn)
    }

    /// The state that goes with it.
    #[must_use]
    pub fn state(&self) -> Option<Arc<str>> {
        self.meta.as_ref().or(self.header.as_ref()).and_then(|(_, state)| state.clone())
    }

    /// A context of another trace, which lost.
    #[must_use]
    pub fn link(&self) -> Option<SpanContext> {
        let chosen = self.chosen()?;
        let header = self.header.as_ref().map(|(remote, _)| *remote);
        let others = [header, self.amzn].into_iter().flatten();
        others.filter(|other| other.trace != chosen.trace).find_map(Remote::context)
    }
}

#[cfg(test)]
mod tests {
    //! Who wins.

    use super::{Claims, Remote};

    fn remote(trace: u128) -> Remote {
        let text = format!("00-{trace:032x}-00000000000000aa-01");
        Remote::from_traceparent(&text).unwrap()
    }

    #[test]
    fn the_agents_own_word_goes_before_that_of_the_network() {
        let state = Some(super::super::state("a=b").unwrap());
        let amzn = Remote::from_amzn("Root=1-00000003-000000000000000000000000");
        let mut claims = Claims {
            meta: Some((remote(1), None)),
            header: Some((remote(2), state.clone())),
            amzn,
        };
        assert_eq!(claims.chosen(), Some(remote(1)));
        assert_eq!(claims.state(), None);
        assert_eq!(claims.link(), remote(2).context());
        claims.meta = None;
        assert_eq!(claims.chosen(), Some(remote(2)));
        assert_eq!(claims.state(), state);
        // A load balancer names no span that could be linked to.
        assert_eq!(claims.link(), None);
        claims.header = None;
        assert_eq!(claims.chosen(), amzn);
        assert_eq!(Claims::default().chosen(), None);
    }

    #[test]
    fn the_same_trace_twice_is_no_link() {
        let claims =
            Claims { meta: Some((remote(1), None)), header: Some((remote(1), None)), amzn: None };
        assert_eq!(claims.link(), None);
    }
}
