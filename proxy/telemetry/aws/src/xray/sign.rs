//! SigV4 (AWS Signature Version 4) for requests that the SDK does not make.
//!
//! Enters: a request whose body is final. Leaves: the headers that sign it. Never: a credential in
//! an error; and the chain is not asked for each request, since it may ask the machine each time.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderName, HeaderValue};
use tokio::sync::Mutex;
use toolgate_telemetry::{Boxed, Signer, Unsigned};

use crate::Aws;

/// The name of X-Ray within signatures.
const XRAY: &str = "xray";
/// How long before their end credentials are replaced.
const MARGIN: Duration = Duration::from_secs(60);
/// How long credentials without an end are believed.
const OLDEST: Duration = Duration::from_secs(15 * 60);

/// Signs with what the SDK's chain of credentials gives.
pub struct SigV4 {
    chain: Option<SharedCredentialsProvider>,
    region: String,
    service: String,
    /// The last credentials, and when they were had.
    last: Mutex<Option<(Credentials, Instant)>>,
}

// === impl SigV4 ===

impl SigV4 {
    pub(super) fn new(chain: Option<SharedCredentialsProvider>, region: &str) -> Self {
        let (region, service) = (region.to_owned(), XRAY.to_owned());
        Self { chain, region, service, last: Mutex::const_new(None) }
    }

    /// Signs for that service, in the region of `aws` or in another one.
    #[must_use]
    pub fn of(aws: &Aws, service: &str, region: Option<&str>) -> Self {
        let region = region.unwrap_or_else(|| aws.region());
        Self { service: service.to_owned(), ..Self::new(aws.credentials(), region) }
    }

    async fn credentials(&self) -> Result<Credentials, String> {
        let mut last = self.last.lock().await;
        if let Some((known, had)) = &*last
            && is_good(known, had.elapsed())
        {
            return Ok(known.clone());
        }
        let chain = self.chain.as_ref().ok_or("no AWS credentials are configured")?;
        let fresh = chain.provide_credentials().await.map_err(|error| {
            // Only the kind of error is ours to show: its source may quote a file.
            format!("no AWS credentials: {error}")
        })?;
        *last = Some((fresh.clone(), Instant::now()));
        Ok(fresh)
    }

    /// The headers that sign a request with that method.
    ///
    /// # Errors
    /// No credentials, or a request that cannot be signed. No secret is in the text.
    pub async fn signed(
        &self,
        method: &str,
        request: Unsigned<'_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        let identity = self.credentials().await?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let uri = request.uri.to_string();
        let headers = request.headers.iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(request.body);
        let request = SignableRequest::new(method, uri, headers, body);
        let request = request.map_err(|error| error.to_string())?;
        let (signed, _) = sign(request, &params).map_err(|error| error.to_string())?.into_parts();
        let pair = |(name, text): (&str, &str)| {
            let mut value = HeaderValue::from_str(text).map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
            Ok((name, value))
        };
        signed.headers().map(pair).collect()
    }
}

impl Signer for SigV4 {
    fn sign<'a>(
        &'a self,
        request: Unsigned<'a>,
    ) -> Boxed<'a, Result<Vec<(HeaderName, HeaderValue)>, String>> {
        Box::pin(self.signed("POST", request))
    }
}

impl fmt::Debug for SigV4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigV4({}, {})", self.service, self.region)
    }
}

/// Whether credentials of that age can be used.
fn is_good(known: &Credentials, age: Duration) -> bool {
    match known.expiry() {
        Some(end) => end.duration_since(SystemTime::now()).is_ok_and(|left| left > MARGIN),
        None => age < OLDEST,
    }
}

#[cfg(test)]
mod tests {
    //! How long credentials are used.

    use std::time::{Duration, SystemTime};

    use aws_credential_types::Credentials;

    use super::is_good;

    #[test]
    fn credentials_are_replaced_before_they_end_and_when_they_are_old() {
        let until = |left| {
            let end = SystemTime::now() + Duration::from_secs(left);
            Credentials::new("id", "secret", None, Some(end), "test")
        };
        assert!(is_good(&until(3600), Duration::from_secs(3000)));
        assert!(!is_good(&until(30), Duration::ZERO));
        let endless = Credentials::new("id", "secret", None, None, "test");
        assert!(is_good(&endless, Duration::from_secs(60)));
        assert!(!is_good(&endless, Duration::from_secs(1000)));
    }
}
