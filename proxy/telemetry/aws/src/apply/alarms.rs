//! Alarms.
//!
//! Enters: alarms, composites after their parts. Leaves: the alarms of the account as they should
//! be. Never: an alarm of another prefix, or without our mark, removed; a part before its composite.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::AlarmType;
use serde_json::Value;

use super::alarm::Alarm;
use super::check::check_alarms;
use super::{Account, Became, Change, Failed, Fault, How};

/// Pages of a list that are read, and how long each is.
const PAGES: usize = 100;
const PAGE: i32 = 100;

pub(super) async fn apply(
    account: &Account,
    alarms: &[Value],
    how: How<'_>,
    told: &mut (dyn FnMut(&Change) + Send),
) -> Result<(), Failed> {
    let wanted = read(alarms)?;
    check_alarms(&wanted)?;
    let mut there = found(account, how.prefix).await?;
    for alarm in &wanted {
        let old = there.remove(&alarm.alarm_name);
        let change = alarm.change(old.as_ref());
        if change.became != Became::Unchanged && !how.dry_run {
            put(account, alarm).await?;
        }
        told(&change);
    }
    if !how.prune {
        return Ok(());
    }
    let ours = |alarm: &Alarm| alarm.alarm_description.contains(&(how.mark)(&alarm.alarm_name));
    let mut gone: Vec<_> = there.into_values().filter(ours).collect();
    // What a composite is made of cannot go before it.
    gone.sort_by_key(|alarm| alarm.alarm_rule.is_none());
    for alarm in gone {
        if !how.dry_run {
            delete(account, &alarm.alarm_name).await?;
        }
        told(&Change::new(&alarm.alarm_name, Became::Removed));
    }
    Ok(())
}

fn read(alarms: &[Value]) -> Result<Vec<Alarm>, Failed> {
    let mut faults = Vec::new();
    let mut read = Vec::new();
    for alarm in alarms {
        match Alarm::read(alarm) {
            Ok(alarm) => read.push(alarm),
            Err(error) => {
                let name = alarm.get("AlarmName").and_then(Value::as_str).unwrap_or("?");
                faults.push(Fault::new(name, error.to_string()));
            }
        }
    }
    if faults.is_empty() { Ok(read) } else { Err(Failed::Invalid(faults)) }
}

/// The alarms whose names begin so, page by page.
async fn found(account: &Account, prefix: &str) -> Result<BTreeMap<String, Alarm>, Failed> {
    const ACTION: &str = "cloudwatch:DescribeAlarms";
    let (mut found, mut next) = (BTreeMap::new(), None);
    for _ in 0..PAGES {
        let request = account.client().describe_alarms().alarm_name_prefix(prefix);
        let request = request.alarm_types(AlarmType::MetricAlarm).max_records(PAGE);
        let request = request.alarm_types(AlarmType::CompositeAlarm).set_next_token(next.take());
        let page = Box::pin(request.send()).await;
        let page = page.map_err(|error| Failed::of(&error, ACTION, account))?;
        let metrics = page.metric_alarms.unwrap_or_default().into_iter().map(Alarm::from);
        let composites = page.composite_alarms.unwrap_or_default().into_iter().map(Alarm::from);
        let alarms = metrics.chain(composites).filter(|one| one.alarm_name.starts_with(prefix));
        found.extend(alarms.map(|alarm| (alarm.alarm_name.clone(), alarm)));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
    Err(Failed::endless(ACTION, PAGES))
}

async fn put(account: &Account, alarm: &Alarm) -> Result<(), Failed> {
    if alarm.alarm_rule.is_some() {
        let sent = Box::pin(alarm.composite(account.client()).send()).await;
        let sent = sent.map_err(|e| Failed::of(&e, "cloudwatch:PutCompositeAlarm", account));
        return sent.map(drop);
    }
    let sent = Box::pin(alarm.metric(account.client()).send()).await;
    sent.map_err(|e| Failed::of(&e, "cloudwatch:PutMetricAlarm", account)).map(drop)
}

async fn delete(account: &Account, name: &str) -> Result<(), Failed> {
    let request = account.client().delete_alarms().alarm_names(name);
    let sent = Box::pin(request.send()).await;
    sent.map_err(|error| Failed::of(&error, "cloudwatch:DeleteAlarms", account)).map(drop)
}
