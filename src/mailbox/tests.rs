//! The rules, with the clock in the test's hand.
