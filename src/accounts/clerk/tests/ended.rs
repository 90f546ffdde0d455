//! What sessions asked that were about to end.

use super::*;

/// What `office`'s account begins, and, once its password was hashed, how it ends.
fn begin(office: &mut Office, ask: Ask) -> Box<Task> {
    let (clerk, now, asker) = (&mut office.clerk, office.now, Asker::Admin(7));
    let step = office
        .store
        .batch(|t| clerk.step(t, Job { asker, ask }, &now));
    match step.unwrap().unwrap() {
        Step::Hash(task) => task,
        Step::Done(done) => panic!("{done:?}"),
    }
}

fn end(office: &mut Office, task: &Task) -> Answer {
    let (clerk, now, hashed) = (&mut office.clerk, office.now, task.run());
    let done = office.store.batch(|t| clerk.finish(t, hashed, &now));
    done.unwrap().unwrap().answer
}

fn reset() -> Operator {
    Operator::SetPassword {
        username: name("alice"),
        password: secret("by the operator"),
    }
}

/// What ends the session of alice's device `d`.
fn orders() -> [Operator; 4] {
    let username = || name("alice");
    [
        Operator::RevokeDevice {
            username: username(),
            device: "d".into(),
        },
        reset(),
        Operator::Disable {
            username: username(),
            disabled: true,
        },
        Operator::Remove {
            username: username(),
        },
    ]
}

/// A session whose end is on its way to it changes nothing any more.
#[test]
fn what_a_session_asked_before_it_was_ended_is_not_done() {
    for meanwhile in orders() {
        let mut office = Office::new();
        office.add_alice();
        let account = office.log_in("d").account;
        office.log_in("other");
        let by = || "d".into();
        let set = begin(
            &mut office,
            Ask::SetPassword {
                account,
                password: secret("battery staple"),
                device: by(),
            },
        );
        let operators = begin(&mut office, Ask::Operator(reset()));
        assert_eq!(office.operator(meanwhile.clone()), Answer::Ok);
        for ask in [
            Ask::AddKey {
                account,
                by: by(),
                username: name("Alice"),
                key: pair(1).1,
                signature: sign(1, &NONCE, SERVER, "Alice"),
                nonce: NONCE,
            },
            Ask::RemoveKey {
                account,
                by: by(),
                key: pair(1).1,
            },
            Ask::Devices { account, by: by() },
            Ask::RevokeDevice {
                account,
                by: by(),
                device: "other".into(),
            },
            Ask::SetPassword {
                account,
                password: secret("battery staple"),
                device: by(),
            },
        ] {
            let answer = office.ask(ask.clone());
            assert_eq!(code(&answer), Some(Code::NotAllowed), "{ask:?}");
        }
        let answer = end(&mut office, &set);
        assert_eq!(code(&answer), Some(Code::NotAllowed), "{meanwhile:?}");
        let removed = matches!(meanwhile, Operator::Remove { .. });
        let expected = removed.then_some(Code::UnknownUser);
        assert_eq!(code(&end(&mut office, &operators)), expected);
    }
}

#[test]
fn of_two_new_passwords_at_once_the_second_is_not_set() {
    let mut office = Office::new();
    office.add_alice();
    let account = office.log_in("d").account;
    let set = |office: &mut Office, word| {
        let (password, device) = (secret(word), "d".into());
        begin(
            office,
            Ask::SetPassword {
                account,
                password,
                device,
            },
        )
    };
    let (first, second) = (set(&mut office, "one"), set(&mut office, "two"));
    assert_eq!(end(&mut office, &first), Answer::Ok);
    let answer = end(&mut office, &second);
    assert_eq!(code(&answer), Some(Code::NotAllowed));
    registered(office.register("alice", password("one"), "d"));
}

#[test]
fn a_changed_password_voids_what_the_sessions_own_token_was_given_for() {
    let mut office = Office::new();
    office.add_alice();
    let old = office.log_in("d").resume_token;
    let next = registered(office.register("alice", Credential::Resume(old), "d"));
    let answer = office.ask(Ask::SetPassword {
        account: next.account,
        password: secret("battery staple"),
        device: "d".into(),
    });
    assert_eq!(answer, Answer::Ok);
    let again = office.register("alice", Credential::Resume(old), "d");
    assert_eq!(code(&again), Some(Code::AuthFailed));
    registered(office.register("alice", Credential::Resume(next.resume_token), "d"));
}
