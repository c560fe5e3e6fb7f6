//! Settings that are one of a few words.

/// Declares an enum whose variants are words of a setting, as a [`Value`](crate::Value).
///
/// A variant is written as `Name = "word"`, with further words behind `|`; the first is the one that is shown. Case does not matter. With
/// `by class` behind the type's name, a word may stand behind the package of a Java class (`io.confluent.Word`), and case matters.
///
/// ```
/// use medallion_settings::{Value, choices};
///
/// choices! {
///     /// Who must have a record.
///     pub enum Acks as "all or 1" {
///         /// All replicas.
///         All = "all" | "-1",
///         /// The leader.
///         Leader = "1",
///     }
/// }
///
/// assert_eq!(Acks::parse("-1"), Ok(Acks::All));
/// assert_eq!(Acks::All.text(), "all");
/// assert_eq!(Acks::parse("2"), Err("expected all or 1".to_owned()));
/// ```
#[macro_export]
macro_rules! choices {
    ($($(#[$meta:meta])* $vis:vis enum $name:ident as $type:literal $(by $class:ident)? {
        $($(#[$variant_meta:meta])* $variant:ident = $word:literal $(| $more:literal)*),* $(,)?
    })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[$variant_meta])* $variant),* }

        impl $crate::Value for $name {
            const TYPE: &'static str = $type;

            fn parse(text: &str) -> Result<Self, String> {
                let is = $crate::choices!(@is $($class)?);
                $(if [$word $(, $more)*].iter().any(|word| is(word, text)) {
                    return Ok(Self::$variant);
                })*
                Err(Self::expected())
            }

            fn text(&self) -> String {
                match self { $(Self::$variant => $word),* }.to_owned()
            }
        }
    )*};
    (@is class) => { $crate::of_macros::is_class };
    (@is) => { str::eq_ignore_ascii_case };
}

/// Whether `text` is the class `word`, with its package or without.
pub fn is_class(word: &str, text: &str) -> bool {
    text.rsplit('.').next() == Some(word)
}

#[cfg(test)]
mod tests {
    use crate::Value;

    choices! {
        enum Word as "one or two" {
            One = "one" | "",
            Two = "two",
        }
        enum Class as "One or Two" by class {
            One = "One",
            Two = "Two",
        }
    }

    #[test]
    fn words_are_read_in_any_case_and_shown_in_theirs() {
        assert_eq!(Word::parse("ONE"), Ok(Word::One));
        assert_eq!(Word::parse(""), Ok(Word::One));
        assert_eq!(Word::Two.text(), "two");
        assert_eq!(Word::parse("a.one"), Err("expected one or two".to_owned()));
    }

    #[test]
    fn classes_are_known_by_their_last_name() {
        assert_eq!(Class::parse("io.confluent.Two"), Ok(Class::Two));
        assert_eq!(Class::parse("One").unwrap().text(), "One");
        assert!(Class::parse("two").is_err());
    }
}
