//! The operator's side of the store: checking, copying, bringing back, counting, sealing, and what damage does.

mod check;
mod commands;
mod copies;
mod damage;
mod house;
mod seal;
