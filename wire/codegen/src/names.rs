//! Kafka's names as Rust's.

/// `KRaftVersionFeature` as `kraft_version_feature`.
pub(crate) fn snake(name: &str) -> String {
    let name = name.replace("KRaft", "Kraft");
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, letter) in letters.iter().enumerate() {
        let after_lower =
            index > 0 && (letters[index - 1].is_lowercase() || letters[index - 1].is_ascii_digit());
        let ends_acronym = index > 0
            && letters[index - 1].is_uppercase()
            && letters.get(index + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_lower || ends_acronym) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    match snake.as_str() {
        "type" | "match" | "final" => format!("{snake}_"),
        _ => snake,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_snakes() {
        for (name, expected) in [
            ("KRaftVersionFeature", "kraft_version_feature"),
            ("EndPoints", "end_points"),
            ("Type", "type_"),
            ("ISRSize", "isr_size"),
        ] {
            assert_eq!(snake(name), expected);
        }
    }
}
