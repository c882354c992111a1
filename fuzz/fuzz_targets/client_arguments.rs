#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| raa_client::fuzzing::run("client_arguments", data));
