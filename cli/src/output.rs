//! What commands print: tables for people, JSON for scripts, notes beside them.
//!
//! Results go to standard output, everything else to standard error. With `--json` a command prints one JSON value;
//! commands that stream (`consume`, `log dump`) print one value a line.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use anyhow::Context;
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::json;

use crate::arguments::Global;

/// What an error of standard output is told with.
pub(crate) const CANNOT_PRINT: &str = "cannot write to standard output";

/// Where a command prints.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    is_json: bool,
    is_quiet: bool,
}

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

impl Output {
    /// What the global options ask for.
    pub(crate) fn new(global: &Global) -> Self {
        Self { is_json: global.json, is_quiet: global.quiet }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether only results are printed.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Whether progress may be drawn: on a terminal, unless it must be quiet.
    pub(crate) fn draws_progress(&self) -> bool {
        !self.is_quiet && !self.is_json && io::stderr().is_terminal()
    }

    /// Prints a result: `value` as JSON, or the table.
    pub(crate) fn show(&self, value: &impl Serialize, table: impl FnOnce() -> Table) -> anyhow::Result<()> {
        if self.is_json { self.value(value) } else { self.line(&render(&table())) }
    }

    /// Prints a result that is a message to people: `value` as JSON, or the text on standard error, unless quiet.
    pub(crate) fn done(&self, value: &impl Serialize, text: &str) -> anyhow::Result<()> {
        if self.is_json {
            return self.value(value);
        }
        self.note(text);
        Ok(())
    }

    /// Prints a value as indented JSON.
    pub(crate) fn value(&self, value: &impl Serialize) -> anyhow::Result<()> {
        self.line(&serde_json::to_string_pretty(value)?)
    }

    /// Prints a line of the result.
    #[expect(clippy::unused_self, reason = "all output goes through here")]
    pub(crate) fn line(&self, text: &str) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        let written =
            out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        written.context(CANNOT_PRINT)
    }

    /// Prints a note for people on standard error.
    pub(crate) fn note(&self, text: &str) {
        if !self.is_quiet && !self.is_json {
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Prints an error with what to do about it.
    pub(crate) fn error(&self, message: &str, hint: Option<&str>, code: u8) {
        let mut err = io::stderr().lock();
        let _ = if self.is_json {
            writeln!(err, "{}", json!({ "error": message, "hint": hint, "exit_code": code }))
        } else {
            let hint = hint.map(|hint| format!("\n  {hint}")).unwrap_or_default();
            writeln!(err, "error: {message}{hint}")
        };
    }
}

/// A table without lines, its columns named in capitals.
pub(crate) fn table<const N: usize>(columns: [(&str, Align); N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let heading =
        |(name, align): &(&str, Align)| Cell::new(name.to_uppercase()).set_alignment(alignment(*align));
    table.set_header(columns.iter().map(heading));
    for (column, (_, align)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2)).set_cell_alignment(alignment(align));
    }
    table
}

fn alignment(align: Align) -> CellAlignment {
    match align {
        Align::Left => CellAlignment::Left,
        Align::Right => CellAlignment::Right,
    }
}

/// Leaves out the columns that hold nothing but `nothing`, so that what there is to see fits.
pub(crate) fn hide_columns_without(table: &mut Table, nothing: &str) {
    let columns = table.column_iter().count();
    let is_empty = |table: &Table, at: usize| {
        table.row_iter().all(|row| row.cell_iter().nth(at).is_none_or(|cell| cell.content() == nothing))
    };
    for at in 0..columns {
        if is_empty(table, at)
            && let Some(column) = table.column_mut(at)
        {
            column.set_constraint(ColumnConstraint::Hidden);
        }
    }
}

/// The table's lines without trailing blanks.
pub(crate) fn render(table: &Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// A number with its thousands apart: `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes as people read them: `812 B`, `3.4 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    // Exact enough for one digit behind the point.
    let mut tenths = count * 10 / 1024;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A count with its noun: `1 record`, `2 records`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", thousands(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(3_565_159), "3.4 MiB");
        assert_eq!(bytes(1 << 40), "1.0 TiB");
        assert_eq!(counted(1, "record"), "1 record");
        assert_eq!(counted(2000, "record"), "2,000 records");
    }

    #[test]
    fn columns_that_say_nothing_are_left_out() {
        let mut table = table([("name", Align::Left), ("instance", Align::Left), ("epoch", Align::Right)]);
        table.add_row(["a", "-", "-"]);
        table.add_row(["b", "-", "7"]);
        hide_columns_without(&mut table, "-");
        assert_eq!(render(&table), "NAME  EPOCH\na         -\nb         7");
    }

    #[test]
    fn tables_have_no_trailing_blanks() {
        let mut table = table([("name", Align::Left), ("count", Align::Right)]);
        table.add_row(["a", "1"]);
        table.add_row(["bcdef", "12345"]);
        assert_eq!(render(&table), "NAME   COUNT\na          1\nbcdef  12345");
    }
}
