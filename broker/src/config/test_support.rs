//! What tests of generated pages share.

/// Compares a page in the repository with what it should be, or writes it where `UPDATE_DOCS` is set.
pub(crate) fn check_page(path: &str, page: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, page).unwrap();
    }
    let present = std::fs::read_to_string(path).unwrap_or_default();
    assert!(present == page, "{path} is stale; run the tests with UPDATE_DOCS=1 and commit it");
}
