//! Settings of the Parameter Store, below `/app/{app}/{env}/`.
//!
//! Enters: an application and an environment; settings to be kept. Leaves: all parameters below
//! them, by what is behind the prefix; whether something was written. Never: a value in an error, a
//! log or a `Debug`; a parameter of another environment; a secret that becomes a plain `String`.

mod failure;
mod snapshot;

#[cfg(test)]
mod tests;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{self, ParameterTier, ParameterType, Tag};

use crate::cloud::Cloud;
use crate::trouble::{Kind, Trouble};
use failure::{Deed, failure};
pub use failure::{ParameterError, ParameterFault};
pub use snapshot::{Change, Parameter, Snapshot};

/// Parameters that are read at most. There are fewer than a hundred keys.
const MOST: usize = 1_000;
/// Parts of the list that are asked for at most. A part may be empty and still not be the last.
const PARTS: usize = 300;
/// Entries of a part: the most that the service gives.
const PART: i32 = 10;
/// The longest value of a parameter that costs nothing, in bytes.
const STANDARD: usize = 4_096;
/// The longest value of any parameter, in bytes.
const ADVANCED: usize = 8_192;
/// The longest key, in bytes, and its parts: the service takes 15 with the prefix.
const KEY: (usize, usize) = (512, 12);
/// Who made a parameter, as its tag says.
const MAKER: &str = "toolgate-agent";

/// The parameters of one application in one environment.
#[derive(Clone, Debug)]
pub struct Parameters {
    client: Client,
    app: String,
    env: String,
    prefix: String,
    key: Option<String>,
}

/// What became of a parameter that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It has that value already; nothing was written.
    Unchanged,
    /// It is new.
    Created,
    /// It has another value now, and this version.
    Updated(i64),
}

// === impl Parameters ===

impl Parameters {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// The application or the environment cannot be a part of a name.
    pub fn new(cloud: &Cloud, app: &str, env: &str) -> Result<Self, ParameterError> {
        for (what, name) in [("application", app), ("environment", env)] {
            if name.len() > 64 || !is_part(name) {
                return Err(ParameterError::rejected(format!(
                    "the {what} has to be 1 to 64 of the characters a-z A-Z 0-9 . _ -, as it is a part of the names of parameters"
                )));
            }
        }
        let prefix = format!("/app/{app}/{env}/");
        let (app, env) = (app.to_owned(), env.to_owned());
        Ok(Self { client: cloud.ssm(), app, env, prefix, key: None })
    }

    /// Secrets are sealed with that key of KMS. Without, with the account's own for parameters;
    /// a secret that was sealed with another one is sealed anew when its value changes.
    #[must_use]
    pub fn sealed_with(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// What the names begin with: `/app/{app}/{env}/`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Reads all of them, secrets opened.
    ///
    /// # Errors
    /// The service is not reached or does not allow it; there are more than a thousand.
    pub async fn load(&self) -> Result<Snapshot, ParameterError> {
        let mut snapshot = Snapshot::default();
        let mut next = None;
        for _ in 0..PARTS {
            let request = self
                .client
                .get_parameters_by_path()
                .path(self.prefix.trim_end_matches('/'))
                .recursive(true)
                .with_decryption(true)
                .max_results(PART)
                .set_next_token(next);
            let sent = Box::pin(request.send()).await;
            let answer = sent.map_err(|error| self.failed(&Trouble::of(&error), Deed::Load))?;
            for parameter in answer.parameters.unwrap_or_default() {
                self.take(&mut snapshot, parameter)?;
            }
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(snapshot);
            }
        }
        Err(self.too_many())
    }

    /// Gives a parameter a value, if it has another one or is not there. `secret` says that it has
    /// to be a `SecureString`; one that is a `SecureString` stays one anyway.
    ///
    /// # Errors
    /// The service is not reached, does not allow it or does not take the value; the parameter is
    /// a plain `String` and the value is a secret.
    pub async fn put(&self, key: &str, value: &str, secret: bool) -> Result<Put, ParameterError> {
        let name = self.name(key)?;
        let request = self.client.get_parameter().name(&name).with_decryption(true);
        let mut snapshot = Snapshot::default();
        match Box::pin(request.send()).await {
            Ok(answer) => {
                if let Some(parameter) = answer.parameter {
                    self.take(&mut snapshot, parameter)?;
                }
            }
            Err(error) => match Trouble::of(&error) {
                trouble if trouble.kind == Kind::NotFound => {}
                trouble => return Err(self.failed(&trouble, Deed::Look)),
            },
        }
        self.put_over(&snapshot, key, value, secret).await
    }

