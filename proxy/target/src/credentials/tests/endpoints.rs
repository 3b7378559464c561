//! What is posted to a token endpoint, and what its answers come to.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, Method, Uri};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use toolgate_call::{Principal, Secret, SubjectToken};
use toolgate_fetch::{Fetcher, Ground};
use toolgate_telemetry::Telemetry;

use crate::credentials::{
    Boxed, ClientAuth, ClientCredentials, Denied, Endpoint, EndpointConfig, Kept, Place, Show,
    Shown, Subject, TokenExchange, Unsigned, Vault, Whose,
};

/// A secret that has changed since it was read.
#[derive(Debug, Default)]
struct Rotated(AtomicU64);

impl Vault for Rotated {
    fn current(&self) -> Kept {
        let version = self.0.load(SeqCst);
        Kept { secret: Arc::new(Secret::new(format!("canary secret:{version}"))), version }
    }

    fn look_again(&self) -> Boxed<'_, ()> {
        self.0.store(1, SeqCst);
        Box::pin(std::future::ready(()))
    }
}

/// A server that answers as it is told, each request on a connection of its own.
struct Server {
    url: Uri,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: Vec<(u16, String)>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), answers)
    }

    fn on(listener: TcpListener, answers: Vec<(u16, String)>) -> Self {
        let url = format!("http://{}/token", listener.local_addr().unwrap()).parse().unwrap();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let notes = Arc::clone(&heard);
        tokio::spawn(async move {
            let mut answers = answers.into_iter().cycle();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !whole(&request) {
                    assert!(stream.read_buf(&mut request).await.unwrap() > 0);
                }
                notes.lock().unwrap().push(String::from_utf8(request).unwrap());
                let (status, body) = answers.next().unwrap();
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        });
        Self { url, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    fn endpoint(&self, auth: ClientAuth) -> Endpoint {
        self.endpoint_at(auth, Place::Url(self.url.clone()))
    }

    fn endpoint_at(&self, auth: ClientAuth, place: Place) -> Endpoint {
        let config = EndpointConfig {
            place,
            client_id: "gate:way".to_owned(),
            client_secret: Arc::new(Rotated::default()),
            auth,
            scopes: vec!["gateway/invoke".to_owned(), "more".to_owned()],
            audience: Some("https://t.example".to_owned()),
            resource: None,
        };
        let fetcher = Arc::new(Fetcher::new(Ground::default()));
        Endpoint::new(config, fetcher, Telemetry::for_tests().target("t"))
    }
}

fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn token(text: &str, life: &str) -> (u16, String) {
    (200, format!(r#"{{"access_token":"{text}","token_type":"bearer","expires_in":{life}}}"#))
}

async fn show(credentials: &dyn Show, whose: &Whose) -> Result<Shown, Denied> {
    let url = Uri::from_static("http://t.example/mcp");
    let (method, headers, body) = (&Method::POST, &HeaderMap::new(), &b""[..]);
    credentials.show(Unsigned { method, url: &url, headers, body, whose }).await
}

fn text(shown: &Shown) -> &str {
    let [(name, value)] = shown.headers.as_slice() else { panic!("{shown:?}") };
    assert!(name == "authorization" && value.is_sensitive());
    value.to_str().unwrap()
}

fn alice() -> Arc<Principal> {
    Arc::new(Principal { subject: Arc::from("alice"), ..Principal::anonymous() })
}

fn caller_without() -> Whose {
    Whose::Caller(alice(), None)
}

fn caller(token: &str, left: u64) -> Whose {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let token = SubjectToken::new(token.to_owned());
    Whose::Caller(alice(), Some(Subject { token, ends: Some(now + left) }))
}

#[tokio::test]
async fn a_client_shows_itself_in_the_header_or_in_the_form() {
    let server = Server::start(vec![token("abc", "3600")]).await;
    for auth in [ClientAuth::Basic, ClientAuth::Post] {
        let client = ClientCredentials::new(server.endpoint(auth));
        assert_eq!(text(&show(&client, &Whose::Gateway).await.unwrap()), "Bearer abc");
        show(&client, &caller_without()).await.unwrap();
    }
    let heard = server.heard();
    let [basic, post] = heard.as_slice() else { panic!("{heard:?}") };
    let form = "grant_type=client_credentials&scope=gateway%2Finvoke+more&audience=https%3A%2F%2Ft.example";
    assert!(basic.ends_with(&format!("\r\n\r\n{form}")), "{basic}");
    // `gate%3Away:canary+secret%3A0`
    assert!(
        basic.contains("authorization: Basic Z2F0ZSUzQXdheTpjYW5hcnkrc2VjcmV0JTNBMA=="),
        "{basic}"
    );
    assert!(
        post.ends_with(&format!("{form}&client_id=gate%3Away&client_secret=canary+secret%3A0"))
    );
    assert!(!post.contains("authorization"));
}

#[tokio::test]
async fn a_client_whose_secret_has_changed_tries_the_new_one() {
    let refused = (401, r#"{"error":"invalid_client","error_description":"canary"}"#.to_owned());
    let server = Server::start(vec![refused, token("abc", "\"60\"")]).await;
    let client = ClientCredentials::new(server.endpoint(ClientAuth::Post));
    show(&client, &Whose::Gateway).await.unwrap();
    assert!(server.heard()[1].ends_with("canary+secret%3A1"));
}

#[tokio::test]
async fn what_is_not_a_token_is_told_without_a_word_of_it() {
    let canary = "canary4711";
    let answers = [
        (200, format!("<html>{canary}")),
        (200, format!(r#"{{"access_token":"{canary}","token_type":"mac"}}"#)),
        (200, format!(r#"{{"access_token":"{canary}\n","token_type":"Bearer"}}"#)),
        (200, r#"{"access_token":"","token_type":"Bearer"}"#.to_owned()),
        token(canary, "0"),
        token(canary, "\"soon\""),
        (400, format!(r#"{{"error":"invalid_scope","error_description":"{canary}"}}"#)),
        (302, canary.to_owned()),
        (500, canary.to_owned()),
    ];
    for answer in answers {
        let server = Server::start(vec![answer.clone()]).await;
        let client = ClientCredentials::new(server.endpoint(ClientAuth::Basic));
        let denied = show(&client, &Whose::Gateway).await.unwrap_err();
        let Denied::Unavailable { why, again } = denied else { panic!("{denied:?}") };
        assert!(!why.contains("canary") && why.contains("/token"), "{answer:?}: {why}");
        assert_eq!(again.is_none(), answer.0 == 400, "{answer:?}");
        assert_eq!(why.contains("invalid_scope"), answer.0 == 400, "{why}");
    }
}

#[tokio::test]
async fn a_callers_token_is_exchanged_once_and_only_for_that_caller() {
    let server =
        Server::start(vec![token("one", "3600"), token("two", "3600"), token("own", "60")]).await;
    let exchange = TokenExchange::new(server.endpoint(ClientAuth::Basic));
    let (one, two) = (caller("token-of-one", 600), caller("token-of-two", 600));
    for _ in 0..2 {
        assert_eq!(text(&show(&exchange, &one).await.unwrap()), "Bearer one");
        assert_eq!(text(&show(&exchange, &two).await.unwrap()), "Bearer two");
        assert_eq!(text(&show(&exchange, &Whose::Gateway).await.unwrap()), "Bearer own");
    }
    assert_eq!(show(&exchange, &caller_without()).await.unwrap_err(), Denied::NoSubject);
    let heard = server.heard();
    let [first, _, own] = heard.as_slice() else { panic!("{} requests", heard.len()) };
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=token-of-one&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token";
    assert!(first.contains(grant), "{first}");
    assert!(own.contains("grant_type=client_credentials") && !own.contains("token-of"), "{own}");
    assert!(!format!("{exchange:?} {one:?}").contains("token-of-one"));
}

#[tokio::test]
async fn what_was_exchanged_ends_with_the_callers_own_token() {
    let server = Server::start(vec![token("a", "3600"), token("b", "3600")]).await;
    let exchange = TokenExchange::new(server.endpoint(ClientAuth::Basic));
    let ended = caller("token", 0);
    assert_eq!(text(&show(&exchange, &ended).await.unwrap()), "Bearer a");
    assert_eq!(text(&show(&exchange, &ended).await.unwrap()), "Bearer b");
}

#[tokio::test]
async fn metadata_leads_to_the_endpoint_unless_it_is_of_another_issuer() {
    for is_ours in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        let named = if is_ours { own.clone() } else { "http://other.example".to_owned() };
        let document = serde_json::json!({ "issuer": named, "token_endpoint": format!("{own}/t") });
        let server = Server::on(listener, vec![(200, document.to_string()), token("a", "3600")]);
        let client = server.endpoint_at(ClientAuth::Basic, Place::Issuer(own));
        let shown = show(&ClientCredentials::new(client), &Whose::Gateway).await;
        assert_eq!(shown.is_ok(), is_ours, "{shown:?}");
        let heard = server.heard();
        assert!(heard[0].starts_with("GET /.well-known/oauth-authorization-server "), "{heard:?}");
        assert_eq!(heard.len(), if is_ours { 2 } else { 1 });
    }
}
