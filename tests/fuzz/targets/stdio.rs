//! What a child process writes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| toolgate_target::fuzzing::lines_of_a_child(input));
