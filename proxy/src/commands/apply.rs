//! `toolgate dashboards apply` and `toolgate alarms apply`: CloudWatch as this version wants it.
//!
//! Enters: region, names and topics. Leaves: the account as it should be, a line for each name, and
//! an exit code that says what was in the way. Never: a write that changes nothing.

mod ending;
#[cfg(feature = "aws")]
mod send;
#[cfg(test)]
mod tests;

use std::io::Write;

use toolgate_alarms::Deployment;
use toolgate_dashboards::Place;

use self::ending::Printer;
use super::call::gateway::Env;
use super::call::{Screen, code, report::Report};
use crate::cli::{AlarmsApply, ApplyArgs, DashboardsApply};
use crate::exit::Exit;

/// What is to be in the account.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "nobody is there to send it"))]
enum Made {
    /// Names and bodies.
    Dashboards(Place),
    /// Parameters.
    Alarms(Deployment),
}

/// Runs `toolgate dashboards apply`.
pub async fn dashboards(
    args: &DashboardsApply,
    env: Env<'_>,
    out: &mut (impl Write + Send),
    err: &mut (impl Write + Send),
) -> Exit {
    let place = Place {
        // Filled in when it is known.
        region: args.apply.region.clone().unwrap_or_default(),
        log_group: args.log_group.clone(),
        prefix: args.prefix.clone(),
    };
    run(&args.apply, Made::Dashboards(place), Screen::detect(env), (out, err)).await
}

/// Runs `toolgate alarms apply`.
pub async fn alarms(
    args: &AlarmsApply,
    env: Env<'_>,
    out: &mut (impl Write + Send),
    err: &mut (impl Write + Send),
) -> Exit {
    let deployment = Deployment {
        prefix: args.prefix.clone(),
        page_topic: args.page_topic.clone(),
        ticket_topic: args.ticket_topic.clone(),
    };
    run(&args.apply, Made::Alarms(deployment), Screen::detect(env), (out, err)).await
}

async fn run(
    args: &ApplyArgs,
    made: Made,
    screen: Screen,
    (out, err): (&mut (impl Write + Send), &mut (impl Write + Send)),
) -> Exit {
    let mut printer = Printer::new(args, screen, out, err);
    let sent = send(args, made, &mut printer).await;
    printer.end(sent)
}

#[cfg(feature = "aws")]
async fn send(args: &ApplyArgs, made: Made, printer: &mut Printer<'_>) -> Result<(), Box<Report>> {
    Box::pin(send::send(args, made, printer)).await
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "with AWS it waits")]
async fn send(_: &ApplyArgs, _: Made, _: &mut Printer<'_>) -> Result<(), Box<Report>> {
    let message = "this binary was built without the feature `aws`, and cannot speak to CloudWatch";
    let help = "use the released binary, or `render` the files and put them there with other means";
    Err(Box::new(Report::new(code::NOT_BUILT, Exit::Usage, message).help(help)))
}

/// The fault of this binary that a question of its own makes no sense.
#[cfg(feature = "aws")]
fn unfit(why: &dyn std::fmt::Display) -> Box<Report> {
    let message = format!("this binary cannot make what it should send: {why}");
    Box::new(Report::new(code::INVALID, Exit::Panic, message))
}

// === impl Made ===

#[cfg(feature = "aws")]
impl Made {
    /// What all names begin with.
    fn prefix(&self) -> String {
        let of = |prefix: &String| format!("{prefix}-");
        match self {
            Self::Dashboards(place) => place.prefix.as_ref().map(of).unwrap_or_default(),
            Self::Alarms(deployment) => of(&deployment.prefix),
        }
    }

    fn mark(&self, name: &str) -> String {
        match self {
            Self::Dashboards(place) => place.mark(name),
            Self::Alarms(deployment) => deployment.mark(name),
        }
    }

    /// The region that widgets name.
    fn in_region(self, region: &str) -> Self {
        match self {
            Self::Dashboards(place) => {
                Self::Dashboards(Place { region: region.to_owned(), ..place })
            }
            alarms @ Self::Alarms(_) => alarms,
        }
    }

    fn wanted(&self) -> Result<toolgate_telemetry_aws::apply::Wanted, Box<Report>> {
        use toolgate_telemetry_aws::apply::Wanted;
        match self {
            Self::Dashboards(place) => {
                Ok(Wanted::Dashboards(place.dashboards().map_err(|why| unfit(&why))?))
            }
            Self::Alarms(deployment) => {
                Ok(Wanted::Alarms(deployment.alarms().map_err(|why| unfit(&why))?))
            }
        }
    }
}
