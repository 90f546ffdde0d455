//! Names in the reference: whose sessions they are, how they look to others, and who gets what.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reference::{Look, Reference, Watched, key, stamp};

impl Reference {
    pub(super) fn watch(&mut self, id: u64, line: &Value, permitted: bool) {
        self.ok(id, line);
        let name = line["usernames"][0].as_str().expect("a name");
        // Those who may not see it see somebody else, whom nobody is.
        let mut key = key(name);
        let peer = self.peers.get(&id).expect("a peer");
        let other = if permitted {
            format!("-{key}")
        } else {
            key.clone()
        };
        if peer.watching.contains(&other) {
            self.unwatch(id, &other);
        }
        if !permitted {
            key = format!("-{key}");
        }
        let (status, unix) = (self.status(&key), self.unix);
        let known = self.names.get(&key).filter(|_| status != "offline");
        let shown = match known {
            Some(known) => {
                let first = known.sessions[0];
                self.peers[&first]
                    .session
                    .as_ref()
                    .expect("a session")
                    .shown
                    .clone()
            }
            None => name.to_owned(),
        };
        let since = known.map_or(unix, |known| known.since);
        let watched = self.watched.entry(key.clone()).or_insert_with(|| Watched {
            shown,
            status,
            since,
            watchers: BTreeMap::new(),
        });
        let begins = Some(unix).filter(|_| watched.status == "offline");
        let own = *watched.watchers.entry(id).or_insert(begins);
        let frame = match own {
            Some(since) => presence(name, "offline", since),
            None => presence(&watched.shown, watched.status, watched.since),
        };
        self.owe(id, frame);
        self.peers
            .get_mut(&id)
            .expect("a peer")
            .watching
            .insert(key);
    }

    pub(super) fn status(&self, key: &str) -> &'static str {
        let statuses: Vec<_> = self
            .sessions(key)
            .iter()
            .map(|id| self.peers[id].session.as_ref().expect("a session").status)
            .collect();
        let any = |status: &str| statuses.contains(&status);
        match (any("online"), any("away")) {
            (true, _) => "online",
            (false, true) => "away",
            _ => "offline",
        }
    }

    pub(super) fn look(&self, name: &str) -> (String, Look) {
        let key = key(name);
        let since = self.names.get(&key).map_or(self.unix, |name| name.since);
        let look = (self.status(&key), since);
        (key, look)
    }

    pub(super) fn restate(&mut self, key: &str, shown: &str, (before, since): Look) {
        let after = self.status(key);
        if let Some(name) = self.names.get_mut(key) {
            name.since = if after == before { since } else { self.unix };
        }
        if after == before {
            return;
        }
        let Some(watched) = self.watched.get_mut(key) else {
            return;
        };
        (watched.shown, watched.status, watched.since) = (shown.into(), after, self.unix);
        let frame = presence(shown, after, self.unix);
        watched.watchers.values_mut().for_each(|own| *own = None);
        let watchers: Vec<u64> = watched.watchers.keys().copied().collect();
        for id in watchers {
            self.owe(id, frame.clone());
        }
    }

    pub(super) fn leave(&mut self, id: u64) {
        let session = self.peers[&id].session.as_ref();
        let Some(shown) = session.map(|one| one.shown.clone()) else {
            return;
        };
        let (key, before) = self.look(&shown);
        self.unlink(id);
        self.restate(&key, &shown, before);
    }

    pub(super) fn unlink(&mut self, id: u64) {
        let peer = self.peers.get_mut(&id).expect("a peer");
        let Some(session) = peer.session.take() else {
            return;
        };
        for key in std::mem::take(&mut peer.watching) {
            self.unwatch(id, &key);
        }
        let name = self.names.get_mut(&session.key).expect("a name");
        name.sessions.retain(|one| *one != id);
        if name.sessions.is_empty() {
            self.names.remove(&session.key);
        }
    }

    fn unwatch(&mut self, id: u64, key: &str) {
        self.peers
            .get_mut(&id)
            .expect("a peer")
            .watching
            .remove(key);
        let watched = self.watched.get_mut(key).expect("watched");
        watched.watchers.remove(&id);
        if watched.watchers.is_empty() {
            self.watched.remove(key);
        }
    }

    pub fn sessions(&self, key: &str) -> Vec<u64> {
        self.names
            .get(key)
            .map_or_else(Vec::new, |name| name.sessions.clone())
    }

    pub(super) fn device(&self, id: u64) -> &str {
        self.peers[&id]
            .session
            .as_ref()
            .map_or("", |session| &session.device)
    }
}

fn presence(shown: &str, status: &str, since: u64) -> String {
    format!(
        "{{\"type\":\"presence\",\"username\":\"{shown}\",\"status\":\"{status}\",\"since\":\"{}\"}}",
        stamp(since)
    )
}
