//! TLS with callers: handshakes, certificates, their files.
//!
//! Enters: how handshakes ended, what was read of files. Leaves: counters and gauges, which are not there
//! before TLS is. Never: a name out of a certificate.

use std::sync::{Arc, OnceLock};

use toolgate_telemetry_catalog::{CertificateOf, Refresh, TlsEnd, Word as _, gateway as family};

use crate::handles::Counters;
use crate::registry::Registry;

/// Metrics of TLS with callers.
#[derive(Debug)]
pub struct TlsMetrics {
    registry: Arc<Registry>,
    counters: OnceLock<(Counters<TlsEnd>, Counters<Refresh>)>,
}

// === impl TlsMetrics ===

impl TlsMetrics {
    pub(crate) fn new(registry: &Arc<Registry>) -> Self {
        Self { registry: Arc::clone(registry), counters: OnceLock::new() }
    }

    /// A handshake has ended so.
    pub fn handshake(&self, end: TlsEnd) {
        self.counters().0.add(end);
    }

    /// The files were read again, or could not be.
    pub fn reloaded(&self, ok: bool) {
        self.counters().1.add(if ok { Refresh::Ok } else { Refresh::Failed });
    }

    /// A certificate is in use that ends then (seconds since the epoch).
    pub fn in_use(&self, of: CertificateOf, not_after: u64) {
        self.counters();
        // Years have eleven digits; a float holds fifteen.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        self.registry.gauge(&family::TLS_NOT_AFTER, &[of.word()]).set(not_after as f64);
    }

    fn counters(&self) -> &(Counters<TlsEnd>, Counters<Refresh>) {
        self.counters.get_or_init(|| {
            let registry = &self.registry;
            let handshakes = Counters::new(registry, &family::TLS_HANDSHAKES, &[]);
            (handshakes, Counters::new(registry, &family::TLS_RELOADS, &[]))
        })
    }
}
