//! Whether anything uses AWS, and whether this build can.
//!
//! In: the whole file. Out: mistakes: a block that nothing uses, and a use that this build lacks. It
//! never asks AWS, and never looks for credentials.

use crate::config::choice::{Builtin, CloudMode};
use crate::config::code;
use crate::config::file::{File, Target};
use crate::config::reference::is_remote;
use crate::config::report::Mistake;
use crate::config::review::Review;

pub(super) fn check(file: &File, review: &mut Review<'_>) {
    let put = file.cloudwatch.as_ref().is_some_and(|cloud| cloud.mode == Some(CloudMode::Put));
    let mut used: Vec<Vec<&str>> = [
        file.traces.xray.as_ref().map(|_| &["traces", "xray"][..]),
        put.then_some(&["cloudwatch", "mode"][..]),
        file.audit
            .as_ref()
            .and_then(|audit| audit.cloudwatch.as_ref())
            .map(|_| &["audit", "cloudwatch"][..]),
    ]
    .into_iter()
    .flatten()
    .map(<[&str]>::to_vec)
    .collect();
    used.extend(file.targets.0.iter().filter_map(|(name, target)| match target.builtin? {
        Builtin::Amp | Builtin::Cloudwatch | Builtin::AwsCore | Builtin::Eks => {
            Some(vec!["targets", name.as_str(), "builtin"])
        }
        Builtin::K8s if target.cluster.is_some() => Some(vec!["targets", name.as_str(), "cluster"]),
        Builtin::Clock
        | Builtin::Gateway
        | Builtin::Prometheus
        | Builtin::WebSearch
        | Builtin::AwsDocs
        | Builtin::K8s => None,
    }));
    let functions = file.targets.0.iter().filter(|(_, target)| target.lambda.is_some());
    used.extend(functions.map(|(name, _)| vec!["targets", name.as_str(), "lambda"]));
    let kept = review.tree.any(&is_remote);
    let signed = signed(file);
    // A kubeconfig may say that its user is AWS's.
    let perhaps = file.targets.0.iter().any(|(_, target)| target.builtin == Some(Builtin::K8s));
    if file.aws.is_some() && !perhaps && used.is_empty() && !kept && signed.is_none() {
        review.add(
            Mistake::new(code::NO_EFFECT, review.key_at(&["aws"]), "`aws` has no effect")
                .label("nothing is asked or sent there")
                .help("add `xray: { mode: otlp }` to `traces` or `cloudwatch: { mode: put }`, or remove it"),
        );
    }
    if cfg!(feature = "aws") {
        return;
    }
    if kept {
        let message = "this build cannot read secrets of AWS: it has no AWS in it";
        let at = review.at(&["targets"]);
        let mistake = Mistake::new(code::SECRET_SOURCE, at, message);
        review
            .add(mistake.help("take a build with the cargo feature `aws`, or keep them elsewhere"));
    }
    let signed = signed.map(|name| ["targets", name, "credentials", "sigv4"]);
    for path in used.into_iter().chain(signed.as_ref().map(|path| path.to_vec())) {
        let message = format!("this build cannot do `{}`: it has no AWS in it", path.join("."));
        let mistake = Mistake::new(code::NOT_BUILT, review.key_at(&path), message);
        review.add(mistake.help("take a build with the cargo feature `aws`, or remove it"));
    }
}

/// A target whose requests are signed.
fn signed(file: &File) -> Option<&str> {
    let is_signed = |target: &Target| {
        target.credentials.as_ref().is_some_and(|credentials| credentials.sigv4.is_some())
    };
    let targets = file.targets.0.iter();
    targets.filter(|(_, target)| is_signed(target)).map(|(name, _)| name.as_str()).next()
}
