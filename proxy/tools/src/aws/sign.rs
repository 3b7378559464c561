//! AWS Signature Version 4.
//!
//! Enters: a request whose bytes are final. Leaves: the same with the headers that sign it. Never: a
//! credential in an error.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningInstructions, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http::HeaderValue;
use http::request::Builder;

use crate::error::{Code, ToolError};

/// How long a URL that is signed in advance says that it is good.
const PRESIGNED: Duration = Duration::from_secs(60);

/// Signs a request for a region and a service.
///
/// # Errors
/// A request that cannot be written.
pub(super) fn signed(
    request: Builder,
    body: &str,
    scope: (&str, &str),
    credentials: Credentials,
) -> Result<Builder, ToolError> {
    let signature = signature(&request, body, scope, credentials, SigningSettings::default())?;
    signature.headers().try_fold(request, |request, (name, text)| {
        let mut value = HeaderValue::from_str(text).map_err(|error| unsigned(&error))?;
        value.set_sensitive(true);
        Ok(request.header(name, value))
    })
}

/// The URL of a request without a body, with its signature in the query; whoever sends it has to send
/// the same headers.
///
/// # Errors
/// A request that cannot be written.
pub(super) fn presigned(
    request: Builder,
    scope: (&str, &str),
    credentials: Credentials,
) -> Result<String, ToolError> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(PRESIGNED);
    let signature = signature(&request, "", scope, credentials, settings)?;
    let mut request = request.body(()).map_err(|error| unsigned(&error))?;
    signature.apply_to_request_http1x(&mut request);
    Ok(request.uri().to_string())
}

fn signature(
    request: &Builder,
    body: &str,
    (region, service): (&str, &str),
    credentials: Credentials,
    settings: SigningSettings,
) -> Result<SigningInstructions, ToolError> {
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(|error| unsigned(&error))?
        .into();
    let method = request.method_ref().map_or("GET", |method| method.as_str()).to_owned();
    let uri = request.uri_ref().map(ToString::to_string).unwrap_or_default();
    let headers: Vec<(String, String)> = request.headers_ref().map_or_else(Vec::new, |headers| {
        let pair = |(name, value): (&http::HeaderName, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        headers.iter().filter_map(pair).collect()
    });
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let body = SignableBody::Bytes(body.as_bytes());
    let signable = SignableRequest::new(&method, uri, headers, body);
    let signable = signable.map_err(|error| unsigned(&error))?;
    Ok(sign(signable, &params).map_err(|error| unsigned(&error))?.into_parts().0)
}

fn unsigned(problem: &dyn std::fmt::Display) -> ToolError {
    ToolError::new(Code::Internal, format!("a request that cannot be signed: {problem}"))
}
