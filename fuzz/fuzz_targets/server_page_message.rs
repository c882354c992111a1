#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| raa_server::fuzzing::run("server_page_message", data));
