//! Changes to accounts, by their owners and by the operator, and which sessions they end.

use super::*;

#[test]
fn a_changed_password_voids_the_tokens_of_the_other_devices_and_ends_them() {
    let mut office = Office::new();
    office.add_alice();
    let here = office.log_in("here");
    let there = office.log_in("there");
    let answer = office.ask(Ask::SetPassword {
        account: here.account,
        password: secret("battery staple"),
        device: "here".into(),
    });
    assert_eq!(answer, Answer::Ok);
    let ends = office.ends().unwrap();
    assert_eq!(
        (ends.username, ends.which),
        (name("Alice"), Which::AllBut("here".into()))
    );
    let old = office.register("alice", Credential::Resume(there.resume_token), "there");
    assert_eq!(code(&old), Some(Code::AuthFailed));
    let old = office.register("alice", password("correct horse"), "here");
    assert_eq!(code(&old), Some(Code::AuthFailed));
    registered(office.register("alice", Credential::Resume(here.resume_token), "here"));
    registered(office.register("alice", password("battery staple"), "there"));
}

#[test]
fn the_operators_password_ends_every_session() {
    let mut office = Office::new();
    office.add_alice();
    let token = office.log_in("here").resume_token;
    let answer = office.operator(Operator::SetPassword {
        username: name("ALICE"),
        password: secret("battery staple"),
    });
    assert_eq!(answer, Answer::Ok);
    assert_eq!(office.ends().unwrap().which, Which::All);
    let old = office.register("alice", Credential::Resume(token), "here");
    assert_eq!(code(&old), Some(Code::AuthFailed));
}

#[test]
fn a_revoked_device_is_gone_with_its_token() {
    let mut office = Office::new();
    office.add_alice();
    let phone = office.log_in("phone");
    office.wait(500);
    office.log_in("desk");
    let account = phone.account;
    let Answer::Devices(devices) = office.ask(Ask::Devices {
        account,
        by: "phone".into(),
    }) else {
        panic!("devices")
    };
    let [first, desk] = &devices[..] else {
        panic!("{devices:?}")
    };
    assert_eq!((&*desk.device, &*first.device), ("desk", "phone"));
    let Device {
        created_unix_ms,
        seen_unix_ms,
        ..
    } = *desk;
    assert_eq!(created_unix_ms, 1_800_000_000_500);
    assert_eq!(seen_unix_ms, created_unix_ms);
    let device: Box<str> = "phone".into();
    let revoke = Ask::RevokeDevice {
        account,
        by: "desk".into(),
        device,
    };
    assert_eq!(office.ask(revoke.clone()), Answer::Ok);
    assert_eq!(office.ends().unwrap().which, Which::Device("phone".into()));
    let old = office.register("alice", Credential::Resume(phone.resume_token), "phone");
    assert_eq!(code(&old), Some(Code::AuthFailed), "a second later");
    assert_eq!(code(&office.ask(revoke)), Some(Code::NotFound));
    assert!(office.log_in("phone").new_device);
    let username = name("alice");
    let device = "desk".into();
    let answer = office.operator(Operator::RevokeDevice { username, device });
    assert_eq!(answer, Answer::Ok);
    assert_eq!(office.ends().unwrap().which, Which::Device("desk".into()));
}

#[test]
fn a_disabled_account_is_shut_until_it_is_enabled() {
    let mut office = Office::new();
    office.add_alice();
    let session = office.log_in("d");
    let disable = |office: &mut Office, disabled| {
        let username = name("alice");
        office.operator(Operator::Disable { username, disabled })
    };
    assert_eq!(disable(&mut office, true), Answer::Ok);
    assert_eq!(office.ends().unwrap().which, Which::All);
    let resume = || Credential::Resume(session.resume_token);
    for credential in [password("correct horse"), resume()] {
        let answer = office.register("alice", credential, "d");
        assert_eq!(code(&answer), Some(Code::AuthFailed));
    }
    let account = session.account;
    let devices = office.ask(Ask::Devices {
        account,
        by: "d".into(),
    });
    assert_eq!(code(&devices), Some(Code::NotAllowed));
    assert_eq!(disable(&mut office, false), Answer::Ok);
    assert_eq!(office.ends(), None);
    let old = office.register("alice", resume(), "d");
    assert_eq!(code(&old), Some(Code::AuthFailed), "void for good");
    office.log_in("d");
}

#[test]
fn a_removed_account_leaves_its_name_and_nothing_else() {
    let mut office = Office::new();
    office.add_alice();
    office.operator(Operator::AddKey {
        username: name("alice"),
        key: pair(1).1,
    });
    office.log_in("the telephone");
    let username = name("alice");
    assert_eq!(office.operator(Operator::Remove { username }), Answer::Ok);
    assert_eq!(office.ends().unwrap().which, Which::All);
    assert_eq!(office.ends().unwrap().username, name("Alice"));
    assert!(office.clerk.take_traces().of_account);
    office.store.forget_the_past().unwrap();
    assert_eq!(office.operator(Operator::List), Answer::Accounts(vec![]));
    for (user, expected) in [
        ("Alice", Code::NameTaken),
        ("ALICE", Code::NameTaken),
        ("Al\u{456}ce1", Code::NameConfusable),
    ] {
        let user = user.trim_end_matches('1');
        assert_eq!(code(&office.add(user, None)), Some(expected), "{user}");
    }
    let username = name("alice");
    let again = office.operator(Operator::Remove { username });
    assert_eq!(code(&again), Some(Code::UnknownUser));
    let answer = office.register("alice", by_key(1, &NONCE, SERVER, "alice"), "d");
    assert_eq!(code(&answer), Some(Code::AuthFailed));
    let (dir, mut bytes) = (office.dir.clone(), Vec::new());
    drop(office);
    for entry in std::fs::read_dir(&dir.0).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let found = |needle: &[u8]| bytes.windows(needle.len()).any(|at| at == needle);
    assert!(found(b"alice"), "the name as compared");
    for gone in [b"Alice".as_slice(), b"$argon2id", b"telephone", &pair(1).1] {
        assert!(!found(gone), "{}", String::from_utf8_lossy(gone));
    }
}

