//! The crate `schema_registry_converter`: the argument is a URL, the last line printed what was seen.

use std::error::Error;

use apache_avro::types::Value as Avro;
use schema_registry_converter::blocking::avro::{AvroDecoder, AvroEncoder};
use schema_registry_converter::blocking::schema_registry::{
    SrSettings, get_all_subjects, get_all_versions, get_schema_by_guid, get_schema_by_id,
    get_schema_by_subject, is_compatible_schema, post_schema,
};
use schema_registry_converter::schema_registry_common::{
    SchemaType, SubjectNameStrategy, SuppliedReference, SuppliedSchema,
};
use serde_json::{Value, json};

const V1: &str = r#"{"type":"record","name":"Trip","fields":[{"name":"zone","type":"string"}]}"#;
const V2: &str = r#"{"type":"record","name":"Trip","fields":[{"name":"zone","type":"string"},{"name":"fare","type":"double","default":0}]}"#;
const BROKEN: &str = r#"{"type":"record","name":"Trip","fields":[{"name":"zone","type":"string"},{"name":"tip","type":"double"}]}"#;
const USER: &str = r#"{"type":"record","name":"User","fields":[{"name":"trip","type":"Trip"}]}"#;

fn avro(text: &str) -> SuppliedSchema {
    SuppliedSchema::new(None, SchemaType::Avro, text.to_owned())
}

fn see(url: &str) -> Result<Value, Box<dyn Error>> {
    let settings = SrSettings::new_builder(url.to_owned()).no_proxy().build()?;
    let subject = || "rust-value".to_owned();
    let first = post_schema(&settings, subject(), avro(V1))?;
    let again = post_schema(&settings, subject(), avro(V1))?;
    let second = post_schema(&settings, subject(), avro(V2))?;
    let by_id = get_schema_by_id(first.id, &settings)?;
    let strategy = SubjectNameStrategy::TopicNameStrategy("rust".to_owned(), false);
    let latest = get_schema_by_subject(&settings, &strategy)?;
    let guid = latest.guid.clone().unwrap_or_default();
    let by_guid = get_schema_by_guid(&guid, &settings)?;
    let trip = SuppliedReference::new("Trip".to_owned(), subject(), V2.to_owned());
    let user = post_schema(&settings, "rust-user".to_owned(), avro(USER).with_references(vec![trip]))?;
    let references = get_schema_by_id(user.id, &settings)?.references;
    let fields = vec![("zone", Avro::String("JFK".to_owned())), ("fare", Avro::Double(52.0))];
    let bytes = AvroEncoder::new(settings.clone()).encode(fields, &strategy)?;
    let decoded = AvroDecoder::new(settings.clone()).decode(Some(&bytes))?.value;
    let refused = post_schema(&settings, subject(), avro(BROKEN)).err().map(|error| error.to_string());
    Ok(json!({
        "same_id": first.id == again.id,
        "next_id": second.id - first.id,
        "by_id": by_id.schema == V1,
        "by_guid": by_guid.schema == latest.schema,
        "latest": latest.version,
        "versions": get_all_versions(&settings, subject())?,
        "subjects": get_all_subjects(&settings)?,
        "references": references.iter().map(|one| json!([one.name, one.subject, one.version])).collect::<Vec<_>>(),
        "compatible": [is_compatible_schema(&settings, subject(), avro(V1))?, is_compatible_schema(&settings, subject(), avro(BROKEN))?],
        "decoded": format!("{decoded:?}").contains("JFK"),
        "refused": refused.is_some(),
    }))
}

fn main() {
    let url = std::env::args().nth(1).expect("the argument is a URL");
    match see(&url) {
        Ok(seen) => println!("{seen}"),
        Err(error) => {
            eprintln!("{error:?}");
            std::process::exit(1);
        }
    }
}
