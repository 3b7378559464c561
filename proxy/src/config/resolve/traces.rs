//! Traces: defaults in, the collector's secret fetched.
//!
//! In: the `traces` block as written. Out: the same with every default, and a mistake for a secret
//! that could not be had. It never connects to anything.

use std::time::Duration;

use super::{Resolver, time};
use crate::config::file;
use crate::config::resolved::{Otlp, Traces, Xray};

impl Resolver<'_, '_> {
    pub(super) fn traces(&mut self, written: &file::Traces) -> Traces {
        Traces {
            sample: written.sample.unwrap_or(0.05),
            trust_callers: written.trust_callers.unwrap_or(true),
            slow: time(&written.slow, Duration::from_secs(5)),
            otlp: written.otlp.as_ref().and_then(|otlp| self.otlp(otlp)),
            xray: written.xray.as_ref().map(xray),
        }
    }

    /// `None` when it is incomplete, which has been reported.
    fn otlp(&mut self, written: &file::Otlp) -> Option<Otlp> {
        let shown = written.credentials.as_ref();
        let credentials = shown.and_then(|c| self.credentials(&["traces", "otlp"], c));
        Some(Otlp {
            endpoint: written.endpoint.as_ref()?.0.uri.clone(),
            protocol: written.protocol.unwrap_or_default(),
            credentials,
            timeout: time(&written.timeout, Duration::from_secs(10)),
            service: service(written.service.as_ref()),
        })
    }
}

fn xray(written: &file::Xray) -> Xray {
    Xray {
        mode: written.mode.unwrap_or_default(),
        rules: written.rules.unwrap_or(true),
        service: service(written.service.as_ref()),
    }
}

fn service(written: Option<&String>) -> String {
    written.cloned().unwrap_or_else(|| "toolgate".to_owned())
}
