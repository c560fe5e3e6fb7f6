#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| medallion_wire::fuzz_records::fuzz_batches(data));
