//! Sockets. Knows no names, no JSON and no rules.

pub mod sys;
