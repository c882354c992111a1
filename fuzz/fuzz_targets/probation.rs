#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| raa_core::fuzzing::run("probation", data));
