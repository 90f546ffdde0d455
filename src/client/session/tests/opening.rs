//! From `hello` to `registered`, and the end.

use std::time::Duration;

use super::*;

#[test]
fn a_token_that_is_void_gives_way_to_the_password() {
    let mut play = Play::with(Credential::password("pw"), None, Some("old"));
    play.session.connected();
    play.line(HELLO);
    let sent = play.sent();
    assert!(
        sent.contains("\"resumeToken\":\"old\"") && !sent.contains("pw"),
        "{sent}"
    );
    let refused = r#"{"type":"errorMessage","command":"register","code":"authFailed","message":"no","retryable":false}"#;
    assert_eq!(play.line(refused), Next::Go);
    let sent = play.sent();
    assert!(
        sent.contains("\"password\":\"pw\"") && !sent.contains("resumeToken"),
        "{sent}"
    );
    assert_eq!(play.line(refused), Next::Over);
    assert!(matches!(play.event(), Some(Event::Ended(End::Register(_)))));
}

#[test]
fn a_password_is_not_sent_where_others_can_read_it() {
    let mut play = Play::with(Credential::password("pw"), None, None);
    play.session.who.confidential = false;
    play.session.connected();
    assert_eq!(play.line(HELLO), Next::Over);
    assert_eq!(play.sent(), "");
    // Nor where it is not asked for.
    let mut play = Play::with(Credential::password("pw"), None, None);
    play.session.connected();
    assert_eq!(play.line(&HELLO.replace("\"password\",", "")), Next::Over);
    assert_eq!(play.sent(), "");
}

#[test]
fn whether_to_come_back_is_the_servers_word() {
    let goodbye = |reconnect: bool| {
        format!(
            r#"{{"type":"goodbye","code":"x","message":"m","reconnect":{reconnect},"afterMs":1200}}"#
        )
    };
    let mut play = Play::registered();
    let next = play.line(&goodbye(true));
    assert!(matches!(next, Next::Again { after, .. } if after == Duration::from_millis(1_200)));
    let mut play = Play::registered();
    assert_eq!(play.line(&goodbye(false)), Next::Over);
    assert!(matches!(
        play.event(),
        Some(Event::Ended(End::Goodbye { .. }))
    ));
    let mut play = Play::with(Credential::None, None, None);
    play.session.connected();
    assert_eq!(play.line("SSH-2.0-OpenSSH_9.2"), Next::Over);
}
