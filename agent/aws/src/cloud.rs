//! How AWS is reached.
//!
//! In: region, profile and endpoints as configured. Out: what every client of the SDK is made
//! of. Never: a credential of the configuration; a second TLS stack; a request before a client asks.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take to begin.
const READ: Duration = Duration::from_secs(10);
/// How often a request is sent at most.
const ATTEMPTS: u32 = 3;
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Where AWS is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The region; `None` takes what the environment, the profile or the machine says.
    pub region: Option<String>,
    /// The URL that every service is asked at, for emulators; `None` is AWS, or what
    /// `AWS_ENDPOINT_URL` says.
    pub endpoint: Option<String>,
    /// The URLs of single services. They go before `endpoint`.
    pub endpoints: BTreeMap<Service, String>,
    /// The profile of the shared configuration; `None` is the default one.
    pub profile: Option<String>,
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How long an answer may take to begin. A model's reply has a time of its own.
    pub read: Duration,
    /// How often a request is sent at most, the first time included. Repeated is what was
    /// throttled, what failed on the service's side, and what never arrived.
    pub attempts: u32,
}

/// The services that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Models.
    BedrockRuntime,
    /// Memories, what is in them.
    AgentCore,
    /// Memories, as resources.
    AgentCoreControl,
    /// Parameters.
    Ssm,
}

/// AWS, ready to be asked. Nothing has been sent yet.
#[derive(Clone, Debug)]
pub struct Cloud {
    sdk: SdkConfig,
    place: Place,
}

/// Why AWS cannot be reached at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCloud {
    /// Nothing says which region it is.
    #[error("no AWS region is known; write `aws: {{ region: us-east-1 }}` or set AWS_REGION")]
    NoRegion,
    /// An endpoint that no request can go to.
    #[error("the endpoint of {0} is no URL; write one that begins with https:// or http://")]
    BadEndpoint(&'static str),
}

// === impl Place ===

impl Default for Place {
    fn default() -> Self {
        Self {
            region: None,
            endpoint: None,
            endpoints: BTreeMap::new(),
            profile: None,
            connect: CONNECT,
            read: READ,
            attempts: ATTEMPTS,
        }
    }
}

impl Place {
    fn check(&self) -> Result<(), NoCloud> {
        let one = self.endpoint.iter().map(|url| ("every service", url));
        let each = self.endpoints.iter().map(|(service, url)| (service.as_str(), url));
        match one.chain(each).find(|(_, url)| !is_url(url)) {
            Some((of, _)) => Err(NoCloud::BadEndpoint(of)),
            None => Ok(()),
        }
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    // No credentials in a URL: it is logged.
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.contains(|odd: char| odd.is_whitespace() || odd == '@')
    })
}

// === impl Service ===

impl Service {
    /// Its name, as AWS writes it in policies and endpoints.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BedrockRuntime => "bedrock-runtime",
            Self::AgentCore => "bedrock-agentcore",
            Self::AgentCoreControl => "bedrock-agentcore-control",
            Self::Ssm => "ssm",
        }
    }
}

// === impl Cloud ===

impl Cloud {
    /// Finds out where AWS is. Credentials are looked for with the first request.
    ///
    /// # Errors
    /// No region is configured and none is found, or an endpoint is no URL.
    pub async fn load(place: &Place) -> Result<Self, NoCloud> {
        place.check()?;
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(https)
            .retry_config(retries(place))
            .timeout_config(times(place));
        if let Some(region) = &place.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &place.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(profile) = &place.profile {
            loader = loader.profile_name(profile);
        }
        let sdk = Box::pin(loader.load()).await;
        if sdk.region().is_none() {
            return Err(NoCloud::NoRegion);
        }
        Ok(Self { sdk, place: place.clone() })
    }

    /// AWS as a test has made it.
    #[cfg(test)]
    pub(crate) const fn from_sdk(sdk: SdkConfig, place: Place) -> Self {
        Self { sdk, place }
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        self.sdk.region().map_or("", Region::as_ref)
    }

