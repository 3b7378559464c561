//! What is known of a model that was asked.

use std::sync::Arc;
use std::time::Duration;

use toolgate_agent_model::{
    Ask, Fault, Heard, Message, Model, ModelError, Provider, Thinking, Thought,
};

use super::Asked;

/// A model that minds no time, until it has an answer.
#[derive(Debug)]
struct Slow(Duration);

struct Nobody;

impl Model for Slow {
    fn provider(&self) -> Provider {
        Provider::Scripted
    }

    fn think<'a>(&'a self, _: &'a Ask<'a>, _: &'a mut dyn Heard) -> Thinking<'a> {
        Box::pin(async move {
            tokio::time::timeout(self.0, std::future::pending::<()>()).await.unwrap_err();
            Ok(Thought::default())
        })
    }
}

impl Heard for Nobody {
    fn text(&mut self, _: &str) {}
    fn tool(&mut self, _: &str) {}
}

async fn asked(model: &Asked) -> Result<Thought, ModelError> {
    let ask = Ask {
        model: "m",
        system: "",
        messages: &[Message::User("hi".to_owned())],
        tools: &[],
        must_answer: false,
        temperature: 0.3,
        max_tokens: 10,
        patience: Duration::from_secs(60),
        traceparent: None,
    };
    model.think(&ask, &mut Nobody).await
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_not_waited_for_any_longer_is_known_to_have_failed() {
    let model: Arc<dyn Model> = Arc::new(Slow(Duration::from_secs(61)));
    let model = Asked::new(&model);
    assert_eq!(asked(&model).await.unwrap_err().fault, Fault::TimedOut);
    assert_eq!(model.wrong().unwrap().as_str(), "the model took longer than 60s");
    let model: Arc<dyn Model> = Arc::new(Slow(Duration::from_secs(59)));
    let model = Asked::new(&model);
    asked(&model).await.unwrap();
    assert_eq!(model.wrong(), None);
}
