//! The clients of `examples/`, one in each of five languages, against a real daemon and against one that plays tricks. A
//! language that is missing is a failure, not a reason to skip.

#[path = "../common/mod.rs"]
mod common;
mod cutter;
mod encrypted;
mod languages;
mod mistakes;
#[path = "../conformance/proxy.rs"]
#[allow(dead_code)]
mod proxy;
mod rounds;
mod running;
mod scripted;

/// Every test of a client is one of each.
macro_rules! languages {
    ($($language:ident $variant:ident),* $(,)?) => {
        $(mod $language {
            use crate::languages::Language::$variant;
            use crate::{mistakes, rounds, scripted};

            #[test]
            fn nothing_is_lost_nor_doubled_by_100_cuts() {
                rounds::cut_100_times($variant);
            }

            #[test]
            fn the_first_minute_in_open_mode() {
                rounds::open_mode($variant);
            }

            #[test]
            fn a_wrong_password_is_told_and_the_end() {
                rounds::wrong_password($variant);
            }

            #[test]
            fn what_was_printed_before_it_was_killed_is_not_printed_again() {
                rounds::killed($variant);
            }

            #[test]
            fn its_cursor_is_in_the_state_file() {
                scripted::written_down($variant);
            }

            #[test]
            fn a_garbled_state_file_is_as_good_as_none() {
                scripted::garbled($variant);
            }

            #[test]
            fn a_state_file_that_cannot_be_written_is_told() {
                scripted::unwritable($variant);
            }

            #[test]
            fn a_wrong_command_line_is_told_and_2() {
                mistakes::command_lines($variant);
            }

            #[test]
            fn blank_lines_are_passed_over() {
                mistakes::blank_lines($variant);
            }

            #[test]
            fn the_longest_host_name_fits_into_a_device() {
                mistakes::long_host_name($variant);
            }

            #[test]
            fn odd_texts_arrive_as_they_were_and_drive_no_terminal() {
                rounds::odd_texts($variant);
            }

            #[test]
            fn a_refusal_for_now_is_tried_again_later_with_the_same_message_id() {
                scripted::refused_for_now($variant);
            }

            #[test]
            fn a_goodbye_says_whether_and_when_to_come_back() {
                scripted::goodbyes($variant);
            }
        })*
    };
}

languages! {
    python Python,
    node Node,
    go Go,
    c C,
    bash Bash,
}

/// > at most 120 lines
#[test]
fn each_is_at_most_120_lines_of_code() {
    for language in languages::Language::ALL {
        let lines = language.lines();
        assert!(lines > 50, "{language:?}: {lines}: what was counted?");
        assert!(lines <= 120, "{language:?}: {lines}");
    }
}
