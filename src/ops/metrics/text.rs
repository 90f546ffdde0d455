//! The text that Prometheus reads: exposition format 0.0.4. Knows no metric.

use std::fmt::{Display, Write};

use super::histogram::Buckets;

/// A word and how often: one series of a family.
pub type Count = (&'static str, u64);

/// Writing into a string cannot fail.
#[derive(Default)]
pub struct Text(String);

impl Text {
    pub fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, help, "counter");
        let _ = writeln!(self.0, "{name} {value}");
    }

    pub fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, help, "gauge");
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// One series for each word of a closed set, zeros included: the number of series never changes.
    pub fn counters(&mut self, name: &str, help: &str, label: &str, counts: &[Count]) {
        self.family(name, help, "counter");
        for (word, count) in counts {
            let _ = writeln!(self.0, "{name}{{{label}=\"{word}\"}} {count}");
        }
    }

    /// The value 1, and what there is to say in labels: of this program, never of its users.
    pub fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        self.family(name, help, "gauge");
        let labels = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""));
        let labels = labels.collect::<Vec<_>>().join(",");
        let _ = writeln!(self.0, "{name}{{{labels}}} 1");
    }

    pub fn histogram(&mut self, name: &str, help: &str, buckets: &Buckets) {
        self.family(name, help, "histogram");
        for (end, count) in buckets.cumulative() {
            let end = end.map_or("+Inf".into(), |end| end.to_string());
            let _ = writeln!(self.0, "{name}_bucket{{le=\"{end}\"}} {count}");
        }
        let _ = writeln!(self.0, "{name}_sum {}", buckets.sum_seconds());
        let _ = writeln!(self.0, "{name}_count {}", buckets.count());
    }

    pub fn finish(self) -> String {
        self.0
    }

    fn family(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
}
