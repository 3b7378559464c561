//! Which pages may be read.
//!
//! Enters: an address, as a model or a page has written it. Leaves: host and path of a page of an
//! allowed host. Never: a host that only begins like an allowed one, a port, a user, or a path that
//! climbs.

use http::Uri;

/// A page that may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// One of the allowed hosts.
    pub(super) host: String,
    /// Its path, from the root on; queries are left out.
    pub(super) path: String,
}

// === impl Page ===

impl Page {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it; completes "`url` …".
    pub(super) fn read(url: &str, hosts: &[String]) -> Result<Self, &'static str> {
        let uri: Uri = url.trim().parse().map_err(|_| "is not a URL")?;
        if uri.scheme_str() != Some("https") {
            return Err("must begin with https://");
        }
        let authority = uri.authority().ok_or("names no host")?;
        let host = authority.host().to_ascii_lowercase();
        // Compared whole: what is left of it would be a user or a port.
        let is_bare = authority.as_str().len() == host.len();
        if !is_bare || !hosts.contains(&host) {
            return Err("is of a host that may not be read");
        }
        let path = uri.path();
        if path.split('/').any(is_climbing) {
            return Err("must not have `..` in its path");
        }
        Ok(Self { host, path: path.to_owned() })
    }

    /// Its address.
    pub(super) fn url(&self) -> String {
        format!("https://{}{}", self.host, self.path)
    }

    /// The address of what stands in a link of this page; of web pages only.
    pub(super) fn link(&self, href: &str) -> Option<String> {
        let href = href.trim();
        if href.is_empty() || href.starts_with('#') || href.contains(char::is_whitespace) {
            return None;
        }
        if href.starts_with("https://") || href.starts_with("http://") {
            return Some(href.to_owned());
        }
        if let Some(other) = href.strip_prefix("//") {
            return Some(format!("https://{other}"));
        }
        let end = href.find(['?', '#']).unwrap_or(href.len());
        let (path, rest) = href.split_at_checked(end)?;
        // Another scheme, such as `mailto:`.
        if path.split('/').next().is_some_and(|first| first.contains(':')) {
            return None;
        }
        let folder = match path.starts_with('/') {
            true => "",
            false => self.path.rsplit_once('/').map_or("", |(folder, _)| folder),
        };
        let mut segments: Vec<&str> = Vec::new();
        for segment in folder.split('/').chain(path.split('/')).filter(|one| !one.is_empty()) {
            match segment {
                "." => {}
                ".." => drop(segments.pop()),
                plain => segments.push(plain),
            }
        }
        let slash = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
        Some(format!("https://{}/{}{slash}{rest}", self.host, segments.join("/")))
    }
}

/// Whether a segment of a path leads upwards, in any spelling.
fn is_climbing(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == ".." || plain == "." || plain.contains("%2f") || plain.contains("%5c")
}

#[cfg(test)]
mod tests {
    //! What may be read, and where links lead.

    use super::Page;

    fn hosts() -> Vec<String> {
        vec!["docs.aws.amazon.com".into(), "docs.example".into()]
    }

    #[test]
    fn only_pages_of_allowed_hosts_may_be_read() {
        for (url, path) in [
            ("https://docs.aws.amazon.com/a/b.html", "/a/b.html"),
            (" https://DOCS.aws.amazon.com/a?session=1#top", "/a"),
            ("https://docs.example", "/"),
        ] {
            assert_eq!(Page::read(url, &hosts()).map(|page| page.path).as_deref(), Ok(path));
        }
        for url in [
            "",
            "docs.aws.amazon.com/a.html",
            "/a.html",
            "http://docs.aws.amazon.com/a.html",
            "https://docs.aws.amazon.com.evil.example/a.html",
            "https://evil.example/docs.aws.amazon.com/",
            "https://docs.aws.amazon.com@evil.example/",
            "https://user:word@docs.aws.amazon.com/",
            "https://docs.aws.amazon.com:8443/",
            "https://docs.aws.amazon.com./a.html",
            "https://sub.docs.aws.amazon.com/",
            "https://169.254.169.254/latest/meta-data/",
            "https://docs.aws.amazon.com/../../x",
            "https://docs.aws.amazon.com/%2e%2E/x",
            "https://docs.aws.amazon.com/a/..%2fx",
            "https://docs.aws.amazon.com\\@evil.example/",
            "file:///etc/passwd",
        ] {
            Page::read(url, &hosts()).expect_err(url);
        }
    }

    #[test]
    fn links_are_read_from_where_they_stand() {
        let page = Page::read("https://docs.example/a/b/c.html", &hosts()).unwrap();
        for (href, wanted) in [
            ("d.html#x", Some("https://docs.example/a/b/d.html#x")),
            ("./d.html", Some("https://docs.example/a/b/d.html")),
            ("../d/?q=1", Some("https://docs.example/a/d/?q=1")),
            ("../../../../d", Some("https://docs.example/d")),
            ("/d", Some("https://docs.example/d")),
            ("//other.example/d", Some("https://other.example/d")),
            ("https://other.example/d", Some("https://other.example/d")),
            ("#top", None),
            ("", None),
            ("javascript:alert(1)", None),
            ("mailto:a@b.example", None),
        ] {
            assert_eq!(page.link(href).as_deref(), wanted, "{href}");
        }
    }
}
