//! Dashboards.
//!
//! Enters: names and bodies. Leaves: the dashboards of the account as they should be. Never: a
//! dashboard of another prefix, or without our mark, removed.

use aws_sdk_cloudwatch::error::ProvideErrorMetadata as _;
use aws_sdk_cloudwatch::types::DashboardValidationMessage;
use serde_json::Value;

use super::check::check_boards;
use super::{Account, Became, Change, Complaint, Failed, How};

/// Pages of a list that are read.
const PAGES: usize = 100;

pub(super) async fn apply(
    account: &Account,
    boards: &[(String, Value)],
    how: How<'_>,
    told: &mut (dyn FnMut(&Change) + Send),
) -> Result<(), Failed> {
    check_boards(boards)?;
    for (name, body) in boards {
        let there = body_of(account, name).await?.map(|text| parsed(&text));
        let mut change = Change::between(name, there.as_ref(), body);
        if change.became != Became::Unchanged && !how.dry_run {
            put(account, body, &mut change).await?;
        }
        told(&change);
    }
    if !how.prune {
        return Ok(());
    }
    for name in names(account, how.prefix).await? {
        if boards.iter().any(|(wanted, _)| *wanted == name) {
            continue;
        }
        let body = body_of(account, &name).await?.unwrap_or_default();
        if !body.contains(&(how.mark)(&name)) {
            continue;
        }
        if !how.dry_run {
            delete(account, &name).await?;
        }
        told(&Change::new(&name, Became::Removed));
    }
    Ok(())
}

/// A body that is not JSON differs in all of it.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

async fn body_of(account: &Account, name: &str) -> Result<Option<String>, Failed> {
    let request = account.client().get_dashboard().dashboard_name(name);
    match Box::pin(request.send()).await {
        Ok(found) => Ok(found.dashboard_body),
        Err(error) => {
            let absent = error.as_service_error().is_some_and(|service| {
                service.is_dashboard_not_found_error()
                    || matches!(service.code(), Some("ResourceNotFound" | "DashboardNotFoundError"))
            });
            if absent {
                Ok(None)
            } else {
                Err(Failed::of(&error, "cloudwatch:GetDashboard", account))
            }
        }
    }
}

async fn put(account: &Account, body: &Value, change: &mut Change) -> Result<(), Failed> {
    let request = account.client().put_dashboard().dashboard_name(&change.name);
    match Box::pin(request.dashboard_body(body.to_string()).send()).await {
        Ok(taken) => {
            let said = taken.dashboard_validation_messages.unwrap_or_default();
            change.complaints = complaints(&said, body);
            Ok(())
        }
        Err(error) => {
            use aws_sdk_cloudwatch::operation::put_dashboard::PutDashboardError as Wrong;
            if let Some(Wrong::DashboardInvalidInputError(invalid)) = error.as_service_error() {
                let said = invalid.dashboard_validation_messages.clone().unwrap_or_default();
                change.complaints = complaints(&said, body);
                if change.complaints.is_empty() {
                    let message = invalid.message.clone().unwrap_or_default();
                    change.complaints.push(Complaint {
                        widget: None,
                        path: String::new(),
                        message,
                    });
                }
                change.became = Became::Refused;
                return Ok(());
            }
            Err(Failed::of(&error, "cloudwatch:PutDashboard", account))
        }
    }
}

/// The dashboards whose names begin so, page by page.
async fn names(account: &Account, prefix: &str) -> Result<Vec<String>, Failed> {
    const ACTION: &str = "cloudwatch:ListDashboards";
    let (mut names, mut next) = (Vec::new(), None);
    for _ in 0..PAGES {
        let mut request = account.client().list_dashboards().set_next_token(next.take());
        if !prefix.is_empty() {
            request = request.dashboard_name_prefix(prefix);
        }
        let page = Box::pin(request.send()).await;
        let page = page.map_err(|error| Failed::of(&error, ACTION, account))?;
        let found = page.dashboard_entries.unwrap_or_default().into_iter();
        let found = found.filter_map(|entry| entry.dashboard_name);
        names.extend(found.filter(|name| name.starts_with(prefix)));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(names);
        }
    }
    Err(Failed::endless(ACTION, PAGES))
}

async fn delete(account: &Account, name: &str) -> Result<(), Failed> {
    let request = account.client().delete_dashboards().dashboard_names(name);
    let deleted = Box::pin(request.send()).await;
    let deleted =
        deleted.map_err(|error| Failed::of(&error, "cloudwatch:DeleteDashboards", account));
    deleted.map(drop)
}

fn complaints(said: &[DashboardValidationMessage], body: &Value) -> Vec<Complaint> {
    let of = |message: &DashboardValidationMessage| {
        let path = message.data_path.clone().unwrap_or_default();
        Complaint {
            widget: widget(&path, body),
            message: message.message.clone().unwrap_or_default(),
            path,
        }
    };
    said.iter().map(of).collect()
}

/// The widget of `/widgets/3/properties/…`, by number and title.
fn widget(path: &str, body: &Value) -> Option<String> {
    let number: usize = path.strip_prefix("/widgets/")?.split('/').next()?.parse().ok()?;
    let title = body.pointer(&format!("/widgets/{number}/properties/title"));
    Some(match title.and_then(Value::as_str) {
        Some(title) => format!("widget {number}, \"{title}\""),
        None => format!("widget {number}"),
    })
}

#[cfg(test)]
mod tests {
    //! Complaints name their widget.

    use serde_json::json;

    use super::widget;

    #[test]
    fn a_path_leads_to_the_title_of_its_widget() {
        let body = json!({"widgets": [{"properties": {"title": "Calls"}}, {"type": "text"}]});
        let of = |path| widget(path, &body);
        assert_eq!(of("/widgets/0/properties/metrics").unwrap(), "widget 0, \"Calls\"");
        assert_eq!(of("/widgets/1").unwrap(), "widget 1");
        assert_eq!(of("/start"), None);
        assert_eq!(of("/widgets/x"), None);
    }
}
