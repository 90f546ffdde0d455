//! Whether the daemon can serve, and what keeps it from it: for `/readyz`, `privmsgd check` and `privmsgd doctor`.
//! Knows neither who looks nor who asks.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    Ok,
    /// It serves; somebody should look.
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Check {
    /// A word for scripts.
    pub check: Cow<'static, str>,
    pub level: Level,
    /// One sentence without anything that a client wrote.
    pub what: String,
    /// What to do; empty where nothing has to be done.
    #[serde(default, skip_serializing_if = "is_none")]
    pub fix: Cow<'static, str>,
}

impl Check {
    pub fn ok(check: &'static str, what: impl Into<String>) -> Check {
        Check {
            check: check.into(),
            level: Level::Ok,
            what: what.into(),
            fix: "".into(),
        }
    }

    pub fn warning(
        check: &'static str,
        what: impl Into<String>,
        fix: impl Into<Cow<'static, str>>,
    ) -> Check {
        Check {
            level: Level::Warning,
            fix: fix.into(),
            ..Check::ok(check, what)
        }
    }

    pub fn failed(
        check: &'static str,
        what: impl Into<String>,
        fix: impl Into<Cow<'static, str>>,
    ) -> Check {
        Check {
            level: Level::Failed,
            ..Check::warning(check, what, fix)
        }
    }
}

fn is_none(fix: &str) -> bool {
    fix.is_empty()
}

/// Everything that was looked at. As JSON: the worst first, then which failed, then all.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Health {
    pub status: Level,
    /// By their words.
    pub failed: Vec<Cow<'static, str>>,
    pub checks: Vec<Check>,
}

impl From<Vec<Check>> for Health {
    fn from(checks: Vec<Check>) -> Health {
        let failed = checks.iter().filter(|check| check.level == Level::Failed);
        Health {
            status: checks
                .iter()
                .map(|check| check.level)
                .max()
                .unwrap_or(Level::Ok),
            failed: failed.map(|check| check.check.clone()).collect(),
            checks,
        }
    }
}

impl Health {
    pub fn is_ready(&self) -> bool {
        self.status < Level::Failed
    }

    /// One line with its end.
    pub fn to_json(&self) -> String {
        // Nothing in it can fail to be JSON.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_check_is_named_and_decides() {
        let fine = Check::ok("accepting", "2 listeners");
        let health = Health::from(vec![fine.clone()]);
        assert!(health.is_ready() && health.failed.is_empty());
        let health = Health::from(vec![
            Check::warning("certificate", "it ends", "renew it"),
            fine.clone(),
        ]);
        assert!(health.is_ready() && health.status == Level::Warning);
        let health = Health::from(vec![
            Check::failed("store", "no \"room\"", "make some"),
            fine,
        ]);
        assert!(!health.is_ready());
        assert_eq!(
            health.to_json(),
            concat!(
                r#"{"status":"failed","failed":["store"],"checks":[{"check":"store","level":"failed","#,
                r#""what":"no \"room\"","fix":"make some"},{"check":"accepting","level":"ok","what":"2 listeners"}]}"#,
                "\n"
            )
        );
    }
}
