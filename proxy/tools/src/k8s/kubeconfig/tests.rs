//! Which kubeconfigs are understood, and what is said of the others.

use std::path::Path;

use super::{Blob, Found, Login, read};

fn file(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\npreferences: {{}}\n\
         clusters:\n- name: c\n  cluster: {{ server: 'https://c.example:6443', {cluster} }}\n\
         contexts:\n- name: here\n  context: {{ cluster: c, user: u, namespace: shop }}\n\
         - name: open\n  context: {{ cluster: c }}\n- name: lost\n  context: {{ cluster: x, user: u }}\n\
         users:\n- name: u\n  user: {{ {user} }}\n"
    )
}

fn found(cluster: &str, user: &str) -> Found {
    read(&file(cluster, user), Path::new("/etc/k"), None).unwrap()
}

fn refused(cluster: &str, user: &str) -> String {
    let text = file(cluster, user);
    read(&text, Path::new("/etc/k"), None).expect_err(user).to_string()
}

#[test]
fn each_way_to_log_in_is_found() {
    let told = found("certificate-authority: ca.pem", "token: s3cret");
    assert_eq!(told.server, "https://c.example:6443");
    assert!(
        matches!(&told.authority, Some(Blob::File(file)) if file == Path::new("/etc/k/ca.pem"))
    );
    assert!(matches!(&told.login, Login::Token(token) if token == "s3cret"));
    assert!(!format!("{told:?}").contains("s3cret"));
    let told = found("certificate-authority-data: YWJj", "tokenFile: /run/t, token: old");
    assert!(matches!(&told.authority, Some(Blob::Data(data)) if data == b"abc"));
    assert!(matches!(&told.login, Login::TokenFile(file) if file == Path::new("/run/t")));
    let told = found("", "client-certificate-data: YQ==, client-key: key.pem");
    assert!(matches!(told.login, Login::Certificate { .. }));
    let aws = "exec: { apiVersion: client.authentication.k8s.io/v1beta1, command: /usr/bin/aws, \
               args: [--region, eu-west-1, eks, get-token, --cluster-name, shop, --output, json] }";
    let told = found("", aws);
    let Login::Eks { cluster, region } = told.login else { panic!("{told:?}") };
    assert_eq!((cluster.as_str(), region.as_deref()), ("shop", Some("eu-west-1")));
    let open = read(&file("", "token: t"), Path::new("/"), Some("open")).unwrap();
    assert!(matches!(open.login, Login::Nothing));
}

#[test]
fn what_would_be_passed_over_is_refused() {
    for (cluster, user, said) in [
        ("insecure-skip-tls-verify: true", "", "certificates are verified"),
        ("proxy-url: 'http://p'", "", "`proxy-url`"),
        ("tls-server-name: x", "", "`tls-server-name`"),
        ("certificate-authority-data: '%'", "", "not base64"),
        ("", "username: a, password: b", "`username`"),
        ("", "auth-provider: { name: gcp }", "`auth-provider`"),
        ("", "token: t, as: admin", "`as`"),
        ("", "client-certificate: a.pem", "half a certificate"),
        ("", "tokn: s3cret", "see line"),
        ("", "exec: { command: gke-gcloud-auth-plugin }", "none is run here"),
        ("", "exec: { command: aws, args: [s3, ls] }", "not by `aws eks get-token"),
        (
            "",
            "exec: { command: aws, args: [eks, get-token, --cluster-name, a, --role-arn, r] }",
            "`--role-arn`, which is not understood",
        ),
        (
            "",
            "exec: { command: aws, args: [eks, get-token, --cluster-name, a], \
             env: [{ name: AWS_PROFILE, value: p }] }",
            "`AWS_PROFILE`, which is not understood",
        ),
    ] {
        let text = refused(cluster, user);
        assert!(text.contains(said), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    let text = file("", "token: t");
    for (name, said) in [("none", "no context `none`"), ("lost", "no cluster `x`")] {
        let text = read(&text, Path::new("/"), Some(name)).unwrap_err().to_string();
        assert!(text.contains(said), "{text}");
    }
    let none = read("a: [", Path::new("/"), None).unwrap_err().to_string();
    assert!(none.contains("no kubeconfig"), "{none}");
}
