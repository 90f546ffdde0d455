//! E3 and E4 among accounts: names that look alike, and those that nobody may have.

use unicode_security::skeleton;

use super::*;

const TAKEN: [&str; 20] = [
    "alice",
    "Bob",
    "carol.jones",
    "Dave_1",
    "eve-0",
    "Frank+x",
    "grace",
    "Heidi",
    "ivan",
    "Judy",
    "mallory",
    "Niaj",
    "olivia",
    "PEGGY",
    "rupert",
    "Sybil",
    "trent",
    "Zo\u{eb}",
    "\u{430}\u{43d}\u{43d}\u{430}",
    "\u{3b1}\u{3bb}\u{3ad}\u{3be}\u{3b7}\u{3c2}",
];

/// What people may take for each other, by UTS #39 and nothing of the daemon's own.
fn look_alike(a: &Name<'_>, b: &Name<'_>) -> bool {
    let key = |name: &Name<'_>| String::from_utf8(name.key().as_bytes().to_vec()).unwrap();
    skeleton(a.as_str()).eq(skeleton(b.as_str())) || skeleton(&key(a)).eq(skeleton(&key(b)))
}

/// E3: each character that the table of confusables maps, or maps to, in each place of 20 names.
#[test]
fn e3_no_two_accounts_can_be_taken_for_each_other() {
    let mut office = Office::new();
    for user in TAKEN {
        assert_eq!(office.add(user, None), Answer::Ok, "{user}");
    }
    let taken: Vec<Name<'static>> = TAKEN.iter().map(|user| name(user)).collect();
    let changed = ('\0'..=char::MAX).filter(|c| !skeleton(&c.to_string()).eq([*c]));
    let table: Vec<char> = changed.collect();
    assert!(table.len() > 5_000, "{}", table.len());
    // What is in no name at all, alone or between letters, is in none of these.
    let letters = table
        .into_iter()
        .chain('0'..='9')
        .chain('a'..='z')
        .filter(|c| Name::parse(&c.to_string()).is_ok() || Name::parse(&format!("x{c}x")).is_ok());
    let letters: Vec<char> = letters.collect();
    let (mut alike, mut others) = (0, 0);
    for (user, owner) in TAKEN.iter().zip(&taken) {
        for (at, old) in user.char_indices() {
            for c in &letters {
                let text = format!("{}{c}{}", &user[..at], &user[at + old.len_utf8()..]);
                let Ok(new) = Name::parse(&text) else {
                    continue;
                };
                let same = new.key() == owner.key();
                if !same && !look_alike(&new, owner) {
                    others += 1;
                    continue;
                }
                alike += 1;
                let (clerk, store) = (&mut office.clerk, &mut office.store);
                let checked = store.batch(|t| clerk.check_new_name(t, &new).err());
                let Some(Stop::Refused(refused)) = checked.unwrap() else {
                    panic!("{text} beside {user}")
                };
                let expected = match same {
                    true => Code::NameTaken,
                    false => Code::NameConfusable,
                };
                assert_eq!(refused.code, expected, "{text} beside {user}");
            }
        }
    }
    assert!(alike > 1_000 && others > 1_000, "{alike} {others}");
}

#[test]
fn e3_homographs_of_alice() {
    let mut office = Office::new();
    office.add_alice();
    for (text, expected) in [
        ("\u{430}lice", Code::NameConfusable),
        ("Alice", Code::NameTaken),
        ("ALICE", Code::NameTaken),
        ("\u{ff41}lice", Code::NameTaken),
        // A capital I in the place of l: another name, and shown the same.
        ("aIice", Code::NameConfusable),
        ("a1ice", Code::NameConfusable),
        ("al\u{131}ce", Code::NameConfusable),
        ("\u{3b1}lice", Code::NameConfusable),
    ] {
        assert_eq!(code(&office.add(text, None)), Some(expected), "{text}");
    }
    for refused in [
        "alice\u{200d}",
        "\u{202e}ecila",
        "ali\u{ad}ce",
        "\u{17f}ybil",
    ] {
        assert!(Name::parse(refused).is_err(), "{refused:?}");
    }
    assert_eq!(office.add("alicia", None), Answer::Ok);
    assert_eq!(office.add("bob", None), Answer::Ok);
}

/// E4: those of the grammar's list are refused before they come here.
#[test]
fn e4_reserved_names_and_what_looks_like_them() {
    let mut office = Office::with(|settings| {
        let config = AccountsConfig {
            reserved_names: vec![
                "HelpDesk".into(),
                "\u{43f}\u{43e}\u{43c}\u{43e}\u{449}\u{44c}".into(),
            ],
            ..settings.config.clone()
        };
        *settings = Settings::new(config, SERVER.into(), TokenKeys::default());
    });
    for word in [
        "server",
        "system",
        "admin",
        "administrator",
        "root",
        "postmaster",
        "support",
        "security",
        "operator",
        "privmsgd",
        "null",
    ] {
        assert!(Name::parse(word).is_err(), "{word}");
    }
    for text in [
        "abuse",
        "Abuse",
        "helpdesk",
        "HELPDESK",
        "he1pdesk",
        "\u{41f}\u{43e}\u{43c}\u{43e}\u{449}\u{44c}",
        "adrnin",
        "r0ot",
        "\u{455}\u{443}\u{455}tem",
        "nul1",
    ] {
        assert_eq!(
            code(&office.add(text, None)),
            Some(Code::InvalidName),
            "{text}"
        );
    }
    assert_eq!(office.add("abuser", None), Answer::Ok);
}

#[test]
fn a_refused_name_is_not_described_further_than_by_its_class() {
    let mut office = Office::new();
    office.add_alice();
    let Answer::Refused(refused) = office.add("\u{430}lice", None) else {
        panic!("refused")
    };
    assert_eq!(refused.field, Some("username"));
    assert!(!refused.message.contains("lice"), "{}", refused.message);
    assert!(refused.message.len() <= 200);
}
