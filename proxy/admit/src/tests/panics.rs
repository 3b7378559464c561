//! A fault of ours is told as one.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use toolgate_call::trace::Claims;
use toolgate_call::{Lifecycle, Reason};
use toolgate_telemetry::Telemetry;
use tower::{Layer, ServiceExt as _, service_fn};

use crate::exchange::Exchange;
use crate::{Body, RecordLayer};

async fn answered<F, R>(handler: F) -> (Response<Body>, Arc<Telemetry>)
where
    F: FnMut(Request<()>) -> R + Clone,
    R: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let telemetry = Telemetry::for_tests();
    let layer = RecordLayer { telemetry: Arc::clone(&telemetry), lifecycle: Arc::default() };
    let response = layer.layer(service_fn(handler)).oneshot(Request::new(())).await.unwrap();
    (response, telemetry)
}

async fn told(response: Response<Body>, telemetry: &Telemetry) {
    assert_eq!(response.status(), 500);
    assert!(response.headers().contains_key("x-request-id"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["error"]["data"]["reason"], "internal");
    assert!(!body.to_string().contains("secret"), "{body}");
    let page = telemetry.render();
    let counted = |line: &&str| line.contains("error_type=\"internal\"") && line.contains("_count");
    assert!(page.lines().any(|line| counted(&line)), "{page}");
}

#[tokio::test]
async fn a_panic_is_answered_500_and_recorded_as_internal() {
    let later = |_: Request<()>| async { panic!("a secret") };
    let (response, telemetry) = answered(later).await;
    told(response, &telemetry).await;

    let at_once = |_: Request<()>| -> std::future::Ready<Result<Response<Body>, Infallible>> {
        panic!("a secret")
    };
    let (response, telemetry) = answered(at_once).await;
    told(response, &telemetry).await;

    let (response, _) = answered(|_| ready(Ok(Response::new(Body::whole("fine"))))).await;
    assert_eq!(response.status(), 200);
}

#[test]
fn an_exchange_that_is_dropped_by_a_panic_was_not_left_by_its_caller() {
    let exchange = Exchange::new(
        Arc::from("r"),
        None,
        (Claims::default(), None),
        Arc::new(Lifecycle::default()),
    );
    assert_eq!(exchange.unsaid().outcome.reason, Some(Reason::ClientCancelled));
    struct Dropped(Arc<Exchange>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.end(self.0.unsaid());
        }
    }
    let exchange = Arc::new(exchange);
    let held = Dropped(Arc::clone(&exchange));
    let panicked = std::thread::spawn(move || {
        let _held = held;
        panic!("a fault");
    });
    assert!(panicked.join().is_err());
    let ending = exchange.ending.get().unwrap();
    assert_eq!((ending.outcome.reason, ending.status), (Some(Reason::Internal), 500));
}
