//! `auth.keys`: the key file read, and the pepper fetched.
//!
//! In: `auth.keys` as written. Out: the keys that callers may come with. It never lets a gateway start
//! that should know keys, and does not.

use std::io::ErrorKind;
use std::path::Path;

use crate::config::code;
use crate::config::file;
use crate::config::keys::KeyFile;
use crate::config::report::{Mistake, quote};
use crate::config::resolved::Keys;

use super::{KEY_CHARACTERS, Resolver};

impl Resolver<'_, '_> {
    pub(super) fn keys(&mut self, written: Option<&file::Keys>) -> Option<Keys> {
        let written = written?;
        let path = ["auth", "keys", "pepper"];
        let pepper = written.pepper.as_ref().and_then(|pepper| self.secret(&pepper.0, &path));
        if pepper.as_ref().is_some_and(|it| it.expose().chars().count() < KEY_CHARACTERS) {
            let help = "make one with `openssl rand -base64 32`; keys that were made with the old one \
                        have to be made anew";
            self.unusable(&path, "is shorter than 32 characters", help);
        }
        let file = self.path(Path::new(written.file.as_ref()?));
        let held = self.key_file(&file);
        Some(Keys { file, pepper: pepper?, held })
    }

    fn key_file(&mut self, file: &Path) -> KeyFile {
        let shown = quote(&file.display().to_string());
        let (message, help) = match (self.outside.read)(file) {
            Ok(text) => match KeyFile::parse(&text) {
                Ok(keys) => return keys,
                Err(bad) => (
                    format!("the key file {shown} cannot be used: {bad}"),
                    "mend it, or restore it from a backup: it holds all API keys",
                ),
            },
            Err(error) if error.kind() == ErrorKind::NotFound && self.outside.files_may_lack => {
                return KeyFile::default();
            }
            Err(error) => (
                format!("the key file {shown} cannot be read: {error}"),
                "make it with the first key: `toolgate keys create --config FILE --name NAME`",
            ),
        };
        let at = self.review.at(&["auth", "keys", "file"]);
        self.review.add(Mistake::new(code::KEYS, at, message).help(help));
        KeyFile::default()
    }
}
