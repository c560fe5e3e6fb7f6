//! GUIDs of schemas. The expected ones were made by another MD5, over the fields in the order in which they are described.

use medallion_schema_registry::{Guid, Metadata, Rule, RuleSet, SchemaReference};

#[test]
fn guids_are_of_all_that_belongs_to_a_schema() {
    let text = "\"int\"";
    assert_eq!(Guid::of(text, &[], None, None).to_string(), "ef524ea1-b91e-7317-3d93-8ade36c1db32");
    assert_eq!(
        Guid::of(text, &[], Some(&Metadata::default()), None).to_string(),
        "1d1d1f70-2ee5-5e03-8ce5-4f3b6703c50f"
    );
    let reference = SchemaReference { name: "n".into(), subject: "s".into(), version: 258 };
    let metadata = Metadata {
        tags: [("a.b".to_owned(), ["X".to_owned(), "PII".to_owned()].into())].into(),
        properties: [("owner".to_owned(), "me".to_owned())].into(),
        sensitive: ["owner".to_owned()].into(),
    };
    let text_of = |text: &str| Some(text.to_owned());
    let rule = Rule {
        name: text_of("r"),
        kind: text_of("TRANSFORM"),
        mode: text_of("WRITE"),
        rule_type: text_of("CEL"),
        tags: ["PII".to_owned()].into(),
        params: [("k".to_owned(), "v".to_owned())].into(),
        expr: text_of("1"),
        on_failure: text_of("ERROR"),
        disabled: true,
        ..Rule::default()
    };
    let rules = RuleSet { domain_rules: vec![rule], enable_at: text_of("ALL"), ..RuleSet::default() };
    let guid = Guid::of(text, &[reference], Some(&metadata), Some(&rules));
    assert_eq!(guid.to_string(), "d68959b3-ce67-7fcc-e82b-3819f0b8a889");
    assert_eq!(Guid::parse("D68959b3-ce67-7fcc-e82b-3819f0b8a889"), Some(guid));
    assert_eq!(Guid::parse("d68959b3ce677fcce82b3819f0b8a889"), Some(guid));
    for wrong in [
        "",
        "d68959b3",
        "d68959b3-ce67-7fcc-e82b-3819f0b8a88g",
        "d68959b3ce67-7fcc-e82b-3819f0b8a889-",
        "+68959b3ce677fcce82b3819f0b8a889",
    ] {
        assert_eq!(Guid::parse(wrong), None, "{wrong}");
    }
}
