//! Counts of instructions beside a table of what they were: a guard against hot paths that grow.
//!
//! Instructions are the same on a busy machine as on a quiet one. Always: a path dearer than the
//! tolerance allows, or one that the table lacks, is a failure; a cheaper one is only told. What
//! libopus has a part in is a ratio to libopus alone, whose build differs from machine to machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What an operation of a path costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// The path's.
    pub name: String,
    /// Instructions, or how many times those of `beside`.
    pub value: f64,
    /// The path that is the measure.
    pub beside: Option<String>,
}

/// How much dearer a path may be than the table says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// In percent of a number of instructions.
    pub count_percent: f64,
    /// In percent of a ratio.
    pub ratio_percent: f64,
}

/// The compiler is the table's.
pub const SAME_COMPILER: Tolerance = Tolerance {
    count_percent: 5.0,
    ratio_percent: 1.0,
};
/// Another compiler makes other instructions of the same code: only what is far off is a failure.
pub const OTHER_COMPILER: Tolerance = Tolerance {
    count_percent: 25.0,
    ratio_percent: 3.0,
};
/// So many instructions more are never a failure: what a short path costs depends on what the
/// compiler finds around it, by a call or two.
const SLACK: f64 = 20.0;

/// What the table says, and which compiler made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// As `rustc --version` says it, without its date.
    pub compiler: String,
    /// In the table's order.
    pub costs: Vec<Cost>,
}

const COMPILER: &str = "# compiler: ";

impl Table {
    /// Reads what [`Table::render`] has written; `None` when a line is not understood.
    pub fn parse(text: &str) -> Option<Self> {
        let compiler = text.lines().find_map(|line| line.strip_prefix(COMPILER))?;
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        Some(Self {
            compiler: compiler.to_owned(),
            costs: rows.map(parse_row).collect::<Option<_>>()?,
        })
    }

    /// The file; `head` is its first lines, each a comment.
    pub fn render(&self, head: &str) -> String {
        let mut text = format!("{head}{COMPILER}{}\n#\n", self.compiler);
        for cost in &self.costs {
            let _ = writeln!(text, "{:16} {}", cost.name, amount(cost.value, cost));
        }
        text
    }

    /// How much dearer than this `compiler`'s code may be.
    pub fn tolerance(&self, compiler: &str) -> Tolerance {
        if self.compiler == compiler {
            SAME_COMPILER
        } else {
            OTHER_COMPILER
        }
    }

    /// One line for each cost, and whether none is a failure.
    pub fn judge(&self, costs: &[Cost], tolerance: Tolerance) -> (String, bool) {
        let mut text = String::new();
        let mut passes = true;
        for cost in costs {
            let (verdict, passed) = self.judge_one(cost, tolerance);
            let _ = writeln!(
                text,
                "{:16} {}  {verdict}",
                cost.name,
                amount(cost.value, cost)
            );
            passes &= passed;
        }
        for gone in self.costs.iter().filter(|old| !has(costs, &old.name)) {
            let _ = writeln!(
                text,
                "{:16} FAILED: it is in the table and was not measured",
                gone.name
            );
            passes = false;
        }
        (text, passes)
    }

    fn judge_one(&self, cost: &Cost, tolerance: Tolerance) -> (String, bool) {
        let alike = |old: &&Cost| old.name == cost.name && old.beside == cost.beside;
        let Some(old) = self.costs.iter().find(alike) else {
            return ("FAILED: the table lacks it".to_owned(), false);
        };
        let (percent, slack) = match cost.beside {
            None => (tolerance.count_percent, SLACK),
            Some(_) => (tolerance.ratio_percent, 0.0),
        };
        let change = cost.value - old.value;
        let allowed = (old.value * percent / 100.0).max(slack);
        let told = format!(
            "{:+.1} %, expected {} with a tolerance of {}",
            100.0 * change / old.value,
            amount(old.value, old).trim_start(),
            amount(allowed, old).trim_start()
        );
        // What is not a number is no more allowed than what is too much.
        if change > allowed || change.is_nan() {
            (format!("FAILED: {told}"), false)
        } else if change < -allowed {
            (format!("cheaper, the table wants renewing: {told}"), true)
        } else {
            (told, true)
        }
    }
}

fn has(costs: &[Cost], name: &str) -> bool {
    costs.iter().any(|cost| cost.name == name)
}

fn amount(value: f64, cost: &Cost) -> String {
    match &cost.beside {
        None => format!("{value:12.1} instructions"),
        Some(beside) => format!("{value:12.4} x {beside}"),
    }
}

fn parse_row(row: &str) -> Option<Cost> {
    let words: Vec<_> = row.split_whitespace().collect();
    let (name, value, beside) = match words[..] {
        [name, value, "instructions"] => (name, value, None),
        [name, value, "x", beside] => (name, value, Some(beside.to_owned())),
        _ => return None,
    };
    let value = value.parse().ok().filter(|&value: &f64| value > 0.0)?;
    let name = name.to_owned();
    Some(Cost {
        name,
        value,
        beside,
    })
}

