//! Instruction counts of hot paths compared with a table, so that a path that grows is noticed.
//!
//! Unlike times, instruction counts are the same on a busy machine. Paths that contain libopus are
//! given as a ratio to libopus alone, whose build differs from machine to machine.
//! Always: a path that costs more than the tolerance allows, or is not in the table, is a failure;
//! a path that costs less is only reported.

use std::fmt::Write as _;

/// The cost of one operation of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// The name of the path.
    pub name: String,
    /// The number of instructions, or their ratio to those of `relative_to`.
    pub value: f64,
    /// The path whose instructions are the unit of `value`, if it is a ratio.
    pub relative_to: Option<String>,
}

/// How much more than in the table a path may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// For instruction counts, in percent.
    pub count_percent: f64,
    /// For ratios, in percent.
    pub ratio_percent: f64,
}

/// The tolerance with the compiler that the table was made with.
pub const SAME_COMPILER: Tolerance = Tolerance {
    count_percent: 5.0,
    ratio_percent: 1.0,
};
/// The tolerance with another compiler, which makes different instructions of the same code.
pub const OTHER_COMPILER: Tolerance = Tolerance {
    count_percent: 25.0,
    ratio_percent: 3.0,
};
/// The number of additional instructions that is always allowed: the cost of a short path depends
/// on the code around it, by a call or two.
const SLACK: f64 = 20.0;

/// A table of costs and the compiler that it was made with.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The compiler and its version, such as `rustc 1.95.0`.
    pub compiler: String,
    /// The costs in the order of the table.
    pub costs: Vec<Cost>,
}

const COMPILER: &str = "# compiler: ";

impl Table {
    /// Parses the output of [`Table::render`]; `None` if a line is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let compiler = text.lines().find_map(|line| line.strip_prefix(COMPILER))?;
        let rows = text.lines().filter(|line| !line.starts_with('#'));
        Some(Self {
            compiler: compiler.to_owned(),
            costs: rows.map(parse_row).collect::<Option<_>>()?,
        })
    }

    /// Writes the table as text that begins with the comment lines `head`.
    pub fn render(&self, head: &str) -> String {
        let mut text = format!("{head}{COMPILER}{}\n#\n", self.compiler);
        for cost in &self.costs {
            let _ = writeln!(text, "{:16} {}", cost.name, format_value(cost.value, cost));
        }
        text
    }

    /// Returns the tolerance for code of this compiler.
    pub fn tolerance(&self, compiler: &str) -> Tolerance {
        if self.compiler == compiler {
            SAME_COMPILER
        } else {
            OTHER_COMPILER
        }
    }

    /// Compares costs with the table. Returns a line of text for each, and whether none is a failure.
    pub fn compare(&self, costs: &[Cost], tolerance: Tolerance) -> (String, bool) {
        let mut text = String::new();
        let mut passes = true;
        for cost in costs {
            let (verdict, is_allowed) = self.compare_one(cost, tolerance);
            let _ = writeln!(
                text,
                "{:16} {}  {verdict}",
                cost.name,
                format_value(cost.value, cost)
            );
            passes &= is_allowed;
        }
        let is_measured = |name: &str| costs.iter().any(|cost| cost.name == name);
        for missing in self.costs.iter().filter(|old| !is_measured(&old.name)) {
            let _ = writeln!(
                text,
                "{:16} FAILED: in the table but not measured",
                missing.name
            );
            passes = false;
        }
        (text, passes)
    }

    fn compare_one(&self, cost: &Cost, tolerance: Tolerance) -> (String, bool) {
        let is_same = |old: &&Cost| old.name == cost.name && old.relative_to == cost.relative_to;
        let Some(old) = self.costs.iter().find(is_same) else {
            return ("FAILED: not in the table".to_owned(), false);
        };
        let (percent, slack) = match cost.relative_to {
            None => (tolerance.count_percent, SLACK),
            Some(_) => (tolerance.ratio_percent, 0.0),
        };
        let change = cost.value - old.value;
        let allowed = (old.value * percent / 100.0).max(slack);
        let difference = format!(
            "{:+.1} %, expected {} with a tolerance of {}",
            100.0 * change / old.value,
            format_value(old.value, old).trim_start(),
            format_value(allowed, old).trim_start()
        );
        // NaN is not allowed either.
        if change > allowed || change.is_nan() {
            (format!("FAILED: {difference}"), false)
        } else if change < -allowed {
            (format!("cheaper, so update the table: {difference}"), true)
        } else {
            (difference, true)
        }
    }
}

