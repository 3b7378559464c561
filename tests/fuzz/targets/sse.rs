//! An event stream of a target.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| toolgate_target::fuzzing::an_event_stream(input));
