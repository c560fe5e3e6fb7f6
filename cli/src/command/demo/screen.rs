//! What the demo prints.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::Memory;
use super::broker::DemoBroker;
use super::load::Loaded;
use super::reader::ReadBack;
use crate::command::produce::{per_second, whole};
use crate::output::{Align, Output, bytes, render, table, thousands};
use crate::trips::{BoroughTotals, Cents, Totals};

/// Lines for people, in colors on a terminal; nothing but the result with `--json` and `--quiet`.
pub(super) struct Screen {
    output: Output,
    is_terminal: bool,
    has_colors: bool,
}

/// How wide a remark may be, in characters.
const REMARK_WIDTH: usize = 96;

#[derive(Debug, Clone, Copy)]
enum Paint {
    Bold,
    Dim,
    Green,
    Red,
}

impl Screen {
    pub(super) fn new(output: &Output) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let has_colors = is_terminal && std::env::var_os("NO_COLOR").is_none();
        Self { output: output.clone(), is_terminal, has_colors }
    }

    /// Whether the result is JSON.
    pub(super) fn is_json(&self) -> bool {
        self.output.is_json()
    }

    /// Prints a value.
    pub(super) fn value(&self, value: &Value) -> anyhow::Result<()> {
        self.output.value(value)
    }

    pub(super) fn title(&self, name: &str, text: &str) {
        self.line(&format!("\n  {}  {}\n", self.paint(Paint::Bold, name), self.paint(Paint::Dim, text)));
    }

    /// Something that has been done.
    pub(super) fn step(&self, name: &str, text: &str) {
        self.line(&format!("  {} {:<9}{text}", self.paint(Paint::Green, "●"), name));
    }

    /// More about what has been done, over as many lines as it needs.
    pub(super) fn remark(&self, text: &str) {
        let mut line = String::new();
        for word in text.split(' ') {
            if line.chars().count() + word.chars().count() >= REMARK_WIDTH {
                self.line(&format!("             {}", self.paint(Paint::Dim, &line)));
                line.clear();
            }
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
        self.line(&format!("             {}", self.paint(Paint::Dim, &line)));
    }

    /// How far the trips are.
    pub(super) fn progress(&self, length: Option<u64>) -> ProgressBar {
        if !self.output.draws_progress() {
            return ProgressBar::hidden();
        }
        let (bar, template) = match length {
            Some(length) => {
                (ProgressBar::new(length), "  ○ writing  {bar:40.green/bright.black} {msg} trips")
            }
            None => (ProgressBar::new_spinner(), "  ○ writing  {msg} trips  {elapsed}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━━─"));
        }
        bar
    }

    /// Trips and fares of each borough, written and read.
    pub(super) fn totals(&self, written: &Totals, read: &Totals) {
        let table = render(&totals_table(written, read));
        let mut lines = table.lines();
        self.line("");
        self.line(&format!("    {}", self.paint(Paint::Dim, lines.next().unwrap_or_default())));
        for line in lines {
            let painted = if line.ends_with('✓') {
                line.replace('✓', &self.paint(Paint::Green, "✓"))
            } else {
                line.replace('✗', &self.paint(Paint::Red, "✗"))
            };
            self.line(&format!("    {painted}"));
        }
    }

    /// That all is well, and how fast it was.
    pub(super) fn result(&self, loaded: &Loaded, read: &ReadBack, memory: &Memory) {
        let sum = loaded.totals.sum();
        let text =
            format!("All that went in came out: {} trips, {}.", thousands(sum.trips), dollars(sum.fares));
        self.line(&format!("\n  {}\n", self.paint(Paint::Bold, &text)));
        let summary = &loaded.summary;
        let mebibytes = per_second(summary.bytes, summary.seconds) / f64::from(1 << 20);
        self.fact(
            "write",
            &format!("{} trips a second, {mebibytes:.1} MiB/s", whole(summary.records_per_second)),
        );
        if let (Some(p50), Some(p99)) = (summary.ack_p50_ms, summary.ack_p99_ms) {
            self.fact(
                "ack",
                &format!("{p50:.1} ms (p50), {p99:.1} ms (p99), of whole requests under full load"),
            );
        }
        let rate = whole(per_second(sum.trips, read.took.as_secs_f64()));
        let start =
            if read.is_foreign { format!(", with the start of {}", read.client) } else { String::new() };
        self.fact("read", &format!("{rate} trips a second{start}"));
        if let Some(after) = memory.after {
            let before = memory.before.map(|before| format!(", {} before the first trip", bytes(before)));
            self.fact("memory", &format!("{} resident{}", bytes(after), before.unwrap_or_default()));
        }
    }

    /// What to try next.
    pub(super) fn where_to_look(&self, broker: &DemoBroker, topic: &str, stays: bool) {
        let address = broker.address();
        let elsewhere = if address == "127.0.0.1:9092" {
            String::new()
        } else {
            format!(" --bootstrap-server {address}")
        };
        self.line(&format!("\n  {}\n", self.paint(Paint::Bold, "Where to look")));
        self.fact("kafka", &format!("{address}, for every Kafka client"));
        if let Some(registry) = broker.registry() {
            self.fact("schemas", &format!("{registry}, for every client of Confluent's registry"));
        }
        if let Some(metrics) = broker.metrics() {
            self.fact("metrics", metrics);
        }
        if let Some(folder) = broker.folder().filter(|_| stays) {
            self.fact("data", &format!("{}", folder.display()));
        }
        self.fact("try", &format!("kcat -b {address} -C -t {topic} -o -5 -e"));
        self.fact("", &format!("medallion topic describe {topic}{elsewhere}"));
        self.fact("", &format!("medallion consume {topic} --from end --format key-value{elsewhere}"));
        if !stays && broker.folder().is_some() {
            self.fact("", "(this broker ends now; `medallion demo` keeps one running, `medallion up` starts an empty one)");
        }
        self.line("");
    }

    /// How often [`Screen::flowing`] should be called.
    pub(super) fn flow_interval(&self) -> Duration {
        Duration::from_secs(if self.is_terminal { 1 } else { 30 })
    }

    /// How the trips flow; on a terminal one line that changes.
    pub(super) fn flowing(&self, total: u64, rate: u64, p50: f64, p99: f64, resident: Option<u64>) {
        let memory = resident.map(|resident| format!(", {} resident", bytes(resident))).unwrap_or_default();
        let text = format!(
            "{} more trips, {rate} a second (Ctrl-C ends); ack {p50:.1} ms (p50), {p99:.1} ms (p99){memory}",
            thousands(total)
        );
        let line =
            format!("  {} {:<9}{}", self.paint(Paint::Green, "◦"), "flowing", self.paint(Paint::Dim, &text));
        if self.is_terminal && !self.output.is_json() {
            let mut out = io::stdout().lock();
            // Without wrapping: a line that takes two rows could not be written over.
            let _ = write!(out, "\r\x1b[2K\x1b[?7l{line}\x1b[?7h").and_then(|()| out.flush());
        } else {
            self.line(&line);
        }
    }

    /// The last line of the flow.
    pub(super) fn flow_ended(&self, total: u64) {
        if self.is_terminal && !self.output.is_json() {
            let _ = write!(io::stdout().lock(), "\r\x1b[2K");
        }
        self.step("ended", &format!("after {} more trips", thousands(total)));
    }

    fn fact(&self, name: &str, text: &str) {
        self.line(&format!("    {} {text}", self.paint(Paint::Dim, &format!("{name:<8}"))));
    }

    fn line(&self, text: &str) {
        if !self.output.is_json() && !self.output.is_quiet() {
            // Who reads no more need not be told.
            let _ = writeln!(io::stdout().lock(), "{text}");
        }
    }

    fn paint(&self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Green => 32,
            Paint::Red => 31,
        };
        if self.has_colors { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn totals_table(written: &Totals, read: &Totals) -> Table {
    let mut table = table([
        ("pickup in", Align::Left),
        ("trips in", Align::Right),
        ("trips out", Align::Right),
        ("fares in", Align::Right),
        ("fares out", Align::Right),
        ("", Align::Left),
    ]);
    let mut boroughs: Vec<&str> = written.0.keys().chain(read.0.keys()).copied().collect();
    boroughs.sort_by_key(|borough| {
        (std::cmp::Reverse(written.0.get(borough).map_or(0, |one| one.trips)), *borough)
    });
    boroughs.dedup();
    let mut add = |name: &str, written: BoroughTotals, read: BoroughTotals| {
        table.add_row([
            name.to_owned(),
            thousands(written.trips),
            thousands(read.trips),
            dollars(written.fares),
            dollars(read.fares),
            if written == read { "✓" } else { "✗" }.to_owned(),
        ]);
    };
    for borough in boroughs {
        let of = |totals: &Totals| totals.0.get(borough).copied().unwrap_or_default();
        add(borough, of(written), of(read));
    }
    add("all", written.sum(), read.sum());
    table
}

/// `$1,234.50`.
fn dollars(cents: Cents) -> String {
    let sign = if cents.0 < 0 { "-" } else { "" };
    let cents = cents.0.unsigned_abs();
    format!("{sign}${}.{:02}", thousands(cents / 100), cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_in_dollars() {
        assert_eq!(dollars(Cents(123_450)), "$1,234.50");
        assert_eq!(dollars(Cents(-5)), "-$0.05");
    }

    #[test]
    fn a_difference_is_marked() {
        let (mut written, mut read) = (Totals::default(), Totals::default());
        written.add(4, Cents(1000));
        written.add(132, Cents(5200));
        read.add(4, Cents(1000));
        let text = render(&totals_table(&written, &read));
        let marks: Vec<_> = text.lines().skip(1).filter_map(|line| line.chars().last()).collect();
        assert_eq!(marks, ['✓', '✗', '✗'], "{text}");
        assert!(text.contains("Queens") && text.contains("$0.00"), "{text}");
    }
}
