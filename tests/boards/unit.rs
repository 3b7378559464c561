//! Numbers as Grafana writes them.
//!
//! In: a value and the name of a unit. Out: a few letters.

/// The value in that unit.
pub(crate) fn shown(value: f64, unit: &str) -> String {
    match unit {
        "percentunit" => format!("{}%", short(value * 100.0)),
        "s" => seconds(value),
        "ops" => format!("{} ops/s", scaled(value, 1000.0, &["", "k", "M"])),
        "bytes" => scaled(value, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB"]),
        "Bps" => scaled(value, 1000.0, &["B/s", "kB/s", "MB/s", "GB/s"]),
        "short" => scaled(value, 1000.0, &["", "K", "Mil", "Bil", "Tri"]),
        _ => short(value),
    }
}

fn seconds(value: f64) -> String {
    let size = value.abs();
    let steps =
        [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    match steps.iter().find(|(step, _)| size >= *step) {
        Some((step, unit)) => format!("{} {unit}", short(value / step)),
        None => "0 s".to_owned(),
    }
}

fn scaled(value: f64, by: f64, units: &[&str]) -> String {
    let (mut value, mut at) = (value, 0);
    while value.abs() >= by && at + 1 < units.len() {
        value /= by;
        at += 1;
    }
    let unit = units.get(at).copied().unwrap_or_default();
    format!("{} {unit}", short(value)).trim_end().to_owned()
}

/// Three digits that matter.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 => 3,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn numbers_are_short_and_have_their_unit() {
        assert_eq!(shown(0.0123, "percentunit"), "1.23%");
        assert_eq!(shown(0.000_25, "s"), "250 µs");
        assert_eq!(shown(90.0, "s"), "1.5 min");
        assert_eq!(shown(2048.0, "bytes"), "2 KiB");
        assert_eq!(shown(1500.0, "ops"), "1.5 k ops/s");
        assert_eq!(shown(0.0, "short"), "0");
    }
}
