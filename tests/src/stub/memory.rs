//! What the stub answers when it keeps what it is given.
//!
//! In: an operation and its parameters. Out: what was put there, as it was put, in pages. It refuses
//! a composite before its parts, as CloudWatch does, and checks nothing else.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The usual length of a page.
const PAGE: usize = 50;

/// What was put there: dashboards, and alarms of both kinds.
#[derive(Debug, Default)]
pub(super) struct Memory {
    boards: BTreeMap<String, Value>,
    alarms: BTreeMap<String, Value>,
}

// === impl Memory ===

impl Memory {
    pub(super) fn answer(&mut self, operation: &str, asked: &Value) -> (u16, Value) {
        let name = |key: &str| asked[key].as_str().unwrap_or_default().to_owned();
        match operation {
            "PutDashboard" => {
                self.boards.insert(name("DashboardName"), asked.clone());
            }
            "GetDashboard" => {
                let absent =
                    || (404, json!({"__type": "com.amazonaws.cloudwatch#ResourceNotFound"}));
                let found = self.boards.get(&name("DashboardName"));
                return found.map_or_else(absent, |found| (200, found.clone()));
            }
            "ListDashboards" => {
                let prefix = name("DashboardNamePrefix");
                let names = self.boards.keys().filter(|name| name.starts_with(&prefix));
                let entries: Vec<_> = names.map(|name| json!({"DashboardName": name})).collect();
                return (200, json!({"DashboardEntries": entries}));
            }
            "DeleteDashboards" => forget(&mut self.boards, &asked["DashboardNames"]),
            "PutMetricAlarm" => {
                self.alarms.insert(name("AlarmName"), asked.clone());
            }
            "PutCompositeAlarm" => {
                let rule = name("AlarmRule");
                let parts =
                    rule.split("ALARM(\"").skip(1).filter_map(|part| part.split('"').next());
                if parts.clone().count() == 0
                    || parts.into_iter().any(|part| !self.alarms.contains_key(part))
                {
                    let message = format!("a part is not there: {rule}");
                    return (400, json!({"__type": "ValidationError", "message": message}));
                }
                self.alarms.insert(name("AlarmName"), asked.clone());
            }
            "DescribeAlarms" => return (200, self.described(asked)),
            "DeleteAlarms" => forget(&mut self.alarms, &asked["AlarmNames"]),
            _ => return (400, json!({"__type": "InvalidAction", "message": operation})),
        }
        (200, json!({}))
    }

    fn described(&self, asked: &Value) -> Value {
        let prefix = asked["AlarmNamePrefix"].as_str().unwrap_or_default();
        let names = asked["AlarmNames"].as_array();
        let kinds = asked["AlarmTypes"].as_array();
        let wanted = |(name, alarm): &(&String, &Value)| {
            let kind =
                if alarm["AlarmRule"].is_string() { "CompositeAlarm" } else { "MetricAlarm" };
            let of_kind = kinds.map_or(kind == "MetricAlarm", |all| all.contains(&kind.into()));
            let named = names.is_none_or(|all| all.contains(&name.as_str().into()));
            of_kind && named && name.starts_with(prefix)
        };
        let found: Vec<_> = self.alarms.iter().filter(wanted).map(|(_, alarm)| alarm).collect();
        let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        let length = number(&asked["MaxRecords"]).unwrap_or(PAGE);
        let from: usize = asked["NextToken"].as_str().and_then(|n| n.parse().ok()).unwrap_or(0);
        let page = found.iter().skip(from).take(length);
        let (composites, metrics): (Vec<&Value>, Vec<&Value>) =
            page.partition(|alarm| alarm["AlarmRule"].is_string());
        let more = found.len() > from + length;
        let next = more.then(|| (from + length).to_string());
        json!({"MetricAlarms": metrics, "CompositeAlarms": composites, "NextToken": next})
    }
}

fn forget(kept: &mut BTreeMap<String, Value>, names: &Value) {
    for name in names.as_array().into_iter().flatten().filter_map(Value::as_str) {
        kept.remove(name);
    }
}
