//! Arguments → configuration, logger, server, exit code.

fn main() {}
