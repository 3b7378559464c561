//! The key file: API keys of callers, by their hashes.
//!
//! In: its text. Out: the keys, or the first mistake with its line; and the other way round. It never
//! holds a key, only what a key is recognised by.

use serde::{Deserialize, Serialize};
use toolgate_admit::authn::{ApiKey, KeyHash};

/// The version of the format.
const VERSION: u32 = 1;
/// Largest file taken, in bytes.
const LARGEST: usize = 16 << 20;
/// Most keys taken.
const MOST: usize = 50_000;

/// Keys, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFile {
    /// The keys.
    pub keys: Vec<KeyEntry>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// Its public part.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// HMAC-SHA-256 of the key under the pepper, hexadecimal.
    pub hmac_sha256: String,
    /// The scopes that it grants.
    pub scopes: Vec<String>,
    /// When it was made, in seconds since the epoch.
    pub created: u64,
    /// When it ends, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// When it was taken back, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    toolgate_keys: u32,
    keys: Vec<KeyEntry>,
}

// === impl KeyFile ===

impl KeyFile {
    /// Reads one.
    ///
    /// # Errors
    /// The first mistake, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LARGEST {
            return Err("it has more than 16 MiB".to_owned());
        }
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if file.toolgate_keys != VERSION {
            return Err(format!("version {} of the format is not known here", file.toolgate_keys));
        }
        if file.keys.len() > MOST {
            return Err(format!("it has more than {MOST} keys"));
        }
        let mut ids = std::collections::HashSet::new();
        for key in &file.keys {
            key.checked()?;
            if !ids.insert(&*key.id) {
                return Err(format!("the key {} is there twice", key.id));
            }
        }
        Ok(Self { keys: file.keys })
    }

    /// The text of the file, ending in a line feed.
    #[must_use]
    pub fn render(&self) -> String {
        let file = File { toolgate_keys: VERSION, keys: self.keys.clone() };
        // A tree of plain values: printing it cannot fail.
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }

    /// The keys as callers are checked by them.
    #[must_use]
    pub fn held(&self) -> Vec<ApiKey> {
        self.keys.iter().filter_map(|key| key.checked().ok()).collect()
    }
}

// === impl KeyEntry ===

impl KeyEntry {
    fn checked(&self) -> Result<ApiKey, String> {
        let hash = hash(&self.hmac_sha256).ok_or_else(|| {
            format!("`hmac_sha256` of the key {} is not 64 hexadecimal digits", self.id)
        })?;
        if self.id.is_empty() || self.name.is_empty() {
            return Err("a key without an id or a name".to_owned());
        }
        Ok(ApiKey {
            id: self.id.clone(),
            name: self.name.clone(),
            hash,
            scopes: self.scopes.clone(),
            expires: self.expires,
            revoked: self.revoked.is_some(),
        })
    }
}

fn hash(text: &str) -> Option<KeyHash> {
    let mut hash = KeyHash::default();
    if text.len() != 2 * hash.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    //! What is taken.

    use super::{KeyEntry, KeyFile};

    fn entry(id: &str) -> KeyEntry {
        KeyEntry {
            id: id.to_owned(),
            name: "ci".to_owned(),
            hmac_sha256: "0f".repeat(32),
            scopes: vec!["a".to_owned()],
            created: 1,
            expires: Some(2),
            revoked: None,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let file = KeyFile { keys: vec![entry("1"), KeyEntry { revoked: Some(3), ..entry("2") }] };
        assert_eq!(KeyFile::parse(&file.render()), Ok(file.clone()));
        let held = file.held();
        assert_eq!((held[0].hash, held[0].revoked, held[1].revoked), ([0x0f; 32], false, true));
    }

    #[test]
    fn what_is_not_right_is_told_apart() {
        let text = |keys: &[KeyEntry]| KeyFile { keys: keys.to_vec() }.render();
        let short = KeyEntry { hmac_sha256: "0f".to_owned(), ..entry("1") };
        let one = text(&[entry("1")]);
        for (text, says) in [
            (text(&[entry("1"), entry("1")]), "twice"),
            (text(&[short]), "64 hexadecimal"),
            (one.replace("\"toolgate_keys\": 1", "\"toolgate_keys\": 2"), "version 2"),
            (one.replace("\"created\"", "\"made\""), "unknown field `made`"),
            ("{".to_owned(), "EOF"),
        ] {
            let why = KeyFile::parse(&text).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
