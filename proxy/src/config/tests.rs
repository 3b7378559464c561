//! Configurations, good and bad, from text to result.

mod defaults;
mod good;
mod parts;
mod pins;
mod tls;
mod wrong;

use std::io;
use std::path::Path;

use super::{Config, Outside, RemoteSecret, Report, load};

/// The environment of every test here.
fn env(name: &str) -> Option<String> {
    let value = match name {
        "COGNITO_POOL" => "us-east-1_AbCdEfGhI",
        "COGNITO_CLIENT" => "1h57kf5cpq17m0eml12example",
        "GH_TOKEN"
        | "GITHUB_TOKEN"
        | "OTLP_KEY"
        | "REDIS_PASSWORD"
        | "BRAVE_KEY"
        | "MAIL_CLIENT_SECRET"
        | "NOTES_CLIENT_SECRET" => "ghp_from_the_environment",
        "SESSION_KEY" | "KEY_PEPPER" | "GRANTS_KEY" => {
            "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
        }
        "SHORT_KEY" => "too short",
        "BLANK" => "\n",
        "FORGOTTEN" => "changeme",
        "TWO_LINES" => "one\ntwo",
        "GITHUB_PATH" => "mcp",
        "BUILTIN" => "clock",
        "BAD_NUMBER" => "secret-looking-text",
        "PORT" => "8123",
        "NOTHING" => "",
        _ => return None,
    };
    Some(value.to_owned())
}

/// The files of every test here.
fn read(path: &Path) -> io::Result<String> {
    match path.to_str() {
        Some("/run/secrets/files" | "/etc/toolgate/secrets/files") => {
            Ok("token-from-a-file\r\n".to_owned())
        }
        Some("/etc/toolgate/toolgate.pins.json") => {
            Ok(include_str!("tests/good.pins.json").to_owned())
        }
        Some("/etc/toolgate/edited.pins.json") => {
            Ok(include_str!("tests/good.pins.json").replace("Finds issues", "Finds anything"))
        }
        Some("/etc/toolgate/keys.json") => Ok(r#"{ "toolgate_keys": 1, "keys": [] }"#.to_owned()),
        Some("/etc/toolgate/policies.cedar") => {
            Ok(include_str!("../../examples/policies.cedar").to_owned())
        }
        Some("/etc/toolgate/wrong.cedar") => {
            Ok("permit(principal, action, resource)\n  when { principal.claims.departmnet == \"x\" };\n"
                .to_owned())
        }
        Some("/etc/toolgate/inventory.openapi.yaml") => {
            Ok(include_str!("../../examples/inventory.openapi.yaml").to_owned())
        }
        Some("/etc/toolgate/orders.tools.json") => {
            Ok(include_str!("../../examples/orders.tools.json").to_owned())
        }
        Some("/etc/toolgate/lab.kubeconfig.yaml") => {
            Ok(include_str!("../../examples/lab.kubeconfig.yaml").to_owned())
        }
        Some("/etc/toolgate/exec.kubeconfig.yaml") => {
            Ok(include_str!("../../examples/lab.kubeconfig.yaml")
                .replace("tokenFile: /run/secrets/lab-token", "exec: { command: /bin/cloud-login }"))
        }
        Some("/etc/toolgate/swagger.json") => Ok(r#"{ "swagger": "2.0" }"#.to_owned()),
        Some("/etc/toolgate/typo.cedar") => Ok("permit(principal, action resource);".to_owned()),
        Some("/etc/toolgate/wrong.keys.json") => {
            Ok(r#"{ "toolgate_keys": 1, "keys": [{ "id": "1" }] }"#.to_owned())
        }
        Some(other) => tls::file(other)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file")),
        None => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
    }
}

/// What lies outside every file here. No folder is there that is called `missing`.
fn outside() -> Outside<'static> {
    Outside {
        env: &env,
        read: &read,
        remote: &|_, secret| match secret {
            RemoteSecret::SecretsManager { id, key: Some(_) } if id == "toolgate/orders" => {
                Ok("from-aws".to_owned())
            }
            RemoteSecret::Ssm(name) if name == "/toolgate/orders" => {
                Ok(include_str!("../../examples/orders.tools.json").to_owned())
            }
            RemoteSecret::Ssm(_) | RemoteSecret::SecretsManager { .. } => {
                Err("is not there (ParameterNotFound)".to_owned())
            }
        },
        is_folder: &|folder| !folder.ends_with("missing"),
        folder: Path::new("/etc/toolgate"),
        files_may_lack: false,
    }
}

fn try_load(text: &str) -> Result<Config, Report> {
    load(text, "toolgate.yaml", outside())
}

/// A good configuration; the report becomes the failure's message.
fn config(text: &str) -> Config {
    try_load(text).unwrap_or_else(|report| panic!("{report}"))
}

/// The mistakes of a bad configuration as `code line:column message`.
fn mistakes(text: &str) -> Vec<String> {
    let report = try_load(text).expect_err("this configuration is wrong");
    let line = |m: &super::Mistake| format!("{} {}:{} {}", m.code, m.at.line, m.at.col, m.message);
    report.mistakes().iter().map(line).collect()
}
