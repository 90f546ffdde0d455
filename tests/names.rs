//! Rows E2 and E4: RFC 8265's examples and more, names in every case form, and what holds for any name at all.

use privmsgd::wire::name::{Name, NameError, RESERVED, is_ascii_name};
use proptest::prelude::*;

/// What is sent, the form shown, the form compared. RFC 8265, section 3.5, table 1 ff., and its own rules applied.
const ACCEPTED: &[(&str, &str, &str)] = &[
    ("juliet", "juliet", "juliet"),
    ("fussball", "fussball", "fussball"),
    ("fu\u{df}ball", "fu\u{df}ball", "fu\u{df}ball"),
    ("\u{3c0}", "\u{3c0}", "\u{3c0}"),
    ("\u{3a3}", "\u{3a3}", "\u{3c3}"),
    ("\u{3c3}", "\u{3c3}", "\u{3c3}"),
    ("\u{3c2}", "\u{3c2}", "\u{3c2}"),
    ("Alice", "Alice", "alice"),
    ("ALICE-1.x_y+z", "ALICE-1.x_y+z", "alice-1.x_y+z"),
    // Width is mapped: to ASCII here, to full-width katakana there.
    ("\u{ff21}lice", "Alice", "alice"),
    ("\u{ff76}\u{ff85}", "\u{30ab}\u{30ca}", "\u{30ab}\u{30ca}"),
    // Composed (NFC).
    ("Zoe\u{308}", "Zo\u{eb}", "zo\u{eb}"),
    ("ZO\u{cb}", "ZO\u{cb}", "zo\u{eb}"),
    ("Vie\u{302}\u{323}t", "Vi\u{1ec7}t", "vi\u{1ec7}t"),
    ("\u{130}stanbul", "\u{130}stanbul", "i\u{307}stanbul"),
    (
        "\u{410}\u{43d}\u{43d}\u{430}",
        "\u{410}\u{43d}\u{43d}\u{430}",
        "\u{430}\u{43d}\u{43d}\u{430}",
    ),
    ("\u{674e}\u{660e}", "\u{674e}\u{660e}", "\u{674e}\u{660e}"),
    (
        "\u{d64d}\u{ae38}\u{b3d9}",
        "\u{d64d}\u{ae38}\u{b3d9}",
        "\u{d64d}\u{ae38}\u{b3d9}",
    ),
    (
        "\u{5d3}\u{5d5}\u{5d3}",
        "\u{5d3}\u{5d5}\u{5d3}",
        "\u{5d3}\u{5d5}\u{5d3}",
    ),
    (
        "\u{645}\u{62d}\u{645}\u{62f}1",
        "\u{645}\u{62d}\u{645}\u{62f}1",
        "\u{645}\u{62d}\u{645}\u{62f}1",
    ),
    // In their contexts: middle dot between l, katakana middle dot, keraia, joiner after virama.
    ("paral\u{b7}lel", "paral\u{b7}lel", "paral\u{b7}lel"),
    (
        "\u{30a2}\u{30fb}\u{30a4}",
        "\u{30a2}\u{30fb}\u{30a4}",
        "\u{30a2}\u{30fb}\u{30a4}",
    ),
    ("a\u{375}\u{3b1}", "a\u{375}\u{3b1}", "a\u{375}\u{3b1}"),
    (
        "\u{915}\u{94d}\u{200d}\u{937}",
        "\u{915}\u{94d}\u{200d}\u{937}",
        "\u{915}\u{94d}\u{200d}\u{937}",
    ),
];

