//! What becomes of connections, how hands were shaken, and whose certificates there are.
//!
//! Enters: nothing. Leaves: closed lists of words. Never: a name out of a certificate.

use super::Word;

words! {
    /// Why a connection was not taken.
    ConnectionRejected {
        /// As many are open as are allowed.
        Limit = "limit",
    }
}

words! {
    /// How a TLS handshake with a caller ended.
    TlsEnd {
        /// Well.
        Ok = "ok",
        /// It took too long.
        Timeout = "timeout",
        /// The caller left.
        Closed = "closed",
        /// What came was no TLS.
        NotTls = "not_tls",
        /// There is no version, cipher or protocol that both speak.
        Unsupported = "unsupported",
        /// The caller showed no certificate, and has to.
        CertificateMissing = "certificate_missing",
        /// The caller's certificate has ended.
        CertificateExpired = "certificate_expired",
        /// The caller's certificate is of an authority that is not trusted.
        CertificateUnknown = "certificate_unknown_issuer",
        /// Something else is wrong with the caller's certificate.
        CertificateInvalid = "certificate_invalid",
        /// The caller did not want to go on, most likely for the gateway's certificate.
        RefusedByCaller = "refused_by_caller",
        /// What came made no sense.
        Protocol = "protocol",
        /// The gateway is stopping.
        Shutdown = "shutdown",
    }
}

words! {
    /// Whose certificate.
    CertificateOf {
        /// The gateway's own.
        Server = "server",
        /// The first to end of those that vouch for callers'.
        ClientCa = "client_ca",
    }
}
