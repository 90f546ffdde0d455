//! Messages that are stored, and the commands that are answered by what is stored. Knows neither where nor by whose leave.

use crate::accounts::{Ask as Asked, Asker, Job};
use crate::id::ConnId;
use crate::mailbox::{self, Ask, Letter, Listing, Sender};
use crate::router::accounts::Pending;
use crate::router::fault::{Fault, not_registered};
use crate::router::mail::echo::{Echo, Purpose};
use crate::router::session::Session;
use crate::router::{Router, Table};
use crate::wire::code::{Code, Verb};
use crate::wire::command::{Mail, PrivateMessage, Raw};
use crate::wire::name::Name;

impl Router {
    /// A message that waits for its recipient: accepted once it is stored.
    #[inline(never)]
    pub(in crate::router) fn store<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        message: &PrivateMessage<'a>,
        out: &mut T,
    ) -> Result<(), Fault<'a>> {
        let owned = |raw: Option<Raw<'_>>| raw.map(between_quotes);
        let ask = Ask::Send(Letter {
            to: message.to.clone().into_owned(),
            message: message.message.0.into(),
            message_id: owned(message.message_id),
            kind: owned(message.kind),
            reply_to: message.reply_to.and_then(number),
            expires_in_s: message.expires_in_s,
        });
        let echo = Echo::to(id, message.to_raw);
        let bytes = message.message.0.len();
        self.post(from, echo, Verb::PrivateMessage, ask, bytes, out)
    }

    /// What is asked of the mailbox. Where the answer is long, the next line waits for it.
    pub(in crate::router) fn mail<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        mail: &Mail<'a>,
        out: &mut T,
    ) -> Result<(), Fault<'a>> {
        let (ask, waits) = ask_of(mail);
        let verb = mail.verb();
        if waits {
            return self.wait_for(from, Pending::of(id, verb), ask, out);
        }
        let bytes = match mail {
            Mail::Edit { message, .. } => message.0.len(),
            _ => 0,
        };
        self.post(from, Echo::of(id), verb, ask, bytes, out)
    }

    /// Puts a question whose connection goes on. `bytes`: of a message in it.
    pub(super) fn post<'a, T: Table>(
        &mut self,
        from: ConnId,
        echo: Echo<'a>,
        verb: Verb,
        ask: Ask,
        bytes: usize,
        out: &mut T,
    ) -> Result<(), Fault<'a>> {
        let purpose = match (&ask, verb) {
            (Ask::Reach { .. }, Verb::Typing) => Purpose::Typing,
            (Ask::Reach { .. }, _) => Purpose::Ephemeral,
            _ => Purpose::Posted,
        };
        let mail = mailbox::Mail {
            from: self.sender(from).ok_or_else(not_registered)?,
            reply: echo.pack(purpose),
            verb,
            ask,
        };
        let job = Job {
            asker: Asker::Conn(from),
            ask: Asked::Mail(Box::new(mail)),
        };
        match out.post(job, bytes) {
            true => Ok(()),
            false => Err(Fault::new(
                Code::Overloaded,
                "too much is to be stored now; try again",
            )),
        }
    }

    /// Puts a question whose connection waits for the answer.
    pub(in crate::router) fn wait_for<'a, T: Table>(
        &mut self,
        from: ConnId,
        pending: Pending,
        ask: Ask,
        out: &mut T,
    ) -> Result<(), Fault<'a>> {
        let mail = mailbox::Mail {
            from: self.sender(from).ok_or_else(not_registered)?,
            reply: Echo::default().pack(Purpose::Asked),
            verb: pending.verb,
            ask,
        };
        self.ask(from, Asked::Mail(Box::new(mail)), pending, out)
    }

    /// Who a session is to its mailbox.
    pub(super) fn sender(&self, id: ConnId) -> Option<Sender> {
        let member = self.sessions.get(id).and_then(Session::member)?;
        Some(Sender {
            account: member.account,
            device: member.device.clone(),
            invisible: member.invisible,
        })
    }
}

/// The question, and whether the connection waits for its answer.
fn ask_of(mail: &Mail<'_>) -> (Ask, bool) {
    let owned = |name: &Name<'_>| name.clone().into_owned();
    let ask = match mail {
        Mail::History { with, page, limit } => {
            let (with, page, limit) = (owned(with), *page, *limit);
            return (Ask::History { with, page, limit }, true);
        }
        Mail::Conversations { before, limit } => {
            let asked = Listing::new(before.as_ref().map(owned), *limit);
            return (Ask::Conversations(Box::new(asked)), true);
        }
        Mail::MarkRead { with, seq, private } => Ask::MarkRead {
            with: owned(with),
            seq: *seq,
            private: *private,
        },
        Mail::Edit { with, seq, message } => Ask::Edit {
            with: owned(with),
            seq: *seq,
            message: message.0.into(),
        },
        Mail::Delete {
            with,
            seq,
            for_both,
        } => Ask::Delete {
            with: owned(with),
            seq: *seq,
            for_both: *for_both,
        },
        Mail::Relate { username, relation } => Ask::Relate {
            with: owned(username),
            relation: *relation,
        },
        Mail::Settings {
            accept_from,
            delivery_receipts,
            read_receipts,
        } => Ask::Settings {
            accept_from: *accept_from,
            delivery_receipts: *delivery_receipts,
            read_receipts: *read_receipts,
        },
    };
    (ask, false)
}

/// Of a field that holds a whole number.
/// Of a string as it was sent.
fn between_quotes(raw: Raw<'_>) -> Box<[u8]> {
    match raw.0 {
        [b'"', text @ .., b'"'] => text.into(),
        text => text.into(),
    }
}

fn number(raw: Raw<'_>) -> Option<u64> {
    std::str::from_utf8(raw.0).ok()?.parse().ok()
}