#[test]
fn the_last_credential_cannot_be_removed() {
    let mut office = Office::new();
    office.add("Alice", Some(NewCredential::Key(pair(1).1, None)));
    let answer = office.register("alice", by_key(1, &NONCE, SERVER, "alice"), "d");
    let account = registered(answer).account;
    let remove = |office: &mut Office, seed| {
        let key = pair(seed).1;
        code(&office.ask(Ask::RemoveKey {
            account,
            by: "d".into(),
            key,
        }))
    };
    assert_eq!(remove(&mut office, 1), Some(Code::NotAllowed));
    assert_eq!(remove(&mut office, 2), Some(Code::NotFound));
    office.operator(Operator::AddKey {
        username: name("alice"),
        key: pair(2).1,
    });
    assert_eq!(remove(&mut office, 1), None);
    assert_eq!(remove(&mut office, 2), Some(Code::NotAllowed));
    office.ask(Ask::SetPassword {
        account,
        password: secret("correct horse"),
        device: "d".into(),
    });
    assert_eq!(remove(&mut office, 2), None);
}

#[test]
fn a_key_is_added_by_its_own_signature_only_and_sixteen_at_most() {
    let mut office = Office::new();
    office.add_alice();
    let account = office.log_in("d").account;
    let add = |office: &mut Office, key, signature| {
        code(&office.ask(Ask::AddKey {
            account,
            by: "d".into(),
            username: name("Alice"),
            key,
            signature,
            nonce: NONCE,
        }))
    };
    let signed = |seed| sign(seed, &NONCE, SERVER, "Alice");
    let failed = Some(Code::AuthFailed);
    assert_eq!(add(&mut office, pair(1).1, signed(2)), failed);
    let old = sign(1, &[8; 16], SERVER, "Alice");
    assert_eq!(add(&mut office, pair(1).1, old), failed);
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(add(&mut office, identity, signed(1)), Some(Code::BadValue));
    for seed in 1..=16 {
        assert_eq!(add(&mut office, pair(seed).1, signed(seed)), None);
    }
    assert_eq!(
        add(&mut office, pair(17).1, signed(17)),
        Some(Code::NotAllowed)
    );
    assert_eq!(add(&mut office, pair(16).1, signed(16)), None, "is there");
}

#[test]
fn signing_up_is_open_or_closed_and_paid_for_by_the_address() {
    let mut office = Office::new();
    let create = |office: &mut Office, user: &str, origin| {
        code(&office.ask(Ask::Create {
            username: name(user),
            credential: NewCredential::Password(secret("correct horse")),
            nonce: NONCE,
            origin,
        }))
    };
    assert_eq!(create(&mut office, "Alice", Origin::Local), None);
    office.log_in("d");
    let taken = create(&mut office, "aLICE", Origin::Local);
    assert_eq!(taken, Some(Code::NameTaken));
    for n in 0..5 {
        let user = format!("user{n}x");
        assert_eq!(create(&mut office, &user, Origin::V4(1)), None);
    }
    let sixth = create(&mut office, "sixth", Origin::V4(1));
    assert_eq!(sixth, Some(Code::RateLimited));
    office.reconfigure(|settings| settings.config.signup_open = false);
    let closed = create(&mut office, "late", Origin::Local);
    assert_eq!(closed, Some(Code::NotAllowed));
    let Answer::Accounts(accounts) = office.operator(Operator::List) else {
        panic!("accounts")
    };
    assert_eq!(accounts.len(), 6);
    assert!(accounts[0].has_password && accounts[0].devices == 1);
}

#[test]
fn bad_new_passwords_and_unsigned_keys_are_refused_with_their_field() {
    let mut office = Office::new();
    for (credential, expected, field) in [
        (
            NewCredential::Password(secret("")),
            Code::BadValue,
            "password",
        ),
        (
            NewCredential::Password(secret(&"x".repeat(1_025))),
            Code::BadValue,
            "password",
        ),
        (
            NewCredential::Key(pair(1).1, None),
            Code::AuthFailed,
            "signature",
        ),
        (
            NewCredential::Key(pair(1).1, Some(sign(1, &NONCE, SERVER, "Bob"))),
            Code::AuthFailed,
            "signature",
        ),
    ] {
        let answer = office.ask(Ask::Create {
            username: name("Alice"),
            credential,
            nonce: NONCE,
            origin: Origin::Local,
        });
        let Answer::Refused(refused) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!((refused.code, refused.field), (expected, Some(field)));
    }
    assert_eq!(office.operator(Operator::List), Answer::Accounts(vec![]));
}

/// E12: whatever is asked and answered can be shown.
#[test]
fn no_secret_is_in_what_debug_shows() {
    let mut office = Office::new();
    office.add_alice();
    let ask = Ask::Operator(Operator::Add {
        username: name("Bob"),
        credential: Some(NewCredential::Password(secret("CANARY-1"))),
    });
    let shown = format!("{ask:?} {:?}", password("CANARY-2"));
    assert!(!shown.contains("CANARY"), "{shown}");
    let asker = Asker::Admin(1);
    let (clerk, now) = (&mut office.clerk, office.now);
    let step = office
        .store
        .batch(|t| clerk.step(t, Job { asker, ask }, &now));
    let shown = format!("{:?}", step.unwrap().unwrap());
    assert!(!shown.contains("CANARY"), "{shown}");
}
