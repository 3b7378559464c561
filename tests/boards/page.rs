//! A board as a page.
//!
//! In: a board as Grafana imports it. Out: HTML that needs nothing else, and remarks on panels.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::Numbers;
use crate::panel::Panel;

/// Grafana's grid: 24 columns, rows of 30 pixels with 8 between.
const COLUMN: f64 = 66.0;
const ROW: f64 = 38.0;
const GAP: f64 = 8.0;

const STYLE: &str = "body{margin:0;background:#111217;color:#ccccdc;font:12px/1.3 Inter,Helvetica,Arial,sans-serif}\
h1{font-size:18px;font-weight:500;margin:10px 12px}main{position:relative;margin:0 8px}\
section{position:absolute;background:#181b1f;border:1px solid #2a2d33;border-radius:2px;overflow:hidden}\
section.row{background:none;border:0;font-size:15px;font-weight:500;padding-top:6px}\
h2{font-size:13px;font-weight:500;margin:6px 8px 2px;white-space:nowrap}\
.legend{display:flex;flex-wrap:wrap;gap:0 12px;margin:0 8px;font-size:11px;overflow:hidden}\
.legend i{display:inline-block;width:12px;height:3px;margin:0 4px 2px 0;border-radius:2px}\
.entry{width:100%;border-bottom:1px solid #22252b;line-height:14px;white-space:nowrap}.entry b{float:right;font-weight:400}\
.number{font-size:34px;font-weight:500;text-align:center;padding-top:18px}\
.bar{display:flex;align-items:center;margin:3px 8px;gap:6px}.bar b{flex:0 0 45%;font-weight:400;overflow:hidden;white-space:nowrap}\
.bar span{flex:1;background:#22252b}.bar span u{display:block;height:14px}\
.empty{color:#ff5286;text-align:center;padding-top:40px;font-size:16px}";

/// A page, and what is to be said of its panels.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) html: String,
    pub(crate) remarks: Vec<String>,
}

/// Draws every panel of the board.
pub(crate) async fn draw(board: &Value, numbers: &Numbers) -> Result<Page> {
    let title = board.get("title").and_then(Value::as_str).context("a board without a title")?;
    let (mut body, mut remarks, mut bottom) = (String::new(), Vec::new(), 0.0_f64);
    for panel in board.get("panels").and_then(Value::as_array).context("no panels")? {
        let place = |key: &str| {
            let number = panel.pointer(&format!("/gridPos/{key}")).and_then(Value::as_f64);
            number.context("a panel without a place")
        };
        let (x, y, w, h) = (place("x")?, place("y")?, place("w")?, place("h")?);
        bottom = bottom.max(y + h);
        let (left, top) = (x * COLUMN, y * ROW);
        let (width, height) = (w * COLUMN - GAP, h * ROW - GAP);
        let name = escaped(text(panel, "/title"));
        let place =
            format!("style=\"left:{left}px;top:{top}px;width:{width}px;height:{height}px\"");
        if text(panel, "/type") == "row" {
            body.push_str(&format!("<section class=row {place}>{name}</section>\n"));
            continue;
        }
        let panel = Panel::ask(panel, numbers).await?;
        remarks.extend(panel.remarks().into_iter().map(|remark| format!("{name}: {remark}")));
        let drawn = panel.draw(width, height - 28.0);
        body.push_str(&format!("<section {place}><h2>{name}</h2>{drawn}</section>\n"));
    }
    let (title, height) = (escaped(title), bottom * ROW);
    let html = format!(
        "<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>\n\
         <h1>{title}</h1><main style=\"height:{height}px\">\n{body}</main>\n"
    );
    Ok(Page { html, remarks })
}

/// The text at a place of JSON; empty when there is none.
pub(crate) fn text<'a>(value: &'a Value, place: &str) -> &'a str {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

/// Text as HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
