//! Models of Amazon Bedrock, by Converse and ConverseStream.
//!
//! In: an ask. Out: text as it comes, and the whole reply. Never: a second try once something
//! was heard; a reply without a bound; a prompt or a reply in an error.

mod attempts;
mod document;
mod failure;
mod reply;
mod request;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_bedrockruntime::operation::RequestId as _;
use aws_sdk_bedrockruntime::types;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError as StreamError;
use aws_smithy_types::event_stream::RawMessage;
use tokio::time::timeout;
use toolgate_agent_model::{Ask, Fault, Heard, Model, ModelError, Provider, Thinking, Thought};

use crate::cloud::Cloud;
use crate::trouble::Trouble;
use attempts::Attempts;
use failure::{About, failure, garbled};
use reply::Reply;
use request::{Asked, Specs};

/// Models of Bedrock.
#[derive(Debug)]
pub struct Bedrock {
    client: Client,
    region: String,
    options: BTreeMap<String, ModelOptions>,
    specs: Specs,
}

/// What a model can do that not every one can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelOptions {
    /// It is asked by ConverseStream: text is there as it is written. Without, by Converse.
    pub streaming: bool,
    /// Instructions and tools are marked for the cache of prompts.
    pub caching: bool,
}

// === impl ModelOptions ===

impl Default for ModelOptions {
    fn default() -> Self {
        Self { streaming: true, caching: false }
    }
}

// === impl Bedrock ===

impl Bedrock {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(cloud: &Cloud) -> Self {
        Self {
            client: cloud.bedrock(),
            region: cloud.region().to_owned(),
            options: BTreeMap::new(),
            specs: Specs::default(),
        }
    }

    /// Says what a model can do; the others stream and do not cache.
    #[must_use]
    pub fn with(mut self, model: impl Into<String>, options: ModelOptions) -> Self {
        self.options.insert(model.into(), options);
        self
    }

    async fn ask(
        &self,
        ask: &Ask<'_>,
        attempts: &Attempts,
        heard: &mut dyn Heard,
    ) -> Result<Thought, ModelError> {
        let options = self.options.get(ask.model).copied().unwrap_or_default();
        let streaming = options.streaming;
        let about = About { model: ask.model, region: &self.region, streaming };
        let asked = request::asked(ask, options.caching, &self.specs);
        let asked = asked.map_err(|_| garbled("the conversation cannot be put into a request"))?;
        if options.streaming {
            self.streamed(asked, about, attempts, heard).await
        } else {
            self.whole(asked, about, attempts, heard).await
        }
    }

    async fn streamed(
        &self,
        asked: Asked,
        about: About<'_>,
        attempts: &Attempts,
        heard: &mut dyn Heard,
    ) -> Result<Thought, ModelError> {
        let request = self
            .client
            .converse_stream()
            .model_id(about.model)
            .set_system(asked.system)
            .set_messages(Some(asked.messages))
            .set_tool_config(asked.tools)
            .inference_config(asked.inference);
        let request = request.customize().interceptor(attempts.clone());
        let sent = Box::pin(request.send()).await;
        let mut answer = sent.map_err(|error| failure(&Trouble::of(&error), about))?;
        let id = answer.request_id().map(str::to_owned);
        let mut reply = Reply::default();
        loop {
            match Box::pin(answer.stream.recv()).await {
                Ok(Some(event)) => reply.take(event, heard),
                Ok(None) => break,
                // The reply is whole; only what it cost stays unknown.
                Err(_) if reply.has_ended() => break,
                Err(error) => Err(failure(&in_the_middle(&error), about)),
            }
            .map_err(|error| with_id(error, id.as_deref()))?;
        }
        reply.end().map_err(|error| with_id(error, id.as_deref()))
    }

    async fn whole(
        &self,
        asked: Asked,
        about: About<'_>,
        attempts: &Attempts,
        heard: &mut dyn Heard,
    ) -> Result<Thought, ModelError> {
        let request = self
            .client
            .converse()
            .model_id(about.model)
            .set_system(asked.system)
            .set_messages(Some(asked.messages))
            .set_tool_config(asked.tools)
            .inference_config(asked.inference);
        let request = request.customize().interceptor(attempts.clone());
        let sent = Box::pin(request.send()).await;
        let answer = sent.map_err(|error| failure(&Trouble::of(&error), about))?;
        let id = answer.request_id().map(str::to_owned);
        let Some(types::ConverseOutput::Message(message)) = answer.output else {
            let nothing = garbled("the answer of Bedrock holds no message");
            return Err(with_id(nothing, id.as_deref()));
        };
        Ok(reply::whole(message, &answer.stop_reason, answer.usage.as_ref(), heard))
    }
}

impl Model for Bedrock {
    fn provider(&self) -> Provider {
        Provider::Bedrock
    }

    fn think<'a>(&'a self, ask: &'a Ask<'a>, heard: &'a mut dyn Heard) -> Thinking<'a> {
        Box::pin(async move {
            let attempts = Attempts::default();
            let asked = timeout(ask.patience, self.ask(ask, &attempts, &mut *heard)).await;
            attempts.repeated().into_iter().for_each(|why| heard.again(why));
            asked.unwrap_or_else(|_| {
                let message = format!("Bedrock did not end its reply within {:?}", ask.patience);
                Err(ModelError::new(Fault::TimedOut, message))
            })
        })
    }
}

/// What went wrong in a stream. The SDK names its exceptions by their types alone.
fn in_the_middle(error: &SdkError<StreamError, RawMessage>) -> Trouble {
    let Some(exception) = error.as_service_error() else { return Trouble::of(error) };
    #[expect(clippy::wildcard_enum_match_arm, reason = "Bedrock may grow further words")]
    let code = match exception {
        StreamError::InternalServerException(_) => "InternalServerException",
        StreamError::ModelStreamErrorException(_) => "ModelStreamErrorException",
        StreamError::ValidationException(_) => "ValidationException",
        StreamError::ThrottlingException(_) => "ThrottlingException",
        StreamError::ServiceUnavailableException(_) => "ServiceUnavailableException",
        // Words that Bedrock may grow.
        _ => return Trouble::of(error),
    };
    Trouble::named(code, exception.message().unwrap_or_default())
}

/// The id of the request, unless the error has one of its own.
fn with_id(mut error: ModelError, id: Option<&str>) -> ModelError {
    error.request_id = error.request_id.or_else(|| id.map(str::to_owned));
    error
}
