//! The commands of `privmsg` from outside.
