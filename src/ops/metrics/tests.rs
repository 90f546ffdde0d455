//! The text as a whole.

use std::collections::BTreeSet;

use super::*;

fn full() -> Reading {
    Reading {
        mode: "mailbox",
        certificate_end_unix_ms: Some(1_795_344_007_500),
        store: Some(Vitals::default()),
        process: Process::read(1_024),
        traffic: Traffic {
            closed: vec![("bye", 3), ("lost", 0)],
            ..Traffic::default()
        },
        ..Reading::default()
    }
}

#[test]
fn every_series_has_its_help_its_kind_and_a_number() {
    let text = full().to_text();
    assert!(text.ends_with('\n'));
    let mut family = "";
    let mut names = BTreeSet::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(words.ends_with('.') && names.insert(name), "{line}");
            family = name;
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, family);
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(series.starts_with(family), "{line} under {family}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("privmsgd_") || name.starts_with("process_"))
    );
}

#[test]
fn what_there_is_not_is_not_told() {
    let open = Reading::default().to_text();
    assert!(
        !open.contains("_store_") && !open.contains("_cert_"),
        "{open}"
    );
    let text = full().to_text();
    for line in [
        "privmsgd_tls_cert_expiry_timestamp_seconds 1795344007.5",
        "privmsgd_connections_closed_total{reason=\"bye\"} 3",
        "privmsgd_connections_closed_total{reason=\"lost\"} 0",
        "privmsgd_message_commit_seconds_bucket{le=\"0.00005\"} 0",
        "privmsgd_message_commit_seconds_bucket{le=\"+Inf\"} 0",
        "privmsgd_store_writable 1",
        "process_max_fds 1024",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}
