//! Any bytes through the framing, in any chunks: what comes out is the same, and what is carried is bounded.
//! Called by the fuzz target and by the replay of its corpus.

use std::ops::Range;

use privmsgd::net::lines::{Bounds, Lines, Piece};

use super::choice::Choice;

const BOUNDS: Bounds = Bounds {
    line: 24,
    // Not reached: where in a line the patience ends depends on the chunks, and protocol.md leaves it open.
    skipped: usize::MAX,
};
/// The longest telnet sequence that is waited for.
const SEQUENCE: usize = 256;

#[derive(Default)]
struct Feed {
    lines: Lines,
    carry: Vec<u8>,
    /// Lines as text, one a piece, and errors.
    out: Vec<String>,
    /// What telnet's negotiation was answered.
    telnet: Vec<u8>,
}

/// The first byte chooses the chunks, the others are the input.
pub fn check(bytes: &[u8]) {
    let Some((&seed, input)) = bytes.split_first() else {
        return;
    };
    let whole = run([input].into_iter());
    let single = run(input.chunks(1));
    let mut choice = Choice::Seed(u64::from(seed));
    let mut rest = input;
    let chunks = std::iter::from_fn(|| {
        let size = rest.len().min(choice.below(40) + 1);
        let (chunk, after) = rest.split_at(size);
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    });
    let random = run(chunks);
    assert_eq!(single, whole, "byte by byte");
    assert_eq!(random, whole, "in random chunks");
}

fn run<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Vec<u8>) {
    let mut feed = Feed::default();
    for chunk in chunks {
        feed.read(chunk);
    }
    let mut window = 0..feed.carry.len();
    if let Some(piece) = feed.lines.last(&feed.carry, &mut window, BOUNDS) {
        let carry = std::mem::take(&mut feed.carry);
        feed.piece(piece, &carry);
    }
    (feed.out, feed.telnet)
}

impl Feed {
    fn read(&mut self, chunk: &[u8]) {
        let mut buffer = std::mem::take(&mut self.carry);
        buffer.extend_from_slice(chunk);
        let mut window: Range<usize> = 0..buffer.len();
        while let Some(piece) = self.lines.next(&mut buffer, &mut window, BOUNDS) {
            self.piece(piece, &buffer);
        }
        self.carry = buffer[window].to_vec();
        assert!(
            self.carry.len() <= BOUNDS.line + 4 + SEQUENCE,
            "carries {}",
            self.carry.len()
        );
    }

    fn piece(&mut self, piece: Piece, buffer: &[u8]) {
        match piece {
            Piece::Telnet(bytes) => self.telnet.extend(bytes),
            Piece::Line(range) => {
                let line = &buffer[range];
                assert!(line.len() <= BOUNDS.line && !line.contains(&b'\n'));
                self.out.push(format!("{line:x?}"));
            }
            other => self.out.push(format!("{other:?}")),
        }
    }
}