const REFUSED: &[(&str, NameError)] = &[
    // RFC 8265, section 3.5, table 2: space, empty, Roman numeral, infinity, chess king.
    ("foo bar", NameError::BadCharacter),
    ("", NameError::Empty),
    ("henry\u{2163}", NameError::BadCharacter),
    ("\u{221e}", NameError::BadCharacter),
    ("\u{265a}", NameError::BadCharacter),
    ("\"juliet\"", NameError::BadCharacter),
    ("back\\slash", NameError::BadCharacter),
    // Homographs by invisible or directing characters (E3 in part).
    ("alice\u{200d}", NameError::BadCharacter),
    ("alice\u{200b}", NameError::BadCharacter),
    ("\u{202e}ecila", NameError::BadCharacter),
    ("alice\u{200e}", NameError::BadCharacter),
    ("\u{feff}alice", NameError::BadCharacter),
    ("ali\u{ad}ce", NameError::BadCharacter),
    // Out of context, and mixed directions.
    ("a\u{b7}b", NameError::BadCharacter),
    ("a\u{30fb}b", NameError::BadCharacter),
    ("\u{5d0}a", NameError::NotIdentifier),
    ("a\u{5d0}", NameError::NotIdentifier),
    ("1\u{5d0}", NameError::NotIdentifier),
    ("\u{660}\u{6f0}", NameError::BadCharacter),
    // Unstable characters: Kelvin, Angstrom, Ohm, ligature; spaces; emoji; private use; unassigned.
    ("\u{212a}", NameError::BadCharacter),
    ("\u{212b}", NameError::BadCharacter),
    ("\u{2126}", NameError::BadCharacter),
    ("\u{fb01}", NameError::BadCharacter),
    ("a\u{a0}b", NameError::BadCharacter),
    ("a\u{3000}b", NameError::BadCharacter),
    ("\u{1f600}", NameError::BadCharacter),
    ("\u{e000}", NameError::BadCharacter),
    ("\u{378}", NameError::BadCharacter),
    ("\u{10ffff}", NameError::BadCharacter),
    // Control characters, whatever drives a terminal, and what the server writes around names.
    ("a\0", NameError::BadCharacter),
    ("a\u{1b}[2J", NameError::BadCharacter),
    ("a\u{7f}", NameError::BadCharacter),
    ("a\u{85}", NameError::BadCharacter),
    ("a\u{9b}", NameError::BadCharacter),
    ("a\n", NameError::BadCharacter),
    ("a\u{2028}", NameError::BadCharacter),
    // Other servers' wildcards and addresses.
    ("*", NameError::BadCharacter),
    (">", NameError::BadCharacter),
    ("a@b", NameError::BadCharacter),
    ("#room", NameError::BadCharacter),
    ("\u{ff03}room", NameError::BadCharacter),
    // The first character.
    (".", NameError::BadStart),
    ("-alice", NameError::BadStart),
    ("_alice", NameError::BadStart),
    ("+alice", NameError::BadStart),
    ("-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NameError::BadStart),
    ("_\u{e9}", NameError::BadStart),
    ("\u{301}a", NameError::BadStart),
    ("\u{ff0e}a", NameError::BadStart),
    // In full width as well.
    ("\u{ff52}oot", NameError::Reserved),
    ("SYSTEM", NameError::Reserved),
];

#[test]
fn accepted_names_have_the_forms_of_rfc_8265() {
    for (sent, shown, compared) in ACCEPTED {
        let name = Name::parse(sent).unwrap_or_else(|error| panic!("{sent:?}: {error:?}"));
        assert_eq!(name.as_str(), *shown, "{sent:?}");
        assert_eq!(
            std::str::from_utf8(name.key().as_bytes()),
            Ok(*compared),
            "{sent:?}"
        );
    }
}

#[test]
fn refused_names_say_why() {
    for (sent, error) in REFUSED {
        assert_eq!(Name::parse(sent), Err(*error), "{sent:?}");
    }
}

#[test]
fn sharp_s_and_final_sigma_are_letters_of_their_own() {
    let key = |text| Name::parse(text).expect("a name").key();
    assert!(key("fu\u{df}ball") != key("fussball"));
    assert!(key("\u{3c2}") != key("\u{3c3}"));
    assert!(key("\u{3a3}") == key("\u{3c3}"));
}

#[test]
fn both_limits_hold_for_both_forms() {
    for (text, accepted) in [
        ("x".repeat(32), true),
        ("x".repeat(33), false),
        ("\u{e9}".repeat(32), true),
        ("\u{e9}".repeat(33), false),
        ("\u{674e}".repeat(21), true),
        ("\u{674e}".repeat(22), false),
        ("e\u{301}".repeat(32), true),
        ("e\u{301}".repeat(33), false),
        // Two bytes shown, three in lower case.
        ("\u{23a}".repeat(21), true),
        ("\u{23a}".repeat(22), false),
        ("\u{30fb}".repeat(20_000), false),
    ] {
        let error = Name::parse(&text).err();
        assert_eq!(
            error,
            (!accepted).then_some(NameError::TooLong),
            "{} bytes of {text:.6}",
            text.len()
        );
    }
}

#[test]
fn a_reserved_name_is_refused_in_every_case_form() {
    for word in RESERVED {
        for bits in 0..1_u32 << word.len().min(10) {
            let form: String = word
                .chars()
                .enumerate()
                .map(|(index, c)| {
                    if bits >> index.min(31) & 1 == 1 {
                        c.to_ascii_uppercase()
                    } else {
                        c
                    }
                })
                .collect();
            assert_eq!(Name::parse(&form), Err(NameError::Reserved), "{form}");
        }
    }
}

#[test]
fn every_ascii_character_has_its_place() {
    for byte in 0..128_u8 {
        let c = char::from(byte);
        let inside = c.is_ascii_alphanumeric() || ".-_+".contains(c);
        assert_eq!(Name::parse(&format!("x{c}x")).is_ok(), inside, "{c:?}");
        assert_eq!(
            Name::parse(&c.to_string()).is_ok(),
            c.is_ascii_alphanumeric(),
            "{c:?}"
        );
    }
}

fn any_name() -> impl Strategy<Value = String> {
    let letter = prop_oneof![
        prop::char::range('a', 'z'),
        prop::char::range('\u{c0}', '\u{24f}'),
        prop::char::range('\u{370}', '\u{5ff}'),
        prop::char::range('\u{900}', '\u{97f}'),
        prop::char::range('\u{1e00}', '\u{1fff}'),
        prop::char::range('\u{3040}', '\u{30ff}'),
        prop::char::range('\u{ff00}', '\u{ffef}'),
        prop::sample::select(vec![
            '.',
            '\u{301}',
            '\u{323}',
            '\u{200d}',
            '\u{b7}',
            '\u{10400}'
        ]),
        any::<char>(),
    ];
    prop::collection::vec(letter, 0..12).prop_map(String::from_iter)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_name_is_a_fixed_point_and_needs_no_escape(text in any_name()) {
        let Ok(name) = Name::parse(&text) else { return Ok(()) };
        let shown = name.as_str();
        let again = Name::parse(shown).expect("its own form");
        prop_assert_eq!(again.as_str(), shown);
        prop_assert!(again.key() == name.key());
        prop_assert_eq!(serde_json::to_string(shown).expect("a string"), format!("\"{shown}\""));
        prop_assert!(!shown.chars().any(char::is_control));
        prop_assert!(shown.len() <= 64 && shown.chars().count() <= 32);
        prop_assert_eq!(is_ascii_name(shown.as_bytes()), shown.is_ascii());
        prop_assert_eq!(&name.clone().into_owned(), &again);
    }

    #[test]
    fn the_compared_form_is_a_name_with_itself_as_its_key(text in any_name()) {
        let Ok(name) = Name::parse(&text) else { return Ok(()) };
        let key = name.key();
        let compared = std::str::from_utf8(key.as_bytes()).expect("UTF-8");
        let mapped = Name::parse(compared).map(|name| name.key());
        prop_assert!(mapped == Ok(key), "{:?}", compared);
    }

    #[test]
    fn upper_and_lower_case_of_ascii_are_one_name(text in "[a-zA-Z0-9][a-zA-Z0-9._+-]{0,20}") {
        let (Ok(lower), Ok(upper)) = (Name::parse(&text.to_lowercase()).map(|n| n.key()), Name::parse(&text.to_uppercase()).map(|n| n.key())) else {
            return Ok(());
        };
        prop_assert!(lower == upper);
        prop_assert!(lower.as_bytes() == text.to_ascii_lowercase().as_bytes());
    }
}
