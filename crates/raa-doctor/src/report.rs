//! The report: one finding for each check, as text, as JSON and as an exit code.
//!
//! Always: a check keeps its id from version to version; every finding that is not `ok` comes with advice;
//! the exit code is 1 if anything is wrong, otherwise 0.

use std::fmt;
use std::process::ExitCode;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but may not for long, or could not be seen.
    Attention,
    /// Does not work, or sound is lost.
    Wrong,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Constant for programs.
    pub id: &'static str,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it; `None` if nothing.
    #[serde(rename = "do")]
    pub remedy: Option<String>,
}

impl Finding {
    /// Nothing is to be done.
    pub fn ok(id: &'static str, found: impl Into<String>) -> Self {
        Self {
            id,
            verdict: Verdict::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    /// Something may be to be done.
    pub fn attention(
        id: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            id,
            verdict: Verdict::Attention,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    /// Something must be done.
    pub fn wrong(id: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Wrong,
            ..Self::attention(id, found, remedy)
        }
    }
}

/// All findings of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The program whose doctor this is.
    pub program: &'static str,
    /// The version of that program.
    pub version: &'static str,
    /// The worst verdict.
    pub verdict: Verdict,
    /// One finding for each check, in the order of the checks.
    pub checks: Vec<Finding>,
}

impl Report {
    /// Puts the findings together.
    pub fn new(program: &'static str, version: &'static str, checks: Vec<Finding>) -> Self {
        let worst = checks.iter().map(|finding| finding.verdict).max();
        Self {
            program,
            version,
            verdict: worst.unwrap_or(Verdict::Ok),
            checks,
        }
    }

    /// Returns the report for programs.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Prints the report, and returns the exit code.
    pub fn print(&self, as_json: bool) -> ExitCode {
        if as_json {
            println!("{}", self.json());
        } else {
            print!("{self}");
        }
        ExitCode::from(u8::from(self.verdict == Verdict::Wrong))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Attention => "attention",
            Self::Wrong => "wrong",
        })
    }
}

/// A line for each finding, and one below it for what to do.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.checks.iter().map(|finding| finding.id.len()).max();
        let width = width.unwrap_or(0);
        for finding in &self.checks {
            let Finding { id, verdict, .. } = finding;
            let found = finding.found.replace('\n', " ");
            writeln!(f, "{verdict:<9}  {id:<width$}  {found}")?;
            if let Some(remedy) = &finding.remedy {
                writeln!(
                    f,
                    "{:9}  {:width$}  -> {}",
                    "",
                    "",
                    remedy.replace('\n', " ")
                )?;
            }
        }
        let count = |verdict| {
            let of = |finding: &&Finding| finding.verdict == verdict;
            self.checks.iter().filter(of).count()
        };
        writeln!(
            f,
            "{} {}: {} ok, {} attention, {} wrong",
            self.program,
            self.version,
            count(Verdict::Ok),
            count(Verdict::Attention),
            count(Verdict::Wrong)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(checks: Vec<Finding>) -> Report {
        Report::new("raa-server", "1.2.3", checks)
    }

    #[test]
    fn the_worst_finding_is_the_verdict() {
        let (ok, wrong) = (Finding::ok("a", "x"), Finding::wrong("c", "x", "y"));
        let attention = Finding::attention("b", "x", "y");
        for (checks, expected) in [
            (vec![], Verdict::Ok),
            (vec![ok.clone()], Verdict::Ok),
            (vec![ok.clone(), attention.clone()], Verdict::Attention),
            (vec![wrong, attention, ok], Verdict::Wrong),
        ] {
            assert_eq!(report(checks).verdict, expected);
        }
    }

    #[test]
    fn text_says_what_to_do() {
        let checks = vec![
            Finding::ok("configuration", "none, so the defaults"),
            Finding::wrong("udp_port", "UDP 4010 is\nheld", "stop it"),
        ];
        let text = "\
ok         configuration  none, so the defaults
wrong      udp_port       UDP 4010 is held
                          -> stop it
raa-server 1.2.3: 1 ok, 0 attention, 1 wrong
";
        assert_eq!(report(checks).to_string(), text);
    }

    #[test]
    fn json_has_the_documented_shape() {
        let checks = vec![
            Finding::ok("clock", "in step"),
            Finding::attention("disk", "1 MB free", "delete something"),
        ];
        let shown: serde_json::Value = serde_json::from_str(&report(checks).json()).unwrap();
        let expected = serde_json::json!({
            "program": "raa-server",
            "version": "1.2.3",
            "verdict": "attention",
            "checks": [
                {"id": "clock", "verdict": "ok", "found": "in step", "do": null},
                {"id": "disk", "verdict": "attention", "found": "1 MB free", "do": "delete something"},
            ],
        });
        assert_eq!(shown, expected);
    }
}
