//! Sending sessions what is in their mailboxes: at once to who has everything before it, else as it asks for more. What
//! a reader does not take stays where it is kept. Knows neither where that is nor what the entries mean.

use crate::accounts::{Ask as Asked, Asker, Job};
use crate::id::ConnId;
use crate::mailbox::{self, Entry, FETCH_ENTRIES, Fetched, Mail, Opening};
use crate::net::timers::NEVER;
use crate::planted;
use crate::router::accounts::Pending;
use crate::router::mail::Delivery;
use crate::router::mail::delivery::Phase;
use crate::router::mail::echo::{Echo, Purpose};
use crate::router::session::{Member, Session};
use crate::router::{Router, Table};
use crate::time::Now;
use crate::wire::code::{Deliver, Verb};
use crate::wire::frame::Frame;

/// Before a session that could not be read more, for want of room elsewhere, tries again.
const RETRY_MS: u64 = 200;

impl Router {
    /// The session begins where `opening` says.
    pub(in crate::router) fn begin_delivery<T: Table>(
        &mut self,
        id: ConnId,
        pending: &Pending,
        opening: Option<&Opening>,
        out: &mut T,
        now: &Now,
    ) {
        let (Some(opening), Some(member)) = (opening, self.member_mut(id)) else {
            return;
        };
        let delivery = Delivery::new(pending.deliver, pending.window, opening);
        member.delivery = Some(Box::new(delivery));
        out.follow(id);
        self.catch_up(id, out, now);
    }

    /// What was added to mailboxes, in the order in which it was.
    pub(in crate::router) fn push<T: Table>(&mut self, entries: &[Entry], out: &mut T, now: &Now) {
        for entry in entries {
            let key = entry.owner.key();
            let Some(first) = self.names.find(key.as_bytes(), &self.sessions) else {
                continue;
            };
            let mut id = first;
            loop {
                self.push_to(id, entry, out, now);
                let member = self.sessions.get(id).and_then(Session::member);
                match member.map(|member| member.next) {
                    Some(next) if next != first => id = next,
                    _ => break,
                }
            }
        }
    }

    fn push_to<T: Table>(&mut self, id: ConnId, entry: &Entry, out: &mut T, now: &Now) {
        let bound = self.limits.delivery_queue_bytes;
        let Some(member) = self.member_mut(id) else {
            return;
        };
        let is_own = entry.not_for.is_some() && entry.not_for == member.device;
        let Some(delivery) = member.delivery.as_deref_mut() else {
            return;
        };
        delivery.learn(entry.pos);
        if delivery.phase != Phase::Live {
            return;
        }
        if is_own {
            delivery.at = delivery.at.max(entry.pos);
            return;
        }
        if delivery.window() > 0 && out.space(id, bound) {
            return self.send_entry(id, entry, out, now);
        }
        delivery.phase = Phase::Behind;
        self.catch_up(id, out, now);
    }

    fn send_entry<T: Table>(&mut self, id: ConnId, entry: &Entry, out: &mut T, now: &Now) {
        out.send(id, &Frame::Entry(entry));
        let end = out.output_end(id);
        let Some(delivery) = self.delivery_mut(id) else {
            return;
        };
        let was_out = delivery.is_out();
        delivery.sent(entry.pos, end);
        if delivery.deliver == Deliver::Auto && !was_out {
            delivery.proof.watch(now.mono_ms);
            self.wake(id);
        }
    }

