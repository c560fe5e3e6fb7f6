#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| medallion_wire::fuzz::fuzz_internal_records(data));
