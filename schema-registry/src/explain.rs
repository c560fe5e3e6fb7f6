//! Why schemas are not compatible, for the people who write them: which field breaks which rule, and what would help.

use crate::compatibility::Conflict;
use crate::format::{Difference, ParsedSchema, Reader};

/// One reason for which a new schema breaks a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The rule, by the name that Confluent's clients know: `READER_FIELD_MISSING_DEFAULT_VALUE`.
    pub rule: &'static str,
    /// The field, or another place, in the names of the schema that reads.
    pub place: String,
    /// Who cannot read whose data.
    pub reader: Reader,
    /// What is wrong, in a sentence.
    pub problem: String,
    /// What to change in the new schema; nothing where that cannot be said.
    pub remedy: Option<String>,
}

impl Conflict<'_> {
    /// All reasons, with what would help. `new` is the schema that was checked.
    pub fn explain(&self, new: &ParsedSchema) -> Vec<Explanation> {
        let old = self.with.schema;
        let of_old = self.old_reader.iter().map(|difference| explain(difference, Reader::Old, old, new));
        let of_new = self.new_reader.iter().map(|difference| explain(difference, Reader::New, new, old));
        of_old.chain(of_new).collect()
    }
}

fn explain(difference: &Difference, by: Reader, reader: &ParsedSchema, writer: &ParsedSchema) -> Explanation {
    let (reader_name, writer_name) = match by {
        Reader::New => ("new", "old"),
        Reader::Old => ("old", "new"),
    };
    Explanation {
        rule: difference.rule(),
        place: place(difference, reader, writer),
        reader: by,
        problem: difference.description(reader_name, writer_name),
        remedy: difference.remedy(by),
    }
}

fn place(difference: &Difference, reader: &ParsedSchema, writer: &ParsedSchema) -> String {
    match (difference, reader, writer) {
        (Difference::Avro(found), ParsedSchema::Avro(schema), _) => schema.place(&found.location),
        (Difference::Protobuf(found), ParsedSchema::Protobuf(schema), ParsedSchema::Protobuf(other)) => {
            schema.place(&found.path, other)
        }
        (Difference::Json(found), _, _) => found.path.clone(),
        _ => "the whole schema".to_owned(),
    }
}
