//! What damage does.