fn format_value(value: f64, cost: &Cost) -> String {
    match &cost.relative_to {
        None => format!("{value:12.1} instructions"),
        Some(path) => format!("{value:12.4} x {path}"),
    }
}

fn parse_row(row: &str) -> Option<Cost> {
    let words: Vec<_> = row.split_whitespace().collect();
    let (name, value, relative_to) = match words[..] {
        [name, value, "instructions"] => (name, value, None),
        [name, value, "x", path] => (name, value, Some(path.to_owned())),
        _ => return None,
    };
    let value = value.parse().ok().filter(|&value: &f64| value > 0.0)?;
    let name = name.to_owned();
    Some(Cost {
        name,
        value,
        relative_to,
    })
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

    /// Returns the line about `name` if it costs `value` and everything else is unchanged.
    fn line_for(name: &str, value: f64, tolerance: Tolerance) -> (String, bool) {
        let table = table();
        let mut costs = table.costs.clone();
        let changed = costs.iter_mut().find(|cost| cost.name == name).unwrap();
        changed.value = value;
        let (text, passes) = table.compare(&costs, tolerance);
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        assert_eq!(text.matches("FAILED").count(), usize::from(!passes));
        (line.to_owned(), passes)
    }

    #[test]
    fn unchanged_costs_pass() {
        let table = table();
        assert!(table.compare(&table.costs, SAME_COMPILER).1);
        assert!(line_for("slot", 10_499.0, SAME_COMPILER).1);
        assert!(line_for("source", 1.08, SAME_COMPILER).1);
        assert!(line_for("parse", 60.0, SAME_COMPILER).1);
    }

    #[test]
    fn higher_costs_fail_with_the_difference() {
        let (line, passes) = line_for("slot", 10_600.0, SAME_COMPILER);
        assert!(!passes);
        let expected = "10600.0 instructions  FAILED: +6.0 %, expected 10000.0 instructions \
                        with a tolerance of 500.0 instructions";
        assert!(line.ends_with(expected), "{line}");
        assert!(!line_for("source", 1.09, SAME_COMPILER).1);
        assert!(!line_for("parse", 61.0, SAME_COMPILER).1);
        assert!(!line_for("slot", f64::NAN, SAME_COMPILER).1);
    }

    #[test]
    fn lower_costs_are_reported() {
        let (line, passes) = line_for("slot", 9_000.0, SAME_COMPILER);
        assert!(passes && line.contains("cheaper"), "{line}");
    }

    #[test]
    fn another_compiler_has_a_wider_tolerance() {
        let table = table();
        assert_eq!(table.tolerance("rustc 1.95.0"), SAME_COMPILER);
        let tolerance = table.tolerance("rustc 1.96.0");
        assert!(line_for("slot", 12_000.0, tolerance).1);
        assert!(!line_for("slot", 13_000.0, tolerance).1);
        assert!(!line_for("source", 1.11, tolerance).1);
    }

    #[test]
    fn a_path_missing_on_either_side_fails() {
        let table = table();
        let mut costs = table.costs.clone();
        costs[0].name = "other".to_owned();
        let (text, passes) = table.compare(&costs, SAME_COMPILER);
        assert!(!passes);
        assert_eq!(text.matches("FAILED").count(), 2, "{text}");
        // The same number in another unit cannot be compared.
        let mut costs = table.costs.clone();
        costs[2].relative_to = None;
        assert!(!table.compare(&costs, SAME_COMPILER).1);
    }

    #[test]
    fn a_written_table_is_read_back() {
        let table = table();
        assert_eq!(Table::parse(&table.render("# Costs.\n")), Some(table));
        assert_eq!(Table::parse("parse 40.0 instructions"), None);
        assert_eq!(Table::parse(&TABLE.replace("40.0", "many")), None);
        assert_eq!(Table::parse(&TABLE.replace("40.0", "0.0")), None);
    }
}
