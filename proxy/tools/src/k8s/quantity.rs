//! Quantities of Kubernetes (`resource.Quantity`).
//!
//! Enters: `250m`, `1.5Gi`, `12345678n`. Leaves: a number, and the way people write it. Never: a
//! guess; what cannot be read is nothing.

/// The number behind a quantity.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = |letter: char| letter.is_ascii_digit() || "+-.".contains(letter);
    let at = text.find(|letter| !digits(letter)).unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(at)?;
    let factor = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024_f64.powi(2),
        "Gi" => 1024_f64.powi(3),
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        "Ei" => 1024_f64.powi(6),
        _ => return text.parse().ok().filter(|number: &f64| number.is_finite()),
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// Bytes as people write them.
pub(super) fn bytes(number: f64) -> String {
    match number {
        _ if number >= 1024_f64.powi(3) => format!("{:.1}Gi", number / 1024_f64.powi(3)),
        _ if number >= 1024_f64.powi(2) => format!("{:.0}Mi", number / 1024_f64.powi(2)),
        _ => format!("{:.0}Ki", number / 1024.0),
    }
}

#[cfg(test)]
mod tests {
    //! What is read.

    use super::{bytes, number};

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        for (text, wanted) in [
            ("2", 2.0),
            ("250m", 0.25),
            ("12345678n", 0.012_345_678),
            ("1500u", 0.0015),
            ("1.5Gi", 1_610_612_736.0),
            ("128974848", 128_974_848.0),
            ("129M", 129e6),
            ("1e3", 1000.0),
        ] {
            let told = number(text).unwrap_or_else(|| panic!("{text}"));
            assert!((told - wanted).abs() < 1e-9 * wanted.max(1.0), "{text}: {told}");
        }
        for wrong in ["", "m", "1x", "one", "1KiB", "1e999"] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
        assert_eq!(bytes(1_610_612_736.0), "1.5Gi");
        assert_eq!(bytes(5.0 * 1024.0 * 1024.0), "5Mi");
    }
}
