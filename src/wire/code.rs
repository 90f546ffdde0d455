//! The closed sets of protocol.md: verbs, error codes, goodbye codes, presence states.
//!
//! Adding one is adding a variant; `tests/document.rs` checks that each stands in protocol.md.

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($variant),+ }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The word as it stands on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }

            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some($name::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// What a client may put in `type`.
    Verb {
        Register = "register",
        PrivateMessage = "privateMessage",
        Typing = "typing",
        Watch = "watch",
        Unwatch = "unwatch",
        SetStatus = "setStatus",
        Ping = "ping",
        Pong = "pong",
        Help = "help",
        Bye = "bye",
        // Known, so that open mode can answer `notAvailable` instead of `unknownType`.
        Ack = "ack",
        MarkRead = "markRead",
        History = "history",
        Conversations = "conversations",
        EditMessage = "editMessage",
        DeleteMessage = "deleteMessage",
        Block = "block",
        Unblock = "unblock",
        Allow = "allow",
        Disallow = "disallow",
        Settings = "settings",
        Account = "account",
    }
}

words! {
    /// What a message survives once it is accepted: `hello.durability`.
    Durability {
        // Nothing: it is not stored.
        Memory = "memory",
        // The end of the server's process.
        Os = "os",
        // A power cut.
        Fsync = "fsync",
    }
}

words! {
    /// What the server is: `hello.mode`.
    Mode {
        Open = "open",
        Mailbox = "mailbox",
    }
}

words! {
    /// Ways to prove a name: `hello.auth`, and the fields of `register`.
    Proof {
        Password = "password",
        PublicKey = "publicKey",
        Token = "token",
        ResumeToken = "resumeToken",
    }
}

words! {
    /// What a `sessionNotice` is about.
    NoticeKind {
        NewDevice = "newDevice",
        ClaimRefused = "claimRefused",
        AuthFailures = "authFailures",
    }
}

words! {
    /// How a device's cursor moves.
    Deliver {
        Auto = "auto",
        Ack = "ack",
        None = "none",
    }
}

words! {
    /// What a receipt is about.
    Stage {
        Delivered = "delivered",
        Read = "read",
    }
}

words! {
    /// How it is known that a message has arrived: by bytes that the kernel reports as acknowledged, or by the client.
    Evidence {
        Transport = "transport",
        Client = "client",
    }
}

words! {
    /// Whose messages an account takes.
    AcceptFrom {
        Anyone = "anyone",
        Known = "known",
        Allowed = "allowed",
    }
}

words! {
    /// Why a message is not there any more, or is not shown.
    Removed {
        Deleted = "deleted",
        Expired = "expired",
        Trimmed = "trimmed",
        Blocked = "blocked",
        Damaged = "damaged",
        Lost = "lost",
    }
}

words! {
    /// Why a command was refused (`errorMessage`).
    Code {
        InvalidJson = "invalidJson",
        InvalidUtf8 = "invalidUtf8",
        LineTooLong = "lineTooLong",
        TooDeep = "tooDeep",
        DuplicateKey = "duplicateKey",
        MissingField = "missingField",
        BadType = "badType",
        BadValue = "badValue",
        UnknownType = "unknownType",
        UnsupportedVersion = "unsupportedVersion",
        NotRegistered = "notRegistered",
        AlreadyRegistered = "alreadyRegistered",
        InvalidName = "invalidName",
        NameConfusable = "nameConfusable",
        NameTaken = "nameTaken",
        NotAvailable = "notAvailable",
        AuthRequired = "authRequired",
        AuthFailed = "authFailed",
        TokenExpired = "tokenExpired",
        UnknownUser = "unknownUser",
        NotAccepted = "notAccepted",
        RecipientBusy = "recipientBusy",
        MailboxFull = "mailboxFull",
        MessageTooBig = "messageTooBig",
        MessageIdReused = "messageIdReused",
        NotFound = "notFound",
        NotAllowed = "notAllowed",
        TooManySessions = "tooManySessions",
        RateLimited = "rateLimited",
        Overloaded = "overloaded",
        StorageFull = "storageFull",
        StorageFailed = "storageFailed",
    }
}

impl Code {
    /// Whether the same command may succeed later without being changed.
    pub const fn retryable(self) -> bool {
        matches!(
            self,
            Code::RecipientBusy
                | Code::MailboxFull
                | Code::RateLimited
                | Code::Overloaded
                | Code::StorageFull
                | Code::StorageFailed
        )
    }

    /// Whether the line itself was at fault, whatever the state: these count towards `tooManyErrors`.
    pub const fn bad_line(self) -> bool {
        matches!(
            self,
            Code::InvalidJson
                | Code::InvalidUtf8
                | Code::LineTooLong
                | Code::TooDeep
                | Code::DuplicateKey
                | Code::MissingField
                | Code::BadType
                | Code::BadValue
                | Code::UnknownType
        )
    }
}

words! {
    /// Why the server ended a connection (`goodbye`).
    Goodbye {
        Bye = "bye",
        Drained = "drained",
        ServerClosing = "serverClosing",
        RegistrationTimeout = "registrationTimeout",
        LineTimeout = "lineTimeout",
        SlowConsumer = "slowConsumer",
        Heartbeat = "heartbeat",
        Replaced = "replaced",
        Revoked = "revoked",
        TooManyErrors = "tooManyErrors",
        ServerFull = "serverFull",
        LineTooLong = "lineTooLong",
        TlsOnPlainPort = "tlsOnPlainPort",
        PlainOnTlsPort = "plainOnTlsPort",
        NotHttp = "notHttp",
        InternalError = "internalError",
    }
}

impl Goodbye {
    /// One sentence for a person: what happened and what to do.
    pub const fn message(self) -> &'static str {
        match self {
            Goodbye::Bye => "goodbye",
            Goodbye::Drained => "you ended your input; everything you sent was handled",
            Goodbye::ServerClosing => "the server is closing; reconnect after afterMs",
            Goodbye::RegistrationTimeout => "no register in time; connect again and register first",
            Goodbye::LineTimeout => {
                "a line was begun and not ended in time; end each line with a newline"
            }
            Goodbye::SlowConsumer => "you did not read what was sent to you",
            Goodbye::Heartbeat => "nothing came from you in two heartbeats",
            Goodbye::Replaced => {
                "another connection took this name, or this device of it, with proof"
            }
            Goodbye::Revoked => {
                "the operator ended this session, or what proved it is no longer good"
            }
            Goodbye::TooManyErrors => "too many refused lines; see protocol.md",
            Goodbye::ServerFull => "no place for this connection now; try again later",
            Goodbye::LineTooLong => "a line went far over the limit",
            Goodbye::TlsOnPlainPort => "this port speaks plain text, not TLS; connect without TLS",
            Goodbye::PlainOnTlsPort => "this port speaks TLS, not plain text; connect with TLS",
            Goodbye::NotHttp => {
                "this is privmsgd, not HTTP; send one JSON object per line, for example {\"type\":\"help\"}"
            }
            Goodbye::InternalError => "the server made a mistake while handling your connection",
        }
    }

    /// Whether connecting again, unchanged, is of use.
    pub const fn reconnect(self) -> bool {
        matches!(
            self,
            Goodbye::ServerClosing
                | Goodbye::RegistrationTimeout
                | Goodbye::LineTimeout
                | Goodbye::SlowConsumer
                | Goodbye::Heartbeat
                | Goodbye::ServerFull
                | Goodbye::InternalError
        )
    }
}

words! {
    /// What `presence` says of a name.
    Status {
        Online = "online",
        Away = "away",
        Offline = "offline",
    }
}
