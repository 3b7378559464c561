//! What lies on this machine: ports, files, certificates, keys; and the Redis of shared limits.
//!
//! Enters: a configuration. Leaves: probes. Never: a byte in a file that was there; a port that is kept.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use tokio::net::TcpListener;
use toolgate_guard::LocalBuckets;

use super::Surgery;
use super::finding::{Probe, Said};
use crate::buckets::SharedBuckets;
use crate::config::{self, AccessLog, CloudMode, Config, EmfFile, SharedRates};
use toolgate_client as client;

const DAY: u64 = 24 * 3600;
/// A certificate that ends sooner than this should be renewed now.
const RENEW: u64 = 14 * DAY;
/// How long a gateway that runs may take to say that it does.
const KNOCK: Duration = Duration::from_secs(2);
/// What the front page of an admin server has.
const OURS: &str = "/debug/calls/<request_id>";

pub(super) fn probes<'a>(surgery: &Surgery<'a>) -> Vec<Probe<'a>> {
    let config = surgery.config;
    let mut probes = vec![Probe::new("listener", "listen", port(config, config.listen, "listen"))];
    if let Some(admin) = config.admin {
        probes.push(Probe::new("listener", "admin", port(config, admin, "admin")));
    }
    if let Some(tls) = &config.tls {
        let file = tls.files.certificate.display().to_string();
        let fix = "renew it; a gateway that runs takes the new one by itself";
        probes.push(Probe::done("tls", file, ends(tls.material.expires, fix)));
        if let Some((file, expires)) =
            tls.files.client_ca.as_ref().zip(tls.material.authorities_expire)
        {
            let fix = "add the authority that follows it; callers with certificates of this one will be \
                       turned away";
            probes.push(Probe::done("tls", file.display().to_string(), ends(expires, fix)));
        }
    }
    if let Some(keys) = &config.auth.keys {
        probes.push(Probe::done("file", keys.file.display().to_string(), held(keys)));
    }
    for (key, file) in written(config) {
        let trying = async move { file_of(key, file) };
        probes.push(Probe::new("file", file.display().to_string(), trying));
    }
    if let Some(shared) = &config.limits.shared {
        let name = format!("{}:{}", shared.host, shared.port);
        let telemetry = surgery.telemetry;
        let local = LocalBuckets::new(1, std::sync::Arc::clone(telemetry));
        let buckets = SharedBuckets::new(shared, local, telemetry);
        probes.push(Probe::new("redis", name, redis(shared, buckets)));
    }
    probes
}

/// Whether a gateway could listen there, or one does.
async fn port(config: &Config, at: SocketAddr, key: &'static str) -> Said {
    let sent = "the port was opened and closed again";
    let error = match TcpListener::bind(at).await {
        Ok(_) => return Said::ok(format!("{at} is free")).sent(sent),
        Err(error) => error,
    };
    let kind = error.kind();
    if kind == std::io::ErrorKind::AddrInUse {
        if runs(config).await {
            let found = format!("{at} is in use, and a toolgate runs here");
            return Said::ok(found).sent("GET / to the admin port");
        }
        return Said::fail(
            format!("{at} is in use, and not by a toolgate that answers at the admin port"),
            format!("another process listens there: stop it, or change `{key}`"),
        );
    }
    let fix = if kind == std::io::ErrorKind::PermissionDenied {
        format!("ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); or change `{key}`")
    } else {
        format!("change `{key}` to an address of this machine")
    };
    Said::fail(format!("{at} cannot be listened on: {error}"), fix)
}

/// Whether a gateway answers at the admin port of the configuration.
async fn runs(config: &Config) -> bool {
    let Some(admin) = config.admin else { return false };
    let asked = client::admin(Method::GET, &format!("http://{admin}/"), KNOCK).await;
    asked.is_ok_and(|(_, page)| page.contains(OURS))
}

/// How long a certificate is good for yet.
pub(super) fn ends(expires: u64, fix: &str) -> Said {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let left = expires.saturating_sub(now);
    let days = left / DAY;
    match left {
        0 => Said::fail("it has ended", fix),
        soon if soon < RENEW => Said::warn(format!("it ends in {days} days"), fix),
        _ => Said::ok(format!("it is good for {days} days, and its key fits")),
    }
}

fn held(keys: &config::Keys) -> Said {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let all = keys.held.held();
    let good =
        all.iter().filter(|key| !key.revoked && key.expires.is_none_or(|at| at > now)).count();
    let found = format!("{good} of {} keys are good", all.len());
    if good == 0 { Said::warn(found, "make one: toolgate keys create") } else { Said::ok(found) }
}

/// The files that a gateway writes, each with the key that names it.
fn written(config: &Config) -> Vec<(&'static str, &Path)> {
    let mut files = Vec::new();
    if let Some(audit) = &config.audit {
        files.push(("audit.file", audit.file.as_path()));
    }
    if let AccessLog::File(file) = &config.log.access {
        files.push(("log.access", file.as_path()));
    }
    let emf = config.cloudwatch.as_ref().filter(|cloud| cloud.mode == CloudMode::Emf);
    if let Some(EmfFile::File(file)) = emf.map(|cloud| &cloud.to) {
        files.push(("cloudwatch.to", file.as_path()));
    }
    files
}

/// Whether the file can be written to, without writing to it.
pub(super) fn file_of(key: &str, file: &Path) -> Said {
    let fix = format!("let the user of the gateway write there, or change `{key}`");
    match std::fs::metadata(file) {
        Ok(there) if !there.is_file() => {
            Said::fail("it is not a plain file", format!("change `{key}`"))
        }
        Ok(_) => match OpenOptions::new().append(true).open(file) {
            Ok(_) => Said::ok("it can be written to").sent("it was opened, and nothing written"),
            Err(error) => Said::fail(format!("it cannot be written to: {error}"), fix),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let beside = file.with_file_name(format!(".toolgate-doctor.{}", std::process::id()));
            let made = OpenOptions::new().write(true).create_new(true).open(&beside);
            match made.and_then(|_| std::fs::remove_file(&beside)) {
                Ok(()) => Said::ok("it is not there yet, and can be made")
                    .sent("a file beside it was made and removed"),
                Err(error) => Said::fail(format!("it cannot be made: {error}"), fix),
            }
        }
        Err(error) => Said::fail(format!("it cannot be looked at: {error}"), fix),
    }
}

async fn redis(shared: &SharedRates, buckets: anyhow::Result<SharedBuckets>) -> Said {
    let tried = match buckets {
        Ok(buckets) => buckets.try_once().await,
        Err(error) => Err(format!("{error:#}")),
    };
    let sent = "the script of the limits, for a bucket of its own that ends by itself";
    match tried {
        Ok(()) => Said::ok("it runs the script of the limits in time").sent(sent),
        Err(why) => {
            let fix = format!(
                "start Redis or Valkey at {}:{}, allow scripts to the user, and look at \
                 `limits.shared`; until then `on_failure` decides",
                shared.host, shared.port
            );
            Said::fail(why, fix).sent(sent)
        }
    }
}
