//! Over to AWS.
//!
//! Enters: what is to be there. Leaves: a line for each name, or a report of what is in the way with
//! what can be done about it. Never: a credential.

use toolgate_telemetry_aws::AwsConfig;
use toolgate_telemetry_aws::apply::{self, Account, Failed, How};

use super::ending::Printer;
use super::{Made, Report, code};
use crate::cli::ApplyArgs;
use crate::exit::Exit;

pub(super) async fn send(
    args: &ApplyArgs,
    made: Made,
    printer: &mut Printer<'_>,
) -> Result<(), Box<Report>> {
    let at = AwsConfig { region: args.region.clone(), endpoint: args.endpoint.clone() };
    let account = Account::find(&at).await.map_err(|failed| report(&failed))?;
    let made = made.in_region(account.region());
    printer.begin(account.region());
    let wanted = made.wanted()?;
    let (prefix, mark) = (made.prefix(), |name: &str| made.mark(name));
    let how = How { prefix: &prefix, mark: &mark, dry_run: args.dry_run, prune: args.prune };
    let sent = apply::apply(&account, &wanted, how, &mut |change| printer.told(change)).await;
    sent.map_err(|failed| report(&failed))
}

fn report(failed: &Failed) -> Box<Report> {
    let (code, exit) = match failed {
        Failed::NoRegion => (code::NO_REGION, Exit::Usage),
        Failed::Invalid(_) => (code::INVALID, Exit::Invalid),
        Failed::NoCredentials(_) | Failed::BadCredentials(_) => (code::NO_CLOUD, Exit::Identity),
        Failed::Denied { .. } => (code::CLOUD_DENIED, Exit::Identity),
        Failed::Unreachable { .. } => (code::NO_AWS, Exit::Target),
        Failed::Refused { .. } => (code::AWS_FAILED, Exit::Target),
    };
    let help = match failed {
        Failed::NoRegion => "name it with --region us-east-1, or set AWS_REGION".to_owned(),
        Failed::Invalid(_) => "what was given on the command line may be too long; if it was not, \
                               this is a fault of this binary"
            .to_owned(),
        Failed::NoCredentials(_) => "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
                                     AWS_PROFILE; on a machine of AWS give it a role"
            .to_owned(),
        Failed::BadCredentials(_) => {
            "they may have expired, or be those of another place: `aws sts get-caller-identity`"
                .to_owned()
        }
        Failed::Denied { action, .. } => {
            format!(
                "allow `{action}` in the IAM policy of this caller; --help lists all that it needs"
            )
        }
        Failed::Unreachable { .. } => {
            "check --endpoint, AWS_ENDPOINT_URL, the region, and the way to it".to_owned()
        }
        Failed::Refused { .. } => "what was done until then is above; run it again, it goes on \
                                   where it stopped"
            .to_owned(),
    };
    let mut report = Report::new(code, exit, failed.to_string()).help(help);
    if let Failed::Invalid(faults) = failed {
        let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
        report.note = Some(lines.join("; "));
    }
    Box::new(report)
}
