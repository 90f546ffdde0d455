//! What an account takes with it.

use super::*;

/// All lines, and in how many parts they came.
fn exported(house: &mut House, user: &str) -> (Vec<String>, usize) {
    let (mut lines, mut parts) = (Vec::new(), 0);
    let mut next = Some(Exported::START);
    while let Some(from) = next {
        match house.ask(user, Ask::Export { from }) {
            Answer::Export {
                lines: some,
                next: then,
            } => {
                let bytes: usize = some.iter().rev().skip(1).map(|line| line.len()).sum();
                assert!(bytes <= super::super::export::EXPORT_BYTES, "{bytes}");
                let some = some
                    .iter()
                    .map(|line| String::from_utf8(line.to_vec()).unwrap());
                lines.extend(some);
                next = then;
                parts += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    (lines, parts)
}

fn count(lines: &[String], what: &str) -> usize {
    let word = format!("\"what\":\"{what}\"");
    lines.iter().filter(|line| line.contains(&word)).count()
}

#[test]
fn everything_that_the_account_can_see_is_in_it_once() {
    let mut house = House::new(&["Alice", "Bob", "Carol", "Dave"]);
    house.relate("Alice", "Carol", Relation::Block);
    house.relate("Alice", "Dave", Relation::Allow);
    for n in 0..100 {
        house.send(
            "Bob",
            "Alice",
            &format!("from bob {n} {}", "x".repeat(2_000)),
        );
        house.take("Alice");
    }
    house.send("Alice", "Dave", "to dave");
    house.send("Alice", "Alice", "to me");
    house.send("Carol", "Alice", "blocked canary");
    house.send("Bob", "Carol", "canary of others");
    house.delete("Alice", "Bob", 7, false);
    let (lines, parts) = exported(&mut house, "Alice");
    assert!(parts > 4, "{parts}");
    assert!(
        lines[0].contains("\"what\":\"account\",\"username\":\"Alice\""),
        "{}",
        lines[0]
    );
    for (what, times) in [
        ("account", 1),
        ("device", 1),
        ("relation", 2),
        ("conversation", 4),
        ("message", 103),
    ] {
        let found = count(&lines, what);
        assert_eq!(found, times, "{what}");
    }
    for n in 0..100 {
        let text = format!("\"from bob {n} ");
        let found = lines.iter().filter(|line| line.contains(&text)).count();
        assert_eq!(found, usize::from(n != 6), "{n}");
    }
    assert!(!lines.iter().any(|line| line.contains("canary")));
}

#[test]
fn it_holds_no_secrets() {
    let mut house = House::new(&["Alice"]);
    let (lines, _) = exported(&mut house, "Alice");
    assert_eq!(lines.len(), 2);
    let time = "2027-01-15T08:00:00.000Z";
    let device = format!(
        r#"{{"type":"exported","what":"device","device":"d","createdAt":"{time}","seenAt":"{time}"}}"#
    );
    assert_eq!(lines[1], device);
}

#[test]
fn each_of_many_conversations_is_in_it_once() {
    let mut house = House::new(&[]);
    let mut expected = super::conversations::many(&mut house, 300);
    let (lines, _) = exported(&mut house, "Alice");
    let name_of = |line: &String| {
        let (_, rest) = line.split_once(r#""what":"conversation","withUsername":""#)?;
        Some(rest.split('"').next()?.to_owned())
    };
    let mut names: Vec<String> = lines.iter().filter_map(name_of).collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
}
