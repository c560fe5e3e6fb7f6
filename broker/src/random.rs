//! Randomness for ids that must not repeat; nothing that decides anything draws from here.

/// A number from 1 to `i32::MAX`.
pub(crate) fn positive_i32() -> i32 {
    let (bits, _) = uuid::Uuid::new_v4().as_u64_pair();
    let number = i32::try_from(bits >> 33).unwrap_or(1);
    number.max(1)
}

/// 128 bits for an id.
pub(crate) fn random_bits() -> u128 {
    uuid::Uuid::new_v4().as_u128()
}
