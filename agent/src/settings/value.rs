//! What a value may be.
//!
//! In: text of any layer. Out: a typed value, or what is wrong with the text. Never: a guess
//! about a type (a list is a list because its key is one).

use std::time::Duration;

/// The kinds of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Text that is shown to nobody.
    Secret,
    /// A whole number, from and to.
    Integer(u64, u64),
    /// A number, from and to.
    Decimal(f64, f64),
    /// `true` or `false`.
    Flag,
    /// A time: `300ms`, `30s`, `5m`, `2h`, `90d`.
    Time,
    /// Words, separated by commas; in a file also a list.
    Words,
    /// One of these words.
    One(&'static [&'static str]),
    /// An `http` or `https` URL.
    Url,
    /// An address and a port, such as `127.0.0.1:8080`.
    Address,
    /// A namespace of CloudWatch.
    Namespace,
    /// The id of a key of KMS, its ARN, or an alias.
    KmsKey,
    /// JSON; in a file also YAML.
    Json,
}

// === impl Kind ===

impl Kind {
    /// Whether nobody may see it.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Secret)
    }

    /// What a value has to look like, in a few words.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Secret => "text, secret".to_owned(),
            Self::Integer(least, most) => format!("whole number from {least} to {most}"),
            Self::Decimal(least, most) => format!("number from {least} to {most}"),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Time => "time, such as `300ms`, `30s`, `5m`, `90d`".to_owned(),
            Self::Words => "words, separated by commas".to_owned(),
            Self::One(words) => format!("`{}`", words.join("`, `")),
            Self::Url => "URL, http or https".to_owned(),
            Self::Address => "address and port".to_owned(),
            Self::Namespace => {
                "a namespace of CloudWatch: at most 255 of a-z A-Z 0-9 . _ / # -, not `AWS/…`"
                    .to_owned()
            }
            Self::KmsKey => "the id of a KMS key, its ARN, or `alias/NAME`".to_owned(),
            Self::Json => "JSON".to_owned(),
        }
    }

    /// What is wrong with a text, if something is.
    pub(super) fn wrong(self, text: &str) -> Option<String> {
        let good = match self {
            Self::Text | Self::Secret | Self::Words => true,
            Self::Integer(least, most) => {
                text.parse::<u64>().is_ok_and(|number| (least..=most).contains(&number))
            }
            Self::Decimal(least, most) => {
                text.parse::<f64>().is_ok_and(|number| (least..=most).contains(&number))
            }
            Self::Flag => matches!(text, "true" | "false"),
            Self::Time => time(text).is_some(),
            Self::One(words) => words.contains(&text),
            Self::Url => is_url(text),
            Self::Address => text.parse::<std::net::SocketAddr>().is_ok(),
            Self::Namespace => is_namespace(text),
            Self::KmsKey => is_kms_key(text),
            Self::Json => serde_json::from_str::<serde_json::Value>(text).is_ok(),
        };
        (!good).then(|| format!("wanted is: {}", self.describe()))
    }
}

fn is_url(text: &str) -> bool {
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    let parsed = text.parse::<http::Uri>().ok();
    let host = parsed.as_ref().and_then(http::Uri::authority).map(http::uri::Authority::as_str);
    // A password in a URL ends up in logs.
    is_web && host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
}

fn is_namespace(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/#-".contains(&byte);
    (1..=255).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with("AWS/")
}

fn is_kms_key(text: &str) -> bool {
    // `arn:aws:kms:REGION:ACCOUNT:` before `key/ID` or `alias/NAME`.
    let named = text.strip_prefix("arn:aws").and_then(|rest| rest.splitn(5, ':').last());
    let of_kms = text.split(':').nth(2).is_none_or(|service| service == "kms");
    let bare = named.unwrap_or(text);
    let word = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
        !text.is_empty() && text.len() <= 256 && text.bytes().all(plain)
    };
    let id = bare.strip_prefix("key/").unwrap_or(bare);
    let is_id = |id: &str| {
        let id = id.strip_prefix("mrk-").unwrap_or(id);
        let hex = id.bytes().filter(u8::is_ascii_hexdigit).count();
        hex == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    of_kms && bare.strip_prefix("alias/").map_or_else(|| is_id(id), word)
}

/// A time as people write it.
pub(super) fn time(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let seconds = |each: u64| number.checked_mul(each).map(Duration::from_secs);
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        _ => None,
    }
}

/// The words of a list.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}
