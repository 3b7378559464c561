//! Whose hands are shaken, and what is known of them then.

use std::sync::Arc;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, DnValue, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use toolgate_call::ClientCertificate;
use toolgate_telemetry::{Telemetry, TlsEnd};

use super::{
    BadTls, Caller, ClientAuth, Material, MinVersion, Tls, TlsFile, TlsRules, TlsText,
    read_certificate,
};
use crate::drain;
use crate::listener::Greeting;

/// A certificate and its key.
struct Pair {
    pem: String,
    key: String,
}

/// Someone who signs certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        Self::until(2100)
    }

    fn until(year: i32) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        // Two of them do not have one name.
        let name = format!("{:?}", &key.public_key_raw()[1..9]);
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn signs(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::new(vec!["gw.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2090, 1, 1);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { pem, key: key.serialize_pem() }
    }
}

fn material(own: &Pair, authority: Option<&str>, rules: TlsRules) -> Result<Material, BadTls> {
    let text = TlsText { certificate: &own.pem, key: &own.key, client_ca: authority };
    Material::read(text, rules, SystemTime::now())
}

fn asking(client: ClientAuth) -> TlsRules {
    TlsRules { client, ..TlsRules::default() }
}

fn nothing(_: &mut CertificateParams) {}

#[test]
fn files_that_do_not_fit_are_told_apart() {
    let house = Authority::new();
    let (good, other) = (house.signs(nothing), house.signs(nothing));
    let ended = house.signs(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = house.signs(|params| params.not_before = date_time_ymd(2080, 1, 1));
    let gone = Authority::until(2020);
    let with = |pem: &str, key: &str, ca: Option<&str>| {
        let pair = Pair { pem: pem.to_owned(), key: key.to_owned() };
        let bad = material(&pair, ca, asking(ClientAuth::Required)).unwrap_err();
        assert!(!bad.help.is_empty() && !bad.problem.contains("PRIVATE"), "{bad:?}");
        (bad.file, bad.problem)
    };
    for (bad, file, says) in [
        (with(&good.pem, &other.key, None), TlsFile::Key, "does not fit the certificate"),
        (with(&good.pem, &good.pem, None), TlsFile::Key, "holds no private key"),
        (with(&ended.pem, &ended.key, None), TlsFile::Certificate, "ended on 2020-01-01"),
        (with(&early.pem, &early.key, None), TlsFile::Certificate, "begins on 2080-01-01"),
        (with("", &good.key, None), TlsFile::Certificate, "holds no certificate"),
        (with(&good.key, &good.key, None), TlsFile::Certificate, "holds no certificate"),
        (with(&good.pem, &good.key, Some("")), TlsFile::ClientCa, "holds no certificate"),
        (with(&good.pem, &good.key, Some(&gone.pem)), TlsFile::ClientCa, "ended on 2020-01-01"),
    ] {
        assert!(bad.0 == file && bad.1.contains(says), "{bad:?} is not {file:?} {says}");
    }
    let both = [house.pem.as_str(), Authority::until(2095).pem.as_str()].concat();
    let read = material(&good, Some(&both), asking(ClientAuth::Optional)).unwrap();
    assert_eq!(read.expires, 3_786_912_000, "2090-01-01");
    assert_eq!(read.authorities_expire, Some(3_944_678_400), "2095-01-01, the first");
    assert!(!format!("{read:?}").contains("BEGIN"));
}

#[test]
fn names_are_read_out_of_a_certificate_and_of_two_common_names_none() {
    let uri = "spiffe://example.com/ns/ci/sa/deployer";
    let pair = Authority::new().signs(|params| {
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        params.distinguished_name.push(DnType::CommonName, "deployer");
    });
    let der = CertificateDer::from_pem_slice(pair.pem.as_bytes()).unwrap();
    let said = read_certificate(&der).unwrap();
    assert_eq!((&*said.uris, &*said.dns), (&[uri.into()][..], &["gw.example".into()][..]));
    assert_eq!(said.common_name.as_deref(), Some("deployer"));
    assert_eq!((said.fingerprint.len(), said.expires), (16, 3_786_912_000));
    assert!(read_certificate(&der[..40]).is_err());
    let printable = DnValue::PrintableString("old".try_into().unwrap());
    let old = Authority::new().signs(|params| {
        params.distinguished_name.push(DnType::CommonName, printable);
    });
    let der = CertificateDer::from_pem_slice(old.pem.as_bytes()).unwrap();
    assert_eq!(read_certificate(&der).unwrap().common_name.as_deref(), Some("old"));
    let twice = Authority::new().signs(|params| {
        params.distinguished_name.push(DnType::CommonName, "one");
        let also = DnType::CustomDnType(vec![2, 5, 4, 3]);
        params.distinguished_name.push(also, "two");
    });
    let der = CertificateDer::from_pem_slice(twice.pem.as_bytes()).unwrap();
    assert_eq!(read_certificate(&der).unwrap().common_name, None);
}

/// A caller that trusts that authority, and shows that certificate.
fn client(trusts: &Authority, shows: Option<&Pair>, version: MinVersion) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusts.pem.as_bytes()).unwrap()).unwrap();
    let version = match version {
        MinVersion::Tls12 => &rustls::version::TLS12,
        MinVersion::Tls13 => &rustls::version::TLS13,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shows {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let chain = CertificateDer::from_pem_slice(pair.pem.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (caller, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    (caller.unwrap(), accepted.unwrap().0)
}

/// What a handshake with that caller comes to.
async fn shaken(tls: &Tls, connector: &TlsConnector) -> Result<Option<Caller>, TlsEnd> {
    let (caller, socket) = sockets().await;
    let name = ServerName::try_from("gw.example").unwrap();
    let calling = async {
        if let Ok(mut stream) = connector.connect(name, caller).await {
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            // In TLS 1.3 a caller hears only now what was thought of its certificate.
            let _heard = stream.read(&mut [0]).await;
        }
    };
    let shaking = async { tls.shake(socket).await.map(|(_, caller)| caller) };
    tokio::join!(shaking, calling).0
}

#[tokio::test]
async fn a_caller_is_who_its_certificate_says_or_is_not_let_in() {
    let (house, stranger) = (Authority::new(), Authority::new());
    let own = house.signs(nothing);
    let ci = house.signs(|params| params.distinguished_name.push(DnType::CommonName, "ci"));
    let ended = house.signs(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let forged = stranger.signs(nothing);
    for version in [MinVersion::Tls12, MinVersion::Tls13] {
        for asked in [ClientAuth::Required, ClientAuth::Optional] {
            let tls = material(&own, Some(&house.pem), asking(asked)).unwrap();
            let tls = Tls::new(Arc::new(tls));
            let with = async |pair| shaken(&tls, &client(&house, pair, version)).await;
            let known = with(Some(&ci)).await.unwrap().unwrap().shown();
            let ClientCertificate::Verified(said) = known else { panic!("{known:?}") };
            assert_eq!(said.common_name.as_deref(), Some("ci"));
            assert_eq!(with(Some(&ended)).await.err(), Some(TlsEnd::CertificateExpired));
            assert_eq!(with(Some(&forged)).await.err(), Some(TlsEnd::CertificateUnknown));
            let without = with(None).await;
            match asked {
                ClientAuth::Optional => assert!(without.unwrap().is_none()),
                ClientAuth::Required | ClientAuth::None => {
                    assert_eq!(without.err(), Some(TlsEnd::CertificateMissing));
                }
            }
            let suspicious = shaken(&tls, &client(&stranger, Some(&ci), version)).await;
            assert_eq!(suspicious.err(), Some(TlsEnd::RefusedByCaller));
        }
        // Who is not asked shows nothing.
        let tls = Tls::new(Arc::new(material(&own, None, TlsRules::default()).unwrap()));
        assert!(shaken(&tls, &client(&house, Some(&ci), version)).await.unwrap().is_none());
    }
    let strict = TlsRules { min_version: MinVersion::Tls13, client: ClientAuth::None };
    let tls = Tls::new(Arc::new(material(&own, None, strict).unwrap()));
    let old = shaken(&tls, &client(&house, None, MinVersion::Tls12)).await;
    assert_eq!(old.err(), Some(TlsEnd::Unsupported));
    assert!(shaken(&tls, &client(&house, None, MinVersion::Tls13)).await.is_ok());
}

#[tokio::test]
async fn an_open_connection_is_as_good_as_its_certificate_is_now() {
    let (house, next) = (Authority::new(), Authority::new());
    let (own, ci) = (house.signs(nothing), house.signs(nothing));
    let read = |own: &Pair, ca: &str| {
        Arc::new(material(own, Some(ca), asking(ClientAuth::Required)).unwrap())
    };
    let tls = Tls::new(read(&own, &house.pem));
    let connector = client(&house, Some(&ci), MinVersion::Tls13);
    let caller = shaken(&tls, &connector).await.unwrap().unwrap();
    let is_good = || matches!(caller.shown(), ClientCertificate::Verified(_));
    assert!(is_good());
    tls.take(read(&house.signs(nothing), &[house.pem.as_str(), &next.pem].concat()));
    assert!(is_good(), "its authority is among the new ones");
    tls.take(read(&own, &next.pem));
    assert!(!is_good(), "nobody vouches for it any more");
    assert_eq!(shaken(&tls, &connector).await.err(), Some(TlsEnd::CertificateUnknown));
    tls.take(read(&own, &house.pem));
    assert!(is_good());
}

#[tokio::test]
async fn what_is_no_tls_is_not_answered_with_it() {
    let own = Authority::new().signs(nothing);
    let tls = Tls::new(Arc::new(material(&own, None, TlsRules::default()).unwrap()));
    for (sent, end) in [(&b"GET / HTTP/1.1\r\n\r\n"[..], TlsEnd::NotTls), (b"", TlsEnd::Closed)] {
        let (mut caller, socket) = sockets().await;
        caller.write_all(sent).await.unwrap();
        caller.shutdown().await.unwrap();
        assert_eq!(tls.shake(socket).await.err(), Some(end));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_come_on_is_ended_and_so_it_is_when_the_gateway_stops() {
    let own = Authority::new().signs(nothing);
    let tls = Tls::new(Arc::new(material(&own, None, TlsRules::default()).unwrap()));
    let telemetry = Telemetry::new(toolgate_telemetry::Config::default()).unwrap();
    let greeting = Greeting { tls, telemetry: Arc::clone(&telemetry) };
    let (draining, mut drained) = drain(Arc::default());
    let (mut caller, socket) = sockets().await;
    // The head of a record that never comes.
    caller.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
    let began = tokio::time::Instant::now();
    assert!(greeting.shake(socket, &mut drained).await.is_none());
    assert_eq!(began.elapsed().as_secs(), 10);
    let (_caller, socket) = sockets().await;
    let shaking = tokio::spawn(async move { greeting.shake(socket, &mut drained).await.is_none() });
    assert!(draining.end(std::time::Duration::from_secs(5)).await);
    assert!(shaking.await.unwrap());
    let text = telemetry.render();
    for end in ["timeout", "shutdown"] {
        let line = format!("toolgate_tls_handshakes_total{{reason=\"{end}\"}} 1");
        assert!(text.contains(&line), "{text}");
    }
}