    /// The same for many: what is there was loaded before, and is not asked for again.
    ///
    /// # Errors
    /// Those of [`Parameters::put`]; or somebody else has made the parameter since it was loaded.
    pub async fn put_over(
        &self,
        there: &Snapshot,
        key: &str,
        value: &str,
        secret: bool,
    ) -> Result<Put, ParameterError> {
        let name = self.name(key)?;
        fits(key, value)?;
        let old = there.get(key);
        match there.change(key, value, secret) {
            Change::Same => return Ok(Put::Unchanged),
            Change::Exposed => {
                return Err(ParameterError::rejected(format!(
                    "the parameter {name} is a plain String and its value is a secret; the service cannot change that: delete the parameter and push again"
                )));
            }
            Change::New | Change::Other => {}
        }
        let kind = old.map_or_else(|| kind(secret), Parameter::kind);
        let sealed = kind == ParameterType::SecureString;
        let request = self
            .client
            .put_parameter()
            .name(&name)
            .value(value)
            .r#type(kind)
            .set_key_id(self.key.clone().filter(|_| sealed))
            .set_tier((value.len() > STANDARD).then_some(ParameterTier::Advanced));
        // Tags and overwriting exclude each other.
        let request = match old {
            None => request.overwrite(false).set_tags(Some(self.tags()?)),
            Some(_) => request.overwrite(true),
        };
        let sent = Box::pin(request.send()).await;
        let answer = sent.map_err(|error| self.failed(&Trouble::of(&error), Deed::Put(key)))?;
        Ok(if old.is_some() { Put::Updated(answer.version) } else { Put::Created })
    }

    fn take(
        &self,
        snapshot: &mut Snapshot,
        parameter: types::Parameter,
    ) -> Result<(), ParameterError> {
        if snapshot.len() >= MOST {
            return Err(self.too_many());
        }
        let name = parameter.name.unwrap_or_default();
        let key = name.strip_prefix(&self.prefix).filter(|key| !key.is_empty());
        let (Some(key), Some(value)) = (key, parameter.value) else {
            return Err(self.failed(&Trouble::bare(Kind::Garbled), Deed::Load));
        };
        let kind = parameter.r#type.unwrap_or(ParameterType::String);
        snapshot.insert(key.to_owned(), Parameter::new(value, kind, parameter.version));
        Ok(())
    }

    fn name(&self, key: &str) -> Result<String, ParameterError> {
        let (longest, most) = KEY;
        if key.len() > longest || key.split('/').count() > most || !key.split('/').all(is_part) {
            return Err(ParameterError::rejected(format!(
                "a key has to be up to {most} words of a-z A-Z 0-9 . _ - with `/` between them"
            )));
        }
        Ok(format!("{}{key}", self.prefix))
    }

    fn tags(&self) -> Result<Vec<Tag>, ParameterError> {
        let tags = [
            ("Application", self.app.as_str()),
            ("Environment", self.env.as_str()),
            ("ManagedBy", MAKER),
        ];
        let made = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
        let made: Result<Vec<Tag>, _> = made.into_iter().collect();
        made.map_err(|_| ParameterError::rejected("a tag has no name or no value"))
    }

    fn failed(&self, trouble: &Trouble, deed: Deed<'_>) -> ParameterError {
        failure(trouble, deed, &self.prefix)
    }

    fn too_many(&self) -> ParameterError {
        ParameterError::rejected(format!(
            "there are more than {MOST} parameters below {}; is it the right application and environment?",
            self.prefix
        ))
    }
}

const fn kind(secret: bool) -> ParameterType {
    if secret { ParameterType::SecureString } else { ParameterType::String }
}

/// Whether it can stand between two slashes of a name, and means nothing but itself there.
fn is_part(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.bytes().any(|byte| byte.is_ascii_alphanumeric()) && text.bytes().all(plain)
}

fn fits(key: &str, value: &str) -> Result<(), ParameterError> {
    match value.len() {
        0 => Err(ParameterError::rejected(format!(
            "`{key}` is empty, and a parameter cannot be; leave it out"
        ))),
        long if long > ADVANCED => Err(ParameterError::rejected(format!(
            "`{key}` has {long} bytes, and a parameter has at most {ADVANCED}; put it into a file"
        ))),
        _ => Ok(()),
    }
}
