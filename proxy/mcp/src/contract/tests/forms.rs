//! The vectors of RFC 8785, and what has no canonical form.

use serde_json::{Value, json};

use crate::contract::canonical::double_text;
use crate::contract::{Definition, Digest, canonical};

fn text(json: &str) -> String {
    String::from_utf8(canonical(&serde_json::from_str::<Value>(json).unwrap())).unwrap()
}

#[test]
fn numbers_are_those_of_rfc_8785_appendix_b() {
    let samples = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];
    for (bits, wanted) in samples {
        assert_eq!(double_text(f64::from_bits(bits)), wanted, "{bits:016x}");
    }
}

#[test]
fn the_sample_of_rfc_8785_3_2_2_and_3_2_3() {
    let input = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let wanted = concat!(
        r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
        r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
    assert_eq!(text(input), wanted);
    let keys = r#"{ "\u20ac": "Euro Sign", "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One", "\ud83d\ude00": "Emoji: Grinning Face",
        "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis" }"#;
    let sorted: Vec<String> = serde_json::from_str::<serde_json::Map<String, Value>>(&text(keys))
        .unwrap()
        .values()
        .map(|value| value.as_str().unwrap().split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(sorted, ["Carriage", "One", "Control", "Latin", "Euro", "Emoji:", "Hebrew"]);
}

#[test]
fn integers_that_a_double_does_not_hold_are_told_apart() {
    assert_ne!(text("9007199254740993"), text("9007199254740992"));
    assert_eq!(text("100"), text("1e2"));
    assert_eq!(text("-0"), "0");
    assert_eq!(text("18446744073709551615"), "18446744073709551615");
}

#[test]
fn a_hash_is_that_of_any_other_tool() {
    // What `printf '%s' '{"description":"d","name":"t"}' | sha256sum` prints.
    let definition = Definition::read(br#"{ "name": "t", "description": "d" }"#);
    let printed = definition.hash().to_string();
    assert_eq!(printed, "b9f15ebfa8bc28bcffb5a46b5a868e0d86c2664f18a2661e6573f8172e1ec05f");
    assert_eq!(printed.parse::<Digest>(), Ok(definition.hash()));
    let short: String = printed.chars().skip(1).collect();
    for wrong in ["", &short, &printed.to_uppercase(), &format!("{short}g")] {
        assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
    }
}

#[test]
fn what_readers_could_read_in_two_ways_has_no_canonical_form() {
    for text in [
        r#"{"name":"t","description":"good","description":"evil"}"#,
        r#"{"name":"t","inputSchema":{"type":"object","properties":{"a":{},"a":{}}}}"#,
        r#"{"name":"t","\u006eame":"u"}"#,
        r#"{"name":"t","x":1e400}"#,
        r#"{"name":"t","x":"\ud800"}"#,
    ] {
        let read = Definition::read(text.as_bytes());
        assert!(read.value().is_err(), "{text}");
        let same = Definition::read(text.as_bytes());
        assert!(super::super::classify(&read, &same).classes.is_empty());
        let other = Definition::of(json!({ "name": "t", "description": "evil" }));
        for (old, new) in [(&read, &other), (&other, &read)] {
            let worst = super::super::classify(old, new).classes.worst();
            assert_eq!(worst, Some(toolgate_telemetry::ContractChange::Breaking), "{text}");
        }
    }
}
