//! `privmsg account`: what proves the name, its devices, and who may write; and its end.

use clap::{ArgMatches, Command};

use super::out::Out;
use crate::client::error::Error;

pub fn command() -> Command {
    Command::new("account").about("See and change your account")
}

pub fn run(_matches: &ArgMatches, _out: &mut Out) -> Result<(), Error> {
    Ok(())
}
