//! What happened, in lines, and a hash of them. What nobody chose (tokens, nonces) is left out.

pub struct Trace {
    hash: u64,
    pub lines: Option<Vec<String>>,
    pub count: u64,
}

impl Trace {
    /// `keep`: the lines too.
    pub fn new(keep: bool) -> Trace {
        Trace {
            hash: 0xcbf2_9ce4_8422_2325,
            lines: keep.then(Vec::new),
            count: 0,
        }
    }

    pub fn say(&mut self, line: String) {
        let line = without(&without(&line, "\"resumeToken\":\""), "\"nonce\":\"");
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        self.count += 1;
        if let Some(lines) = &mut self.lines {
            lines.push(line);
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }
}

fn without(line: &str, key: &str) -> String {
    let Some((before, rest)) = line.split_once(key) else {
        return line.to_owned();
    };
    let (_, after) = rest.split_once('"').unwrap_or(("", ""));
    format!("{before}{key}…\"{after}")
}
