//! An API as a target.
//!
//! Enters: an `Outbound`. Leaves: a `Reply` in the shape of the modern era, or why there is none. Never: a second
//! try of its own; a redirect that is followed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Uri, header};
use serde_json::{Value, json};
use toolgate_call::{Answer, Era, Op, Outbound, Permitted, RawJson, Refusal, Reply};
use toolgate_telemetry::Telemetry;
use tower::{Service, service_fn};

use super::answer::{Answered, Told, told};
use super::operation::Operation;
use super::request::{self, Written};
use super::{Api, DocumentError};
use crate::builtin::arguments::Arguments;
use crate::builtin::{LIST_TTL_MS, discovery, error, listed, raw, wrong};
use crate::http::{Bounds, Failure, Outgoing, Site, add_context, whose};
use crate::{Credentials, UrlError};

/// What is asked for: JSON, if there is a choice.
const ACCEPT: &str = "application/json, */*;q=0.5";

/// How an API is reached.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Its configured name.
    pub target: Arc<str>,
    /// Where its paths begin.
    pub url: Uri,
    /// How long DNS, TCP and TLS may take together.
    pub connect_timeout: Duration,
    /// How long an answer that has begun may stand still.
    pub idle_timeout: Duration,
    /// The largest answer, in bytes.
    pub max_response: usize,
    /// What the API is shown.
    pub credentials: Credentials,
}

/// An API as a target.
#[derive(Clone)]
pub struct ApiTarget(Arc<Inner>);

struct Inner {
    config: ApiConfig,
    site: Site,
    base: HeaderMap,
    /// `https://host`, and the path in front of every other.
    origin: String,
    prefix: String,
    operations: HashMap<String, Operation>,
    list: RawJson,
}

// === impl ApiTarget ===

impl ApiTarget {
    /// An API at that place. Nothing is connected yet.
    ///
    /// # Errors
    /// A URL that cannot be connected to.
    pub fn new(config: ApiConfig, api: Api, telemetry: &Arc<Telemetry>) -> Result<Self, UrlError> {
        let metrics = telemetry.target(&config.target);
        let site =
            Site::new(&config.url, config.connect_timeout, config.credentials.clone(), metrics)?;
        let list = json!({
            "resultType": "complete",
            "tools": api.definitions().collect::<Vec<_>>(),
            "ttlMs": LIST_TTL_MS,
            "cacheScope": "public",
        });
        let named = api.operations.into_iter().map(|one| (one.name.clone(), one));
        let (origin, prefix) = split(&config.url);
        Ok(Self(Arc::new(Inner {
            base: site.headers(ACCEPT),
            site,
            origin,
            prefix,
            operations: named.collect(),
            list: raw(&list),
            config,
        })))
    }

    /// The target as a service.
    pub fn service(
        self,
    ) -> impl Service<Outbound, Response = Reply, Error = Refusal, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static {
        service_fn(move |outbound: Outbound| {
            let inner = Arc::clone(&self.0);
            async move {
                let served = inner.serve(&outbound).await;
                let answer = served.map_err(|failure| failure.refuse(&inner.config.target))?;
                Ok(Reply::one(Era::Modern, answer))
            }
        })
    }
}

impl fmt::Debug for ApiTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiTarget").field("config", &self.0.config).finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    async fn serve(&self, outbound: &Outbound) -> Result<Answer, Failure> {
        match &outbound.op {
            Op::Call(permitted) => self.call(permitted, outbound).await,
            Op::List { what, cursor } => Ok(listed(what, cursor.is_none(), &self.list)),
            Op::Describe => Ok(Answer::result(discovery())),
            // No operation is sure to do nothing: whether somebody is there must do.
            Op::Probe => {
                self.site.touch(&outbound.ledger).await?;
                Ok(Answer::result(discovery()))
            }
        }
    }

    async fn call(&self, permitted: &Permitted, outbound: &Outbound) -> Result<Answer, Failure> {
        let Some(plan) = permitted.plan().filter(|plan| plan.is_tool()) else {
            return Err(Failure::Internal("a call of no tool was sent to a target".to_owned()));
        };
        let Some(operation) = self.operations.get(&*plan.name) else {
            let message =
                format!("`{}` has no tool `{}`; ask for its list", plan.target, plan.name);
            return Ok(error(&message));
        };
        let arguments = match Arguments::of(permitted.call()) {
            Ok(arguments) => arguments.into_members(),
            Err(text) => return Ok(wrong(&text)),
        };
        match request::write(operation, &self.prefix, &arguments) {
            Ok(written) => self.sent(written, outbound).await,
            Err(text) => Ok(wrong(&text)),
        }
    }

    async fn sent(&self, written: Written, outbound: &Outbound) -> Result<Answer, Failure> {
        let Written { method, target, headers: own, body } = written;
        let url: Uri = format!("{}{target}", self.origin)
            .parse()
            .map_err(|_| Failure::Internal("a request to no URL was written".to_owned()))?;
        // The document's own headers first: what the gateway says stands.
        let mut headers = own;
        headers.extend(self.base.iter().map(|(name, value)| (name.clone(), value.clone())));
        add_context(&mut headers, outbound);
        let outgoing = Outgoing { headers, body, whose: whose(outbound) };
        let bounds = Bounds { bytes: self.config.max_response, idle: self.config.idle_timeout };
        let whole = self.site.ask((method, &url), outgoing, &outbound.ledger, bounds).await?;
        let text = |name| whole.headers.get(name).and_then(|value| value.to_str().ok());
        let wait = text(header::RETRY_AFTER).and_then(|text| text.trim().parse().ok());
        let answered = Answered {
            status: whole.status.as_u16(),
            kind: text(header::CONTENT_TYPE).unwrap_or_default(),
            wait: wait.map(Duration::from_secs),
            body: &whole.body,
        };
        match told(answered) {
            Told::Result(result, is_error) => Ok(Answer::Result { raw: raw(&result), is_error }),
            Told::Failed(status, wait) => Err(Failure::Status(status, wait)),
            Told::Garbled(why) => Err(Failure::Unreadable(why)),
        }
    }
}

/// `scheme://host:port`, and the path without a slash at its end.
fn split(url: &Uri) -> (String, String) {
    let scheme = url.scheme_str().unwrap_or("http");
    let host = url.authority().map_or("", |authority| authority.as_str());
    // Credentials in a URL are refused by the configuration; they are not sent in any case.
    let host = host.rsplit('@').next().unwrap_or(host);
    (format!("{scheme}://{host}"), url.path().trim_end_matches('/').to_owned())
}

impl Api {
    /// Reads a document as it stands in a file, in JSON or YAML.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Value, DocumentError> {
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(text).map_err(|error| DocumentError(error.to_string()));
        }
        serde_saphyr::from_str(text).map_err(|error| {
            let said = error.to_string();
            DocumentError(said.lines().next().unwrap_or_default().to_owned())
        })
    }
}
