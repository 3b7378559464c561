//! What is taken for a context, and what is written.

use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{Remote, SpanContext, SpanId, TraceId, state};

const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
const SPAN: u64 = 0xb7ad_6b71_6920_3331;
const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn remote(sampled: Option<bool>) -> Option<Remote> {
    Some(Remote { trace: TraceId::new(TRACE).unwrap(), span: SpanId::new(SPAN), sampled })
}

#[test]
fn a_traceparent_is_read() {
    assert_eq!(Remote::from_traceparent(TEXT), remote(Some(true)));
    assert_eq!(Remote::from_traceparent(&TEXT.replace("-01", "-00")), remote(Some(false)));
    // The random flag of level 2 says nothing about sampling.
    assert_eq!(Remote::from_traceparent(&TEXT.replace("-01", "-02")), remote(Some(false)));
    // A later version may have more fields.
    let later = format!("{}-more", TEXT.replacen("00", "cc", 1));
    assert_eq!(Remote::from_traceparent(&later), remote(Some(true)));
}

#[test]
fn what_is_not_well_formed_is_no_context() {
    let zero_trace = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
    let zero_span = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01";
    let upper = TEXT.to_uppercase();
    let more = format!("{TEXT}-more");
    let version = TEXT.replacen("00", "ff", 1);
    for text in ["", "00", "not-a-trace-context", zero_trace, zero_span, &upper, &more, &version] {
        assert_eq!(Remote::from_traceparent(text), None, "{text}");
    }
}

#[test]
fn the_header_of_a_load_balancer_is_a_trace_without_a_decision() {
    let root = "Root=1-0af76519-16cd43dd8448eb211c80319c";
    let bare = Remote::from_amzn(root).unwrap();
    assert_eq!((bare.trace.bits(), bare.span, bare.sampled), (TRACE, None, None));
    let whole = format!("Self=1-1-2;{root};Parent=b7ad6b7169203331;Sampled=1;Lineage=a:1");
    assert_eq!(Remote::from_amzn(&whole), remote(Some(true)));
    let asked = format!("{root};Parent=b7ad6b7169203331;Sampled=?");
    assert_eq!(Remote::from_amzn(&asked), remote(None));
    for text in ["", "Root=", "Root=1-0af76519", "Parent=b7ad6b7169203331", "Root=2-a-b"] {
        assert_eq!(Remote::from_amzn(text), None, "{text}");
    }
}

#[test]
fn a_new_id_carries_the_time() {
    let id = TraceId::fresh(0x6700_0000, u128::MAX);
    assert_eq!(id.to_string(), "67000000ffffffffffffffffffffffff");
    assert_eq!(SpanId::random(0).bits(), 1);
}

#[test]
fn a_state_travels_only_if_it_can_stand_anywhere() {
    assert_eq!(
        state("rojo=00f067aa0ba902b7,congo=t61").as_deref(),
        Some("rojo=00f067aa0ba902b7,congo=t61")
    );
    let long = "a".repeat(513);
    for text in ["", "a\r\nb: c", "a=\"b\"", "a\\b", "é", &long] {
        assert_eq!(state(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(trace in 1_u128.., span in 1_u64.., sampled in any::<bool>()) {
        let trace = TraceId::new(trace).unwrap();
        let context = SpanContext { trace, span: SpanId::new(span).unwrap(), sampled };
        let text = context.traceparent();
        let read = Remote::from_traceparent(std::str::from_utf8(&text).unwrap()).unwrap();
        prop_assert_eq!(read.context(), Some(context));
        prop_assert_eq!(read.sampled, Some(sampled));
    }
}