/// The instructions of each function whose name begins with `prefix`, with all that it calls:
/// the sum over its calls in a profile as callgrind writes it.
pub fn inclusive(profile: &str, prefix: &str) -> BTreeMap<String, u64> {
    let mut names = BTreeMap::new();
    let mut sums = BTreeMap::new();
    let mut callee = None;
    let mut is_cost = false;
    for line in profile.lines() {
        // The line behind `calls=` is what the calls have cost.
        if std::mem::take(&mut is_cost) {
            let cost: u64 = line
                .split(' ')
                .nth(1)
                .and_then(|cost| cost.parse().ok())
                .unwrap_or(0);
            if let Some(name) = callee.take().and_then(|name| own_name(name, prefix)) {
                *sums.entry(name.to_owned()).or_default() += cost;
            }
        } else if let Some(said) = line.strip_prefix("cfn=") {
            callee = Some(full_name(said, &mut names));
        } else if let Some(said) = line.strip_prefix("fn=") {
            full_name(said, &mut names);
        } else {
            is_cost = line.starts_with("calls=");
        }
    }
    sums
}

/// A name is written once, behind its number: `(17) name`, and from then on `(17)`.
fn full_name<'a>(said: &'a str, names: &mut BTreeMap<&'a str, &'a str>) -> &'a str {
    let Some((number, name)) = said.split_once(' ') else {
        return names.get(said).copied().unwrap_or(said);
    };
    names.insert(number, name);
    name
}

/// The function's name without its module and the compiler's additions.
fn own_name<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let mut parts = name.split("::");
    let own = parts.find_map(|part| part.strip_prefix(prefix))?;
    own.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
# compiler: rustc 1.95.0
#
parse                    40.0 instructions
slot                  10000.0 instructions
source                 1.0700 x decode
";

    fn table() -> Table {
        Table::parse(TABLE).unwrap()
    }

    /// What is told of `name` when it costs `value` and all else is as it was.
    fn judged(name: &str, value: f64, tolerance: Tolerance) -> (String, bool) {
        let table = table();
        let mut costs = table.costs.clone();
        let changed = costs.iter_mut().find(|cost| cost.name == name).unwrap();
        changed.value = value;
        let (text, passes) = table.judge(&costs, tolerance);
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        assert_eq!(text.matches("FAILED").count(), usize::from(!passes));
        (line.to_owned(), passes)
    }

    #[test]
    fn what_costs_as_much_as_before_passes() {
        let table = table();
        assert!(table.judge(&table.costs, SAME_COMPILER).1);
        assert!(judged("slot", 10_499.0, SAME_COMPILER).1);
        assert!(judged("source", 1.08, SAME_COMPILER).1);
        assert!(judged("parse", 60.0, SAME_COMPILER).1);
    }

    #[test]
    fn what_is_dearer_fails_and_says_by_how_much() {
        let (line, passes) = judged("slot", 10_600.0, SAME_COMPILER);
        assert!(!passes);
        let expected = "10600.0 instructions  FAILED: +6.0 %, expected 10000.0 instructions \
                        with a tolerance of 500.0 instructions";
        assert!(line.ends_with(expected), "{line}");
        assert!(!judged("source", 1.09, SAME_COMPILER).1);
        assert!(!judged("parse", 61.0, SAME_COMPILER).1);
        assert!(!judged("slot", f64::NAN, SAME_COMPILER).1);
    }

    #[test]
    fn what_is_cheaper_is_told() {
        let (line, passes) = judged("slot", 9_000.0, SAME_COMPILER);
        assert!(passes && line.contains("cheaper"), "{line}");
    }

    #[test]
    fn another_compiler_is_allowed_more_and_not_everything() {
        let table = table();
        assert_eq!(table.tolerance("rustc 1.95.0"), SAME_COMPILER);
        let tolerance = table.tolerance("rustc 1.96.0");
        assert!(judged("slot", 12_000.0, tolerance).1);
        assert!(!judged("slot", 13_000.0, tolerance).1);
        assert!(!judged("source", 1.11, tolerance).1);
    }

    #[test]
    fn a_path_that_table_or_run_lacks_fails() {
        let table = table();
        let mut costs = table.costs.clone();
        costs[0].name = "other".to_owned();
        let (text, passes) = table.judge(&costs, SAME_COMPILER);
        assert!(!passes);
        assert_eq!(text.matches("FAILED").count(), 2, "{text}");
        // The same number beside something else says nothing.
        let mut costs = table.costs.clone();
        costs[2].beside = None;
        assert!(!table.judge(&costs, SAME_COMPILER).1);
    }

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let table = table();
        assert_eq!(Table::parse(&table.render("# Costs.\n")), Some(table));
        assert_eq!(Table::parse("parse 40.0 instructions"), None);
        assert_eq!(Table::parse(&TABLE.replace("40.0", "many")), None);
        assert_eq!(Table::parse(&TABLE.replace("40.0", "0.0")), None);
    }

    #[test]
    fn calls_are_summed_with_all_that_they_call() {
        let profile = "\
events: Ir
fn=(1) hot::main
12 7
cob=(2) /lib/libm.so
cfn=(3) hot::path_parse
calls=1 0
12 400
12 3
cfn=(4) hot::path_slot::h0123456789abcdef
calls=2 0
12 90000

fn=(3)
0 100
cfn=(5) hot::other
calls=10 0
0 300

fn=(6) hot::path_slot_of::{closure#0}
0 5
cfn=(3)
calls=1 0
0 500
";
        let expected = [("parse".to_owned(), 900), ("slot".to_owned(), 90_000)];
        assert_eq!(inclusive(profile, "path_"), BTreeMap::from(expected));
    }
}
