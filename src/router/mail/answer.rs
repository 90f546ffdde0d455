//! What became of a question about a mailbox, told to who asked. Knows neither where it was answered nor how.

use crate::accounts::Refused;
use crate::id::ConnId;
use crate::mailbox::Answer;
use crate::router::fault::{Fault, refuse};
use crate::router::mail::echo::{Echo, Purpose};
use crate::router::{Router, Table};
use crate::time::Now;
use crate::wire::code::{Code, Goodbye, Verb};
use crate::wire::frame::Frame;

impl Router {
    /// `id` may be gone by now.
    pub(in crate::router) fn mail_answer<T: Table>(
        &mut self,
        id: ConnId,
        reply: Option<&[u8]>,
        verb: Verb,
        answer: &Answer,
        out: &mut T,
        now: &Now,
    ) {
        if let (Answer::Accepted(accepted), Verb::PrivateMessage) = (answer, verb) {
            self.messages += u64::from(!accepted.duplicate);
        }
        let Some((purpose, echo)) = reply.and_then(Echo::unpack) else {
            return;
        };
        match purpose {
            Purpose::Fetch => {
                let fetched = match answer {
                    Answer::Fetched(fetched) => Some(fetched),
                    _ => None,
                };
                self.fetched(id, fetched, out, now);
            }
            // Nobody asked for it; what was not stored is proved again by what arrives next.
            Purpose::Proof => {}
            Purpose::Asked => self.waited_for(id, answer, out, now),
            Purpose::Ack => self.told(id, &echo, verb, answer, out),
            Purpose::Posted => {
                if out.post_answered(id) {
                    self.told(id, &echo, verb, answer, out);
                }
            }
            Purpose::Ephemeral | Purpose::Typing => {
                let is_there = out.post_answered(id);
                self.reached(id, purpose, &echo, answer, is_there, out, now);
            }
        }
    }

    /// The reply to a command whose connection did not wait.
    fn told<T: Table>(
        &mut self,
        id: ConnId,
        echo: &Echo<'_>,
        verb: Verb,
        answer: &Answer,
        out: &mut T,
    ) {
        let reply = echo.id();
        match answer {
            Answer::Accepted(accepted) if reply.is_some() || accepted.message_id.is_some() => {
                out.send(
                    id,
                    &Frame::Stored {
                        id: reply,
                        accepted,
                    },
                );
            }
            Answer::Settings(settings) => {
                out.send(
                    id,
                    &Frame::Settings {
                        id: reply,
                        settings,
                    },
                );
            }
            Answer::Accepted(_) => {}
            Answer::Ok => {
                if let Some(id_of_reply) = reply {
                    let (command, reply) = (verb, id_of_reply);
                    out.send(id, &Frame::Ok { id: reply, command });
                }
            }
            Answer::Refused(refused) => {
                if verb == Verb::Ack {
                    self.ack_failed(id);
                }
                tell_refused(id, echo, verb, refused, out);
            }
            _ => out.close(id, Goodbye::InternalError, reply),
        }
    }
}

/// An error about a recipient echoes it as it was sent.
pub(super) fn tell_refused<T: Table>(
    id: ConnId,
    echo: &Echo<'_>,
    verb: Verb,
    refused: &Refused,
    out: &mut T,
) {
    let concerns_recipient = matches!(
        refused.code,
        Code::UnknownUser | Code::NotAccepted | Code::RecipientBusy | Code::MailboxFull
    );
    let to_raw = echo.recipient().filter(|_| concerns_recipient);
    let mut fault = Fault {
        field: refused.field,
        retry_after_ms: refused.retry_after_ms,
        to_raw,
        ..Fault::new(refused.code, refused.message)
    };
    if let (Code::UnknownUser, Some(to)) = (refused.code, to_raw) {
        fault.message = format!("User {} not found", String::from_utf8_lossy(to.0)).into();
    }
    refuse(out, id, echo.id(), Some(verb), &fault);
}