    /// Asks for what a session lacks, if it has room for it; else what makes room leads here again.
    pub(super) fn catch_up<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        let bound = self.limits.delivery_queue_bytes;
        let is_behind = |delivery: &&mut Delivery| delivery.phase == Phase::Behind;
        let Some(delivery) = self.delivery_mut(id).filter(is_behind) else {
            return;
        };
        if delivery.at >= delivery.head || planted::is(planted::Fault::SyncedEarly) {
            delivery.phase = Phase::Live;
            return self.caught_up(id, out, now);
        }
        if delivery.window() == 0 && !self.look_for_window(id, out, now) {
            return;
        }
        if out.await_room(id) {
            return;
        }
        let has_space = out.space(id, bound);
        let Some(delivery) = self.delivery_mut(id) else {
            return;
        };
        if !has_space {
            delivery.retry_ms = now.mono_ms + RETRY_MS;
            return self.wake(id);
        }
        delivery.retry_ms = NEVER;
        delivery.phase = Phase::Queued;
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.post.queue.push_back(id);
        }
        self.fetch(out);
    }

    /// Lets those who wait for it be read more, as many at once as there may be.
    fn fetch<T: Table>(&mut self, out: &mut T) {
        let max = self.limits.max_fetches;
        loop {
            let Some(mailbox) = &mut self.mailbox else {
                return;
            };
            if mailbox.post.fetching >= max {
                return;
            }
            let Some(id) = mailbox.post.queue.pop_front() else {
                return;
            };
            let Some(from) = self.sender(id) else {
                continue;
            };
            let Some(delivery) = self.delivery_mut(id) else {
                continue;
            };
            if delivery.phase != Phase::Queued {
                continue;
            }
            delivery.phase = Phase::Fetching;
            let ask = mailbox::Ask::Fetch {
                after: delivery.at,
                entries: delivery.window().clamp(1, FETCH_ENTRIES),
            };
            let mail = Mail {
                from,
                reply: Echo::default().pack(Purpose::Fetch),
                verb: Verb::Ack,
                ask,
            };
            out.tell(Job {
                asker: Asker::Conn(id),
                ask: Asked::Mail(Box::new(mail)),
            });
            if let Some(mailbox) = &mut self.mailbox {
                mailbox.post.fetching += 1;
            }
        }
    }

    /// The answer to [`Router::fetch`]; `None`: it could not be read.
    pub(super) fn fetched<T: Table>(
        &mut self,
        id: ConnId,
        fetched: Option<&Fetched>,
        out: &mut T,
        now: &Now,
    ) {
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.post.fetching = mailbox.post.fetching.saturating_sub(1);
        }
        let is_fetching = |delivery: &&mut Delivery| delivery.phase == Phase::Fetching;
        if let Some(delivery) = self.delivery_mut(id).filter(is_fetching) {
            delivery.phase = Phase::Behind;
            match fetched {
                Some(fetched) => self.send_fetched(id, fetched, out, now),
                None => {
                    delivery.retry_ms = now.mono_ms + RETRY_MS;
                    self.wake(id);
                }
            }
        }
        self.fetch(out);
    }

    fn send_fetched<T: Table>(&mut self, id: ConnId, fetched: &Fetched, out: &mut T, now: &Now) {
        let bound = self.limits.delivery_queue_bytes;
        let mut sent_all = true;
        for entry in &fetched.entries {
            let Some(delivery) = self.delivery_mut(id) else {
                return;
            };
            if delivery.window() == 0 || !out.space(id, bound) {
                sent_all = false;
                break;
            }
            self.send_entry(id, entry, out, now);
        }
        if let (true, true, Some(delivery)) = (sent_all, fetched.complete, self.delivery_mut(id)) {
            // What was added later is told later.
            delivery.at = delivery.head;
        }
        self.catch_up(id, out, now);
        self.go_on_ending(id, out, now);
    }

    /// It has everything.
    fn caught_up<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        let Some(delivery) = self.delivery_mut(id) else {
            return;
        };
        delivery.told = delivery.told.max(delivery.at);
        let pos = delivery.at;
        if !std::mem::replace(&mut delivery.synced, true) {
            out.send(id, &Frame::Synced { pos });
        }
        self.go_on_ending(id, out, now);
    }

    /// What waited for a connection is written: there is room for more.
    pub(in crate::router) fn has_room<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        self.catch_up(id, out, now);
        self.go_on_listing(id, out);
    }

    /// Makes sure that the session's next due time is not missed.
    pub(super) fn wake(&mut self, id: ConnId) {
        let member = self.sessions.get_mut(id).and_then(Session::member_mut);
        let Some(member) = member else { return };
        let ending = member
            .ending
            .as_ref()
            .map_or(NEVER, |ending| ending.until_ms);
        let Some(delivery) = member.delivery.as_deref_mut() else {
            return;
        };
        let at = delivery.due_ms().min(ending);
        if let Some(mailbox) = &mut self.mailbox
            && at < delivery.wake_ms
        {
            mailbox.post.due.remove(&(delivery.wake_ms, id));
            mailbox.post.due.insert((at, id));
            delivery.wake_ms = at;
        }
    }

    /// Does what has become due. Returns when something is next, in monotonic ms.
    pub(in crate::router) fn tick_mail<T: Table>(&mut self, out: &mut T, now: &Now) -> u64 {
        loop {
            let Some(mailbox) = &mut self.mailbox else {
                return NEVER;
            };
            let Some((at, id)) = mailbox.post.due.first().copied() else {
                return NEVER;
            };
            if at > now.mono_ms {
                return at;
            }
            mailbox.post.due.pop_first();
            self.woken(id, out, now);
        }
    }

    fn woken<T: Table>(&mut self, id: ConnId, out: &mut T, now: &Now) {
        let Some(delivery) = self.delivery_mut(id) else {
            return self.look_after(id, out, now);
        };
        delivery.wake_ms = NEVER;
        if delivery.proof.look_ms <= now.mono_ms {
            self.look(id, out, now);
        }
        let is_due = |delivery: &&mut Delivery| delivery.retry_ms <= now.mono_ms;
        if let Some(delivery) = self.delivery_mut(id).filter(is_due) {
            delivery.retry_ms = NEVER;
            self.catch_up(id, out, now);
        }
        self.end_overdue(id, out, now);
        self.wake(id);
    }

    pub(super) fn member_mut(&mut self, id: ConnId) -> Option<&mut Member> {
        self.sessions.get_mut(id)?.member_mut()
    }

    pub(super) fn delivery_mut(&mut self, id: ConnId) -> Option<&mut Delivery> {
        self.member_mut(id)?.delivery.as_deref_mut()
    }
}
