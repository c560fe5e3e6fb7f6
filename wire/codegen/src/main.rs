//! Writes the generated modules of `medallion-wire` from the schema tables beside it.

fn main() {}
