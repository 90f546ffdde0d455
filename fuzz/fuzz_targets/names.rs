//! Any text as a name: what is accepted is a fixed point, within its limits, and needs no escape.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privmsgd::wire::name::{Name, is_ascii_name};

fuzz_target!(|text: &str| {
    let Ok(name) = Name::parse(text) else {
        assert!(!is_ascii_name(text.as_bytes()));
        return;
    };
    let shown = name.as_str();
    let key = name.key();
    let compared = std::str::from_utf8(key.as_bytes()).expect("UTF-8");
    for form in [shown, compared] {
        assert!((1..=64).contains(&form.len()) && form.chars().count() <= 32);
        assert_eq!(
            serde_json::to_string(form).expect("a string"),
            format!("\"{form}\"")
        );
        assert!(!form.chars().any(char::is_control));
        let again = Name::parse(form).expect("both forms are names");
        assert_eq!(again.as_str(), form);
        assert!(again.key() == key);
    }
    assert_eq!(is_ascii_name(shown.as_bytes()), shown.is_ascii());
    assert_eq!(name.clone().into_owned(), name);
});
