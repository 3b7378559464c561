//! What the pages of grants say.
//!
//! Enters: names that are not ours. Leaves: HTML in which they are text, under a policy that lets nothing
//! run and nothing be loaded. Never: a name that is markup; a page that is cached or framed.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use toolgate_target::grants::{Offer, Whom};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:4em auto;padding:0 1em}\
    b{overflow-wrap:anywhere}button{font:inherit;padding:.5em 1.2em}";
/// The most that is shown of a name, in characters.
const LONGEST: usize = 512;
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
    frame-ancestors 'none'; form-action ";

/// Who asks for what; with the button that says yes.
pub(super) fn offer(offer: &Offer, link: &str, proof: &str) -> Response<Bytes> {
    let Offer { whom, host, scopes } = offer;
    let (target, host_text) = (text(&whom.target), text(host));
    let (subject, issuer) = (text(&whom.subject), text(&whom.issuer));
    let scopes = match scopes.as_slice() {
        [] => String::new(),
        scopes => format!("<p>It asks for: <b>{}</b>.</p>", text(&scopes.join(" "))),
    };
    let body = format!(
        "<h1>Connect {target}</h1>\
         <p><b>{subject}</b> (known from <b>{issuer}</b>) wants to use <b>{target}</b> through this gateway, \
         with your account at <b>{host_text}</b>.</p>{scopes}\
         <p>Go on only if <b>{subject}</b> is you, and you have asked for this just now: whoever that is \
         will act with your account. If somebody sent you this link, close this page.</p>\
         <form method=\"post\" action=\"/grants/start\">\
         <input type=\"hidden\" name=\"link\" value=\"{}\"><input type=\"hidden\" name=\"proof\" value=\"{}\">\
         <button>That is me: go on to {host_text}</button></form>",
        text(link),
        text(proof),
    );
    page(StatusCode::OK, &body, "'self'")
}

/// To the authorization server. Not by the answer to the form itself: browsers hold a form to where its
/// answers lead, and where that server sends them is not known.
pub(super) fn away(url: &str) -> Response<Bytes> {
    let to = escaped(url, usize::MAX);
    let body = format!(
        "<meta http-equiv=\"refresh\" content=\"0; url={to}\">\
         <p><a href=\"{to}\">Go on</a>, if nothing happens.</p>"
    );
    page(StatusCode::OK, &body, "'none'")
}

pub(super) fn done(whom: &Whom) -> Response<Bytes> {
    let body = format!(
        "<h1>Connected</h1><p><b>{}</b> can use <b>{}</b> now. You may close this page and go on where you \
         came from.</p>",
        text(&whom.subject),
        text(&whom.target)
    );
    page(StatusCode::OK, &body, "'none'")
}

pub(super) fn gone() -> Response<Bytes> {
    plain(
        StatusCode::NOT_FOUND,
        "This link was used, has expired, or is not for this browser. Use the tool again for a new one.",
    )
}

pub(super) fn strange() -> Response<Bytes> {
    plain(
        StatusCode::FORBIDDEN,
        "This did not come from the page that asks for it, or the browser takes no cookies. Open the link again.",
    )
}

pub(super) fn declined() -> Response<Bytes> {
    plain(StatusCode::FORBIDDEN, "Nothing was connected: the other side, or you, said no.")
}

pub(super) fn failed() -> Response<Bytes> {
    plain(
        StatusCode::BAD_GATEWAY,
        "Nothing was connected: the other side did not do its part. Use the tool again for a new link.",
    )
}

/// One sentence.
pub(super) fn plain(status: StatusCode, sentence: &str) -> Response<Bytes> {
    page(status, &format!("<p>{sentence}</p>"), "'none'")
}

fn page(status: StatusCode, body: &str, form: &str) -> Response<Bytes> {
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Toolgate</title>\
         <style>{STYLE}</style><main>{body}</main></html>"
    );
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // The link stays here; the form says of which origin it is all the same.
        (header::REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::try_from(format!("{POLICY}{form}")) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A name that is no markup, whatever it says.
fn text(raw: &str) -> String {
    escaped(raw, LONGEST)
}

fn escaped(raw: &str, most: usize) -> String {
    let mut safe = String::with_capacity(raw.len());
    for c in raw.chars().take(most) {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // What is not seen, or turns what is seen around.
            c if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                safe.push('\u{fffd}');
            }
            c => safe.push(c),
        }
    }
    safe
}

/// The first member of that name in a query or a form, decoded.
pub(super) fn member(of: &str, name: &str) -> Option<String> {
    let mut pairs = of.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    //! What is text stays text.

    use super::{member, text};

    #[test]
    fn a_name_is_never_markup_and_never_turns_the_page_around() {
        let shown = text("<b>\"a\" & 'b'</b>\u{202e}\u{7}");
        assert_eq!(shown, "&lt;b&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/b&gt;\u{fffd}\u{fffd}");
        assert_eq!(text(&"x".repeat(1000)).len(), 512);
    }

    #[test]
    fn members_are_found_by_their_whole_name_and_decoded() {
        assert_eq!(member("xstate=1&state=a%2Bb+c&state=2", "state").as_deref(), Some("a+b c"));
        for odd in ["", "state", "state=%", "state=%zz", "state=%ff"] {
            assert_eq!(member(odd, "state"), None, "{odd}");
        }
    }
}
