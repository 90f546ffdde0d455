//! What a device keeps between two runs: where it is in its mailbox, and its resume token. One small file for each server,
//! name and device, written whole. Knows no session.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::{Error, Kind};
use super::profile::secret_file;
use super::session::Cursor;

#[derive(Default)]
pub struct State {
    path: Option<PathBuf>,
    kept: Kept,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pos: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume_token: Option<String>,
}

impl State {
    /// What is in the file, if there is one; `None`: nothing is kept.
    pub fn load(path: Option<PathBuf>) -> Result<State, Error> {
        let kept = match &path {
            Some(file) if file.exists() => {
                let text = secret_file::read(file)?;
                serde_json::from_str(&text).map_err(|error| {
                    let what = format!("{} is damaged: {error}", file.display());
                    Error::new(
                        Kind::Config,
                        what,
                        "remove it: what the server still has comes again",
                    )
                })?
            }
            _ => Kept::default(),
        };
        Ok(State { path, kept })
    }

    pub fn cursor(&self) -> Option<Cursor> {
        let (epoch, pos) = (self.kept.epoch?, self.kept.pos?);
        Some(Cursor { epoch, pos })
    }

    pub fn resume_token(&self) -> Option<&str> {
        self.kept.resume_token.as_deref()
    }

    /// Survives the end of this process at once; a power cut after [`State::sync`].
    pub fn moved(&mut self, cursor: Cursor) -> Result<(), Error> {
        self.kept.epoch = Some(cursor.epoch);
        self.kept.pos = Some(cursor.pos);
        self.write(false)
    }

    pub fn registered(&mut self, token: Option<&str>) -> Result<(), Error> {
        self.kept.resume_token = token.map(str::to_owned);
        self.write(true)
    }

    pub fn sync(&mut self) -> Result<(), Error> {
        self.write(true)
    }

    fn write(&self, durable: bool) -> Result<(), Error> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let text = serde_json::to_string(&self.kept).unwrap_or_default();
        secret_file::write(path, &(text + "\n"), durable)
    }
}
