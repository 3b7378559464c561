//! The colours of the page, by the formula of WCAG 2.2 (contrast of relative luminances).

use std::collections::HashMap;

type Colours = HashMap<String, String>;

const LIGHT: &str = ":root { color-scheme: light dark;";
const SYSTEM: &str = ":root:not([data-theme=light]) {";
const CHOSEN: &str = ":root[data-theme=dark] {";

/// The tokens of the block that begins so.
fn tokens(head: &str) -> Colours {
    let text = include_str!("../../web/style.css");
    let rest = text.split_once(head).unwrap_or_else(|| panic!("no {head}")).1;
    let inner = rest.split_once('}').unwrap().0;
    let each = inner.split(';').filter_map(|it| it.split_once(':'));
    let each = each.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    each.filter(|(name, value)| name.starts_with("--") && value.starts_with('#')).collect()
}

fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let byte = u8::from_str_radix(colour.get(at..at + 2).unwrap(), 16).unwrap();
        let part = f64::from(byte) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn holds(colours: &Colours, fronts: &[&str], backs: &[&str], least: f64) {
    for (front, back) in fronts.iter().flat_map(|front| backs.iter().map(move |back| (front, back)))
    {
        let found = contrast(&colours[*front], &colours[*back]);
        assert!(found >= least, "{front} on {back}: {found:.2}, not {least}");
    }
}

#[test]
fn text_can_be_read_and_parts_be_seen() {
    assert!((contrast("#ffffff", "#000000") - 21.0).abs() < 1e-9);
    for head in [LIGHT, CHOSEN] {
        let colours = tokens(head);
        let grounds = ["--bg", "--surface", "--sunken", "--selected"];
        holds(&colours, &["--fg", "--fg-2", "--fg-3"], &grounds, 4.5);
        holds(&colours, &["--accent", "--bad"], &["--bg", "--surface", "--sunken"], 4.5);
        holds(&colours, &["--warn"], &["--surface"], 4.5);
        holds(&colours, &["--fg"], &["--warn-bg", "--bad-bg"], 4.5);
        holds(&colours, &["--on-accent"], &["--accent"], 4.5);
        let parts = ["--part-memory", "--part-model", "--part-tool", "--part-you", "--part-agent"];
        holds(&colours, &parts, &["--bg", "--surface"], 3.0);
        holds(&colours, &["--control"], &["--bg", "--surface"], 3.0);
    }
}

/// The dark colours stand twice in the file, for the system's choice and for the reader's.
#[test]
fn both_ways_to_dark_have_the_same_colours() {
    let system = tokens(SYSTEM);
    assert!(system.len() > 15, "{system:?}");
    assert_eq!(system, tokens(CHOSEN));
    let mut names: Vec<_> = system.keys().collect();
    let light = tokens(LIGHT);
    let mut others: Vec<_> = light.keys().collect();
    names.sort();
    others.sort();
    assert_eq!(names, others, "each has a light and a dark side");
}
