//! Whether the other side of a connection refuses the certificate it was shown.
//!
//! Enters: an error of a connection. Leaves: whether it is a TLS alert about a certificate of ours (RFC 8446,
//! 6.2), and what a caller is told of it. Never: a guess from an error's words.

use std::error::Error;
use std::io;

use rustls::AlertDescription;

/// What is said of a certificate that was shown, or missed.
const REFUSALS: [AlertDescription; 8] = [
    AlertDescription::CertificateRequired,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
];

/// What a caller is told.
pub(super) fn refused(service: &str, line: &str) -> String {
    format!(
        "{service} does not take the client certificate of this gateway, or misses one ({line}); \
         only its operator can change that"
    )
}

/// Whether that is why.
pub(super) fn is_refused(error: &(dyn Error + 'static)) -> bool {
    let said = |error: &(dyn Error + 'static)| match error.downcast_ref() {
        Some(rustls::Error::AlertReceived(alert)) => REFUSALS.contains(alert),
        _ => false,
    };
    std::iter::successors(Some(error), |&error| error.source()).any(|cause| {
        // What an I/O error holds is not among its sources.
        let held = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        said(cause) || held.is_some_and(|held| said(held))
    })
}