    /// The client of Bedrock. How long a reply may take is said with each request; a model may
    /// think between two words, so a stream that stands still is not cut.
    pub(crate) fn bedrock(&self) -> aws_sdk_bedrockruntime::Client {
        let time = TimeoutConfig::builder().connect_timeout(self.place.connect).build();
        let mut config = aws_sdk_bedrockruntime::config::Builder::from(&self.sdk)
            .timeout_config(time)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(own) = self.endpoint(Service::BedrockRuntime) {
            config.set_endpoint_url(Some(own));
        }
        aws_sdk_bedrockruntime::Client::from_conf(config.build())
    }

    pub(crate) fn agentcore(&self) -> aws_sdk_bedrockagentcore::Client {
        let mut config = aws_sdk_bedrockagentcore::config::Builder::from(&self.sdk);
        if let Some(own) = self.endpoint(Service::AgentCore) {
            config.set_endpoint_url(Some(own));
        }
        aws_sdk_bedrockagentcore::Client::from_conf(config.build())
    }

    pub(crate) fn agentcore_control(&self) -> aws_sdk_bedrockagentcorecontrol::Client {
        let mut config = aws_sdk_bedrockagentcorecontrol::config::Builder::from(&self.sdk);
        if let Some(own) = self.endpoint(Service::AgentCoreControl) {
            config.set_endpoint_url(Some(own));
        }
        aws_sdk_bedrockagentcorecontrol::Client::from_conf(config.build())
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        let mut config = aws_sdk_ssm::config::Builder::from(&self.sdk);
        if let Some(own) = self.endpoint(Service::Ssm) {
            config.set_endpoint_url(Some(own));
        }
        aws_sdk_ssm::Client::from_conf(config.build())
    }

    /// What is configured for a service, and nothing of the environment. Where it is nothing, none may
    /// be set: that would take away what the SDK has read from `AWS_ENDPOINT_URL` and its kin.
    fn endpoint(&self, service: Service) -> Option<String> {
        let own = self.place.endpoints.get(&service).or(self.place.endpoint.as_ref());
        own.cloned()
    }
}

/// Adaptive: what is throttled makes the client slower, not only the request.
pub(crate) fn retries(place: &Place) -> RetryConfig {
    match place.attempts {
        0 | 1 => RetryConfig::disabled(),
        attempts => {
            RetryConfig::adaptive().with_max_attempts(attempts).with_max_backoff(LONGEST_PAUSE)
        }
    }
}

pub(crate) fn times(place: &Place) -> TimeoutConfig {
    let attempts = place.attempts.max(1);
    TimeoutConfig::builder()
        .connect_timeout(place.connect)
        .read_timeout(place.read)
        .operation_timeout((place.read + LONGEST_PAUSE) * attempts)
        .build()
}

#[cfg(test)]
mod tests {
    //! Where AWS is said to be.

    use super::{Cloud, NoCloud, Place, Service};

    fn at(url: &str) -> Place {
        Place {
            region: Some("eu-west-1".to_owned()),
            endpoint: Some(url.to_owned()),
            ..Place::default()
        }
    }

    #[tokio::test]
    async fn an_endpoint_is_a_url_without_credentials() {
        for odd in
            ["", "localhost:4566", "ftp://x", "http://", "http://user:pass@host", "http://a b"]
        {
            let said = Cloud::load(&at(odd)).await.unwrap_err();
            assert_eq!(said, NoCloud::BadEndpoint("every service"), "{odd}");
            assert!(!said.to_string().contains("pass"), "{said}");
        }
    }

    #[tokio::test]
    async fn a_service_may_have_an_endpoint_of_its_own() {
        let mut place = at("http://127.0.0.1:4566");
        place.endpoints.insert(Service::Ssm, "http://127.0.0.1:4567".to_owned());
        let cloud = Cloud::load(&place).await.unwrap();
        assert_eq!(cloud.region(), "eu-west-1");
        assert_eq!(cloud.endpoint(Service::Ssm).unwrap(), "http://127.0.0.1:4567");
        assert_eq!(cloud.endpoint(Service::AgentCore).unwrap(), "http://127.0.0.1:4566");
        place.endpoints.insert(Service::AgentCore, "nowhere".to_owned());
        let said = Cloud::load(&place).await.unwrap_err();
        assert_eq!(said, NoCloud::BadEndpoint("bedrock-agentcore"));
    }
}
