//! Answers that connections wait for: lists, exports, and who may be watched. Knows neither what is stored nor where.

use crate::id::ConnId;
use crate::mailbox::{Answer, Ask, Exported, Regard};
use crate::router::accounts::Pending;
use crate::router::fault::{Fault, refuse};
use crate::router::{Router, Table};
use crate::time::Now;
use crate::wire::code::{Goodbye, Verb};
use crate::wire::command::Raw;
use crate::wire::frame::Frame;
use crate::wire::name::Name;

impl Router {
    /// `watch`: in open mode everybody may see everybody; else it is asked whom this account may see.
    pub(in crate::router) fn watch_if_permitted<'a, T: Table>(
        &mut self,
        from: ConnId,
        id: Option<Raw<'a>>,
        names: &[Name<'a>],
        out: &mut T,
        now: &Now,
    ) -> Result<(), Fault<'a>> {
        if self.mailbox.is_none() {
            return self.watch(from, id, names, &vec![true; names.len()], out, now);
        }
        self.check_watch(from, names)?;
        let usernames: Vec<Name<'static>> =
            names.iter().map(|name| name.clone().into_owned()).collect();
        let pending = Pending {
            names: usernames.clone(),
            ..Pending::of(id, Verb::Watch)
        };
        self.wait_for(from, pending, Ask::Watch { usernames }, out)
    }

    /// What a connection has waited for.
    pub(super) fn waited_for<T: Table>(
        &mut self,
        id: ConnId,
        answer: &Answer,
        out: &mut T,
        now: &Now,
    ) {
        if let Answer::Export { lines, next } = answer {
            return self.export(id, lines, *next, out);
        }
        if let Answer::Listing(listing) = answer {
            return self.ask_on(id, Ask::Conversations(listing.clone()), out);
        }
        let is_there = out.answered(id);
        let Some(pending) = self.take_pending(id).filter(|_| is_there) else {
            return;
        };
        let reply = pending.id.as_deref().map(Raw);
        let command = pending.verb;
        match answer {
            Answer::History { messages, complete } => {
                for message in messages {
                    out.send(id, &Frame::Replay { id: reply, message });
                }
                done(id, reply, command, messages.len(), *complete, out);
            }
            Answer::Conversations {
                conversations,
                complete,
            } => {
                for conversation in conversations {
                    out.send(
                        id,
                        &Frame::Conversation {
                            id: reply,
                            conversation,
                        },
                    );
                }
                done(id, reply, command, conversations.len(), *complete, out);
            }
            Answer::Watch(permitted) => {
                let watched = self.watch(id, reply, &pending.names, permitted, out, now);
                if let Err(fault) = watched {
                    refuse(out, id, reply, Some(command), &fault);
                }
            }
            Answer::Ok => {
                if let Some(reply) = reply {
                    out.send(id, &Frame::Ok { id: reply, command });
                }
            }
            Answer::Refused(refused) => self.refuse_answer(id, reply, command, refused, out),
            _ => out.close(id, Goodbye::InternalError, reply),
        }
    }

    /// One part of an export. The next is asked for when there is room for it; until then the connection waits.
    fn export<T: Table>(
        &mut self,
        id: ConnId,
        lines: &[Box<[u8]>],
        next: Option<Exported>,
        out: &mut T,
    ) {
        let mailbox = self.mailbox.as_mut();
        let Some(pending) = mailbox.and_then(|mailbox| mailbox.pending_mut(id)) else {
            out.answered(id);
            return;
        };
        for line in lines {
            out.send(id, &Frame::Line(line));
        }
        let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        pending.lines = pending.lines.saturating_add(count);
        pending.next = next;
        if next.is_some() {
            if !out.await_room(id) {
                self.go_on_listing(id, out);
            }
            return;
        }
        let is_there = out.answered(id);
        if let Some(pending) = self.take_pending(id).filter(|_| is_there) {
            let reply = pending.id.as_deref().map(Raw);
            done(id, reply, Verb::Account, pending.lines as usize, true, out);
        }
    }

    /// There is room for the next part of an export, if one goes on.
    pub(super) fn go_on_listing<T: Table>(&mut self, id: ConnId, out: &mut T) {
        let mailbox = self.mailbox.as_mut();
        let next = mailbox
            .and_then(|mailbox| mailbox.pending_mut(id))
            .and_then(|pending| pending.next.take());
        if let Some(from) = next {
            self.ask_on(id, Ask::Export { from }, out);
        }
    }

    /// The connection goes on waiting, for the rest.
    fn ask_on<T: Table>(&mut self, id: ConnId, ask: Ask, out: &mut T) {
        let Some(pending) = self.take_pending(id) else {
            out.answered(id);
            return;
        };
        let (reply, command) = (pending.id.clone(), pending.verb);
        if let Err(fault) = self.wait_for(id, *pending, ask, out) {
            out.answered(id);
            let reply = reply.as_deref().map(Raw);
            refuse(out, id, reply, Some(command), &fault);
        }
    }

    /// Somebody may see somebody else, or may not any more; what is not stored is asked about anew.
    pub(in crate::router) fn regard<T: Table>(
        &mut self,
        regards: &[Regard],
        out: &mut T,
        now: &Now,
    ) {
        if let Some(mailbox) = self.mailbox.as_mut().filter(|_| !regards.is_empty()) {
            mailbox.post.generation = mailbox.post.generation.wrapping_add(1);
        }
        for regard in regards {
            for watcher in self.sessions_of(regard.toward.key()) {
                self.let_see(watcher, &regard.owner, regard.shows_presence, out, now);
            }
        }
    }

    fn take_pending(&mut self, id: ConnId) -> Option<Box<Pending>> {
        self.mailbox.as_mut()?.take_pending(id)
    }
}

fn done<T: Table>(
    id: ConnId,
    reply: Option<Raw<'_>>,
    command: Verb,
    count: usize,
    complete: bool,
    out: &mut T,
) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    out.send(
        id,
        &Frame::Done {
            id: reply,
            command,
            count,
            complete,
        },
    );
}
