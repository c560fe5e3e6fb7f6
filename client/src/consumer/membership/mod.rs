//! Membership in groups.

#![expect(dead_code, reason = "the shell is still to come")]

mod machine;
#[cfg(test)]
mod tests;
