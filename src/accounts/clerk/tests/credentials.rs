//! What proves a name, and each one's negative twins.

use super::*;

#[test]
fn a_password_proves_its_name_and_no_other() {
    let mut office = Office::new();
    office.add_alice();
    let bob = Some(NewCredential::Password(secret("battery staple")));
    assert_eq!(office.add("Bob", bob), Answer::Ok);
    let first = office.log_in("phone");
    assert_eq!(first.username, name("Alice"), "as the account was made");
    assert!(first.new_device && first.resume_token != 0);
    assert!(!office.log_in("phone").new_device);
    for (user, word) in [
        ("alice", "battery staple"),
        ("bob", "correct horse"),
        ("alice", "correct hors"),
        ("alice", ""),
    ] {
        let answer = office.register(user, password(word), "phone");
        assert_eq!(code(&answer), Some(Code::AuthFailed), "{user} {word}");
    }
}

/// The answer, the number of hashes and what each costs: E10, but for the clock.
#[test]
fn a_name_that_nobody_has_is_answered_like_a_wrong_password_with_the_same_work() {
    let mut office = Office::with(|settings| settings.config.tries_per_minute = 60_000);
    office.add_alice();
    assert_eq!(office.add("Keyed", None), Answer::Ok);
    for user in ["Shut", "Gone"] {
        let credential = Some(NewCredential::Password(secret("correct horse")));
        assert_eq!(office.add(user, credential), Answer::Ok);
    }
    let disabled = true;
    let username = name("shut");
    office.operator(Operator::Disable { username, disabled });
    office.operator(Operator::Remove {
        username: name("gone"),
    });
    let wrong = office.register("alice", password("wrong"), "d");
    assert_eq!(code(&wrong), Some(Code::AuthFailed));
    for user in ["nobody1", "keyed", "shut", "gone"] {
        for word in ["correct horse", "wrong", "\t", ""] {
            office.hashes.clear();
            let twin = office.register(
                "alice",
                password(if word == "correct horse" { "x" } else { word }),
                "d",
            );
            let of_twin = std::mem::take(&mut office.hashes);
            assert_eq!(office.register(user, password(word), "d"), twin, "{user}");
            assert_eq!(office.hashes, of_twin, "{user} {word:?}");
            assert_eq!(wrong, twin);
        }
    }
}

/// E10 by count: 2,000 tries for each kind of name.
#[test]
fn e10_the_work_of_a_try_does_not_depend_on_the_name() {
    let mut office = Office::with(|settings| settings.config.tries_per_minute = 60_000);
    office.add_alice();
    for (user, tries) in [("alice", 2_000), ("nobody1", 2_000)] {
        office.hashes.clear();
        for n in 0..tries {
            office.wait(1);
            office.register(user, password(&format!("p{n}")), "d");
        }
        let cost = office.clerk.cost();
        assert_eq!(office.hashes.len(), tries, "{user}");
        assert!(office.hashes.iter().all(|hash| *hash == cost), "{user}");
    }
}

#[test]
fn a_raised_cost_is_paid_at_the_next_login_only() {
    let mut office = Office::new();
    office.add_alice();
    office.reconfigure(|settings| settings.config.password_passes = 3);
    for passes in [1, 3, 3] {
        office.hashes.clear();
        office.log_in("d");
        assert_eq!(office.hashes[0].passes, passes);
    }
    office.reconfigure(|settings| settings.config.password_passes = 2);
    office.log_in("d");
    office.log_in("d");
    assert_eq!(office.hashes.last().unwrap().passes, 3, "never lowered");
}

/// A hash that is checked while the password is changed proves nothing.
#[test]
fn a_password_that_was_changed_while_it_was_checked_is_not_good() {
    let mut office = Office::new();
    office.add_alice();
    let ask = Ask::Register {
        mail: crate::mailbox::Wanted::default(),
        username: name("alice"),
        credential: password("correct horse"),
        device: "d".into(),
        nonce: NONCE,
        origin: Origin::Local,
    };
    let asker = Asker::Admin(7);
    let (clerk, now) = (&mut office.clerk, office.now);
    let step = office
        .store
        .batch(|t| clerk.step(t, Job { asker, ask }, &now));
    let Step::Hash(task) = step.unwrap().unwrap() else {
        panic!("a password is hashed")
    };
    office.operator(Operator::SetPassword {
        username: name("alice"),
        password: secret("battery staple"),
    });
    let hashed = task.run();
    assert!(hashed.verified);
    let clerk = &mut office.clerk;
    let done = office.store.batch(|t| clerk.finish(t, hashed, &now));
    assert_eq!(code(&done.unwrap().unwrap().answer), Some(Code::AuthFailed));
}

