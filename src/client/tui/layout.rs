//! Where the parts of the screen are, at any size. Knows nothing of what stands in them.

use ratatui::layout::Rect;

/// Columns below which there is one pane: the messages, or the list.
pub const MIN_COLUMNS_FOR_LIST: u16 = 50;

/// A part without room is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub list: Rect,
    /// The line between the list and the messages.
    pub rule: Rect,
    pub header: Rect,
    pub messages: Rect,
    pub status: Rect,
    pub input: Rect,
}

impl Layout {
    /// `list`: the list is wanted. Where there is one pane it takes the place of the messages.
    pub fn new(columns: u16, rows: u16, list: bool) -> Self {
        // In the order in which they are needed: input, something to read, status, header.
        let input = rows.min(1);
        let status = u16::from(rows >= 3);
        let header = u16::from(rows >= 5);
        let body = rows - input - status;
        let wide = columns >= MIN_COLUMNS_FOR_LIST;
        let beside = match (list, wide) {
            (false, _) => 0,
            (true, true) => (columns / 4).clamp(14, 26),
            (true, false) => columns,
        };
        let rule = u16::from(list && wide);
        let left = beside + rule;
        let width = columns - left.min(columns);
        Layout {
            list: Rect::new(0, 0, beside, body),
            rule: Rect::new(beside, 0, rule, body),
            header: Rect::new(left, 0, width, header),
            messages: Rect::new(left, header, width, body - header),
            status: Rect::new(0, body, columns, status),
            input: Rect::new(0, body + status, columns, input),
        }
    }
}

/// How the width of the messages is divided: time, text, mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns {
    pub time: u16,
    pub text: u16,
    pub mark: u16,
}

impl Columns {
    /// `mark`: columns of the widest mark.
    pub fn new(width: u16, mark: u16) -> Self {
        let time = if width >= 30 { 6 } else { 0 };
        let mark = if width >= 16 { mark + 1 } else { 0 };
        Columns {
            time,
            text: width - time - mark,
            mark,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_fill_the_screen_and_never_leave_it() {
        for columns in 0..140 {
            for rows in 0..40 {
                for list in [false, true] {
                    let layout = Layout::new(columns, rows, list);
                    let Layout {
                        list,
                        rule,
                        header,
                        messages,
                        status,
                        input,
                    } = layout;
                    let parts = [list, rule, header, messages, status, input];
                    let area: u32 = parts.iter().map(|part| part.area()).sum();
                    assert_eq!(area, u32::from(columns) * u32::from(rows), "{layout:?}");
                    let inside = |part: &Rect| part.right() <= columns && part.bottom() <= rows;
                    assert!(parts.iter().all(inside), "{layout:?}");
                }
            }
            let parts = Columns::new(columns, 4);
            assert_eq!(parts.time + parts.text + parts.mark, columns);
        }
    }

    #[test]
    fn one_row_is_for_typing_and_a_narrow_screen_has_one_pane() {
        assert_eq!(Layout::new(80, 1, true).input, Rect::new(0, 0, 80, 1));
        assert_eq!(Layout::new(49, 24, true).messages.width, 0);
        assert_eq!(Layout::new(49, 24, false).messages, Rect::new(0, 1, 49, 21));
        assert_eq!(Layout::new(80, 24, true).messages, Rect::new(21, 1, 59, 21));
    }
}
