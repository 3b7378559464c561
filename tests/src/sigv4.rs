//! Checks signatures of AWS (Signature Version 4), by our own reading of its description.
//!
//! In: a request as it came, and the secret. Out: who signed it for what, or why the signature is
//! wrong. It shares no code with whoever signs: canonical request and key derivation are written
//! here.

use anyhow::{Context as _, Result, bail, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use http::request::Parts;

/// The only algorithm that is taken.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a signature says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The access key.
    pub key: String,
    /// The region that it is for.
    pub region: String,
    /// The service that it is for.
    pub service: String,
    /// The headers that it covers.
    pub headers: Vec<String>,
}

/// Checks a request.
///
/// # Errors
/// When it is not signed, or not with that secret.
pub fn verify(head: &Parts, body: &[u8], secret: &str) -> Result<Signed> {
    let authorization = text(head, "authorization")?;
    let rest = authorization.strip_prefix(ALGORITHM).context("another algorithm")?;
    let mut fields = rest.split(',').map(|field| field.trim().split_once('='));
    let (Some(Some(("Credential", credential))), Some(Some(("SignedHeaders", names)))) =
        (fields.next(), fields.next())
    else {
        bail!("an odd header: {authorization}");
    };
    let Some(Some(("Signature", signature))) = fields.next() else { bail!("no signature") };
    let names: Vec<&str> = names.split(';').collect();
    ensure!(names.contains(&"host") && names.contains(&"x-amz-date"), "odd headers: {names:?}");
    fits((head, body), (credential, text(head, "x-amz-date")?, names), signature, secret)
}

/// Checks a URL that was signed in advance, for whoever sends it with those headers besides its host.
///
/// # Errors
/// When it is not signed, or not with that secret.
pub fn verify_presigned(url: &str, headers: &[(&str, &str)], secret: &str) -> Result<Signed> {
    let (whole, signature) = url.split_once("&X-Amz-Signature=").context("no signature")?;
    let (_, query) = whole.split_once('?').context("no query")?;
    let field = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let found = pairs.find(|(key, _)| *key == name).map(|(_, value)| value);
        found.map(|value| value.replace("%2F", "/").replace("%3B", ";")).context(name.to_owned())
    };
    ensure!(field("X-Amz-Algorithm")? == ALGORITHM, "another algorithm");
    let uri: http::Uri = whole.parse()?;
    let host = uri.host().context("no host")?;
    let mut request = http::Request::get(whole).header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let head = request.body(())?.into_parts().0;
    let (credential, names) = (field("X-Amz-Credential")?, field("X-Amz-SignedHeaders")?);
    let (date, names) = (field("X-Amz-Date")?, names.split(';').collect());
    fits((&head, b""), (&credential, &date, names), signature, secret)
}

/// Whether that signature is the one of that secret, however it came.
fn fits(
    (head, body): (&Parts, &[u8]),
    (credential, date, names): (&str, &str, Vec<&str>),
    signature: &str,
    secret: &str,
) -> Result<Signed> {
    let [key, day, region, service, "aws4_request"] = credential.split('/').collect::<Vec<_>>()[..]
    else {
        bail!("an odd scope: {credential}");
    };
    ensure!(names.is_sorted() && date.starts_with(day), "odd headers or days: {names:?} {date}");
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let request = hex(digest(&SHA256, canonical(head, body, &names)?.as_bytes()).as_ref());
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope}\n{request}");
    let mut derived = format!("AWS4{secret}").into_bytes();
    for part in [day, region, service, "aws4_request"] {
        derived = mac(&derived, part);
    }
    let wanted = hex(&mac(&derived, &to_sign));
    ensure!(wanted == signature, "the signature is {signature}, and should be {wanted}");
    Ok(Signed {
        key: key.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        headers: names.into_iter().map(str::to_owned).collect(),
    })
}

/// Method, path, query, headers, their names, and the digest of the body, each on lines of its own.
fn canonical(head: &Parts, body: &[u8], names: &[&str]) -> Result<String> {
    let path = head.uri.path();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte);
    ensure!(path.bytes().all(plain), "a path that would have to be escaped: {path}");
    let mut pairs: Vec<&str> = head.uri.query().unwrap_or_default().split('&').collect();
    let written = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%=".contains(&byte);
    ensure!(pairs.iter().all(|pair| pair.bytes().all(written)), "an odd query: {pairs:?}");
    pairs.sort_unstable_by_key(|pair| pair.split_once('='));
    // What is escaped is escaped once more, for all services but S3.
    let mut lines = vec![head.method.to_string(), path.replace('%', "%25"), pairs.join("&")];
    for name in names {
        lines.push(format!("{name}:{}", text(head, name)?.trim()));
    }
    lines.extend([String::new(), names.join(";"), hex(digest(&SHA256, body).as_ref())]);
    Ok(lines.join("\n"))
}

fn text<'a>(head: &'a Parts, name: &str) -> Result<&'a str> {
    let value = head.headers.get(name).with_context(|| format!("no header {name}"))?;
    Ok(value.to_str()?)
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    //! AWS's own example.

    use http::Request;
    use http::request::Parts;

    use super::verify;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// The request `get-vanilla` of AWS's test suite.
    fn vanilla(signature: &str) -> Parts {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        let request = Request::get("/")
            .header("host", "example.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z")
            .header("authorization", authorization);
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_query_is_signed_in_the_order_of_its_names() {
        // `get-vanilla-query-order-key-case` of the same suite.
        let signature = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
        let mut head = vanilla(signature);
        head.uri = "/?Param2=value2&Param1=value1".parse().unwrap();
        verify(&head, b"", SECRET).unwrap();
        head.uri = "/?Param2=value2&Param1=value 1".replace(' ', "+").parse().unwrap();
        assert!(verify(&head, b"", SECRET).is_err());
    }

    #[test]
    fn awss_own_example_is_signed_well_and_nothing_else() {
        let signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        let signed = verify(&vanilla(signature), b"", SECRET).unwrap();
        assert_eq!((&*signed.region, &*signed.service), ("us-east-1", "service"));
        assert!(verify(&vanilla(signature), b"", "another").is_err());
        assert!(verify(&vanilla(signature), b"x", SECRET).is_err());
        let mut head = vanilla(signature);
        head.uri = "/?a=b".parse().unwrap();
        assert!(verify(&head, b"", SECRET).is_err());
        let mut head = vanilla(signature);
        head.headers.insert("host", "example.com".parse().unwrap());
        assert!(verify(&head, b"", SECRET).is_err());
    }
}
