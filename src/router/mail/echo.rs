//! What an answer's reader needs to know of the question: packed into the bytes that come back with it. Written and read
//! here alone.

use crate::wire::command::{PrivateMessage, Raw};
use crate::wire::name::Name;

/// What a question was put for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A command whose connection waits.
    Asked = 1,
    /// A command whose connection goes on.
    Posted,
    /// An `ack` without an `id`, of one turn's the last.
    Ack,
    /// A message, or `typing`, that is not stored.
    Ephemeral,
    Typing,
    /// More of the mailbox.
    Fetch,
    /// What has arrived by the transport's word.
    Proof,
}

/// Parts of an echo: the `id`, and of what is for somebody: `toUsername` as sent, then the rest of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Echo<'a> {
    parts: [Option<&'a [u8]>; PARTS],
}

const PARTS: usize = 6;

impl<'a> Echo<'a> {
    pub(super) fn of(id: Option<Raw<'a>>) -> Self {
        let mut echo = Echo::default();
        echo.parts[0] = id.map(|id| id.0);
        echo
    }

    pub(super) fn to(id: Option<Raw<'a>>, to_raw: Raw<'a>) -> Self {
        let mut echo = Echo::of(id);
        echo.parts[1] = Some(to_raw.0);
        echo
    }

    pub(super) fn whole(id: Option<Raw<'a>>, message: &PrivateMessage<'a>) -> Self {
        let raw = |raw: Option<Raw<'a>>| raw.map(|raw| raw.0);
        Echo {
            parts: [
                raw(id),
                Some(message.to_raw.0),
                Some(message.message.0),
                raw(message.message_id),
                raw(message.kind),
                raw(message.reply_to),
            ],
        }
    }

    pub(super) fn id(&self) -> Option<Raw<'a>> {
        self.raw(0)
    }

    pub(super) fn recipient(&self) -> Option<Raw<'a>> {
        self.raw(1)
    }

    /// The message, to `to`.
    pub(super) fn message(&self, to: Name<'a>) -> Option<PrivateMessage<'a>> {
        Some(PrivateMessage {
            to,
            to_raw: self.raw(1)?,
            message: self.raw(2)?,
            message_id: self.raw(3),
            kind: self.raw(4),
            reply_to: self.raw(5),
            ephemeral: true,
            expires_in_s: None,
        })
    }

    pub(super) fn pack(&self, purpose: Purpose) -> Option<Box<[u8]>> {
        let bytes: usize = self.parts.iter().flatten().map(|part| part.len() + 5).sum();
        let mut packed = Vec::with_capacity(bytes + 1);
        packed.push(purpose as u8);
        for (at, part) in (0u8..).zip(self.parts) {
            let Some(part) = part else { continue };
            packed.push(at);
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            packed.extend_from_slice(&length.to_le_bytes());
            packed.extend_from_slice(part);
        }
        Some(packed.into_boxed_slice())
    }

    /// `None`: nothing of here wrote it.
    pub(super) fn unpack(packed: &'a [u8]) -> Option<(Purpose, Self)> {
        let (purpose, mut rest) = packed.split_first()?;
        let mut echo = Echo::default();
        while let Some((at, after)) = rest.split_first() {
            let (length, after) = after.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            let (part, after) = after.split_at_checked(length)?;
            *echo.parts.get_mut(usize::from(*at))? = Some(part);
            rest = after;
        }
        let purpose = ALL.into_iter().find(|one| *one as u8 == *purpose)?;
        Some((purpose, echo))
    }

    fn raw(&self, at: usize) -> Option<Raw<'a>> {
        self.parts.get(at).copied().flatten().map(Raw)
    }
}

const ALL: [Purpose; 7] = [
    Purpose::Asked,
    Purpose::Posted,
    Purpose::Ack,
    Purpose::Ephemeral,
    Purpose::Typing,
    Purpose::Fetch,
    Purpose::Proof,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let message = PrivateMessage {
            to: Name::parse("Bob").unwrap(),
            to_raw: Raw(br#""B\u006fb""#),
            message: Raw(b"[]"),
            message_id: None,
            kind: Some(Raw(br#""""#)),
            reply_to: Some(Raw(b"7")),
            ephemeral: true,
            expires_in_s: None,
        };
        for purpose in ALL {
            for echo in [
                Echo::of(None),
                Echo::of(Some(Raw(b"-1"))),
                Echo::to(None, message.to_raw),
                Echo::whole(Some(Raw(b"\"x\"")), &message),
            ] {
                let packed = echo.pack(purpose).unwrap();
                assert_eq!(Echo::unpack(&packed), Some((purpose, echo)));
                assert_eq!(Echo::unpack(&packed[..0]), None);
            }
        }
        let packed = Echo::whole(None, &message)
            .pack(Purpose::Ephemeral)
            .unwrap();
        let (_, echo) = Echo::unpack(&packed).unwrap();
        assert_eq!(echo.message(message.to.clone()), Some(message));
    }
}