#[test]
fn a_signature_is_good_for_its_name_its_server_its_nonce_and_while_the_key_is_there() {
    let mut office = Office::new();
    for (user, seed) in [("Alice", 1), ("Bob", 2)] {
        let credential = Some(NewCredential::Key(pair(seed).1, None));
        assert_eq!(office.add(user, credential), Answer::Ok);
    }
    let answer = office.register("Alice", by_key(1, &NONCE, SERVER, "Alice"), "d");
    let account = registered(answer).account;
    for (what, credential) in [
        ("another name", by_key(1, &NONCE, SERVER, "Bob")),
        ("as it is not written", by_key(1, &NONCE, SERVER, "alice")),
        (
            "another server",
            by_key(1, &NONCE, "chat.example.org", "Alice"),
        ),
        ("an old nonce", by_key(1, &[8; 16], SERVER, "Alice")),
        ("another's key", by_key(2, &NONCE, SERVER, "Alice")),
        ("nobody's key", by_key(3, &NONCE, SERVER, "Alice")),
    ] {
        let answer = office.register("Alice", credential, "d");
        assert_eq!(code(&answer), Some(Code::AuthFailed), "{what}");
    }
    // As the client writes the name is what it signs.
    registered(office.register("ALICE", by_key(1, &NONCE, SERVER, "ALICE"), "d"));
    let (public, signature) = (pair(4).1, sign(4, &NONCE, SERVER, "Alice"));
    let username = name("Alice");
    let nonce = NONCE;
    let added = office.ask(Ask::AddKey {
        account,
        by: "d".into(),
        username,
        key: public,
        signature,
        nonce,
    });
    assert_eq!(added, Answer::Ok);
    registered(office.register("Alice", by_key(4, &NONCE, SERVER, "Alice"), "d"));
    let removed = office.ask(Ask::RemoveKey {
        account,
        by: "d".into(),
        key: public,
    });
    assert_eq!(removed, Answer::Ok);
    let answer = office.register("Alice", by_key(4, &NONCE, SERVER, "Alice"), "d");
    assert_eq!(code(&answer), Some(Code::AuthFailed), "a second later");
}

#[test]
fn a_resume_token_is_good_for_its_account_and_device_across_a_restart() {
    let mut office = Office::new();
    office.add_alice();
    office.add("Bob", None);
    let token = office.log_in("phone").resume_token;
    let mut office = office.restart();
    for (user, device, shown) in [
        ("bob", "phone", token),
        ("alice", "tablet", token),
        ("alice", "phone", token ^ 1),
        ("alice", "phone", 0),
        ("nobody1", "phone", token),
    ] {
        let answer = office.register(user, Credential::Resume(shown), device);
        assert_eq!(code(&answer), Some(Code::AuthFailed), "{user} {device}");
    }
    let next = registered(office.register("ALICE", Credential::Resume(token), "phone"));
    assert_ne!(next.resume_token, token);
    assert!(!next.new_device);
    assert_eq!(next.failures, 3, "those at this name");
}

/// E13.
#[test]
fn e13_of_ten_thousand_replays_none_is_accepted_and_the_sessions_are_told() {
    let mut office = Office::with(|settings| settings.config.tries_per_minute = 60_000);
    office.add_alice();
    let first = office.log_in("d").resume_token;
    let resume = Credential::Resume;
    // The answer was lost: the old one is good again, until its successor is used.
    let lost = registered(office.register("alice", resume(first), "d")).resume_token;
    let second = registered(office.register("alice", resume(first), "d")).resume_token;
    let third = registered(office.register("alice", resume(second), "d")).resume_token;
    let mut told = 0;
    for n in 0..10_000_u32 {
        if n == 5_000 {
            office = office.restart();
        }
        office.wait(60);
        let spent = [first, lost][n as usize % 2];
        let answer = office.register("alice", resume(spent), "d");
        assert_eq!(code(&answer), Some(Code::AuthFailed), "{n}");
        if let Some(Notice::AuthFailures(count)) = office.notice() {
            told += count;
        }
    }
    assert_eq!(told, 10_000);
    let next = registered(office.register("alice", resume(third), "d"));
    assert_eq!(next.failures, 10_000);
}

/// Whoever tells the sessions sums them up.
#[test]
fn each_failure_is_handed_on_however_many_accounts_had_some() {
    let mut office = Office::with(|settings| settings.config.tries_per_minute = 60_000);
    office.add_alice();
    let tell = |office: &mut Office, user| {
        office.register(user, password("wrong"), "d");
        office.notice()
    };
    for _ in 0..4 {
        assert_eq!(tell(&mut office, "alice"), Some(Notice::AuthFailures(1)));
    }
    assert_eq!(tell(&mut office, "nobody1"), None);
    assert_eq!(office.log_in("d").failures, 4);
    assert_eq!(office.log_in("d").failures, 0);
}

/// E11: an account is shut to passwords, not to what cannot be guessed.
#[test]
fn guessing_passwords_keeps_nobody_out_who_has_a_token() {
    let mut office = Office::new();
    office.add_alice();
    office.operator(Operator::AddKey {
        username: name("alice"),
        key: pair(1).1,
    });
    let token = office.log_in("d").resume_token;
    for _ in 0..1_000 {
        office.register("alice", password("wrong"), "d");
    }
    assert!(office.hashes.len() <= 10, "{}", office.hashes.len());
    let Answer::Refused(refused) = office.register("alice", password("correct horse"), "d") else {
        panic!("refused")
    };
    assert_eq!(refused.code, Code::RateLimited);
    assert_eq!(refused.retry_after_ms, Some(12_000));
    registered(office.register("alice", Credential::Resume(token), "d"));
    registered(office.register("alice", by_key(1, &NONCE, SERVER, "alice"), "d"));
    office.wait(12_000);
    office.log_in("d");
}

#[test]
fn an_account_has_at_most_so_many_devices() {
    let mut office = Office::with(|settings| {
        settings.config.max_devices = 2;
        settings.config.tries_per_minute = 100;
    });
    office.add_alice();
    office.log_in("a");
    let account = office.log_in("b").account;
    let third = office.register("alice", password("correct horse"), "c");
    assert_eq!(code(&third), Some(Code::TooManySessions));
    office.log_in("b");
    let device = "a".into();
    office.ask(Ask::RevokeDevice {
        account,
        by: "b".into(),
        device,
    });
    office.log_in("c");
}
