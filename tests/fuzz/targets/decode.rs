//! A caller's request, before anyone is known.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _taken = toolgate_admit::fuzzing::a_request(input);
});
