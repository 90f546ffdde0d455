//! As much of HTTP/1.1 as a scraper needs: one request, one answer, the end. Knows no sockets and no paths.

/// A request's head in bytes; a scraper's has a few hundred.
pub const MAX_REQUEST_BYTES: usize = 8 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Without what follows a `?`.
    pub path: &'a str,
    /// HEAD: the answer without its body.
    pub only_head: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ok,
    BadRequest,
    NotFound,
    NotAllowed,
    TooLarge,
    Unavailable,
}

impl Status {
    const fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::NotFound => "404 Not Found",
            Status::NotAllowed => "405 Method Not Allowed\r\nAllow: GET, HEAD",
            Status::TooLarge => "431 Request Header Fields Too Large",
            Status::Unavailable => "503 Service Unavailable",
        }
    }
}

/// What `bytes` ask for; `None`: their end is still to come. Header fields are read over: nothing depends on them.
pub fn request(bytes: &[u8]) -> Option<Result<Request<'_>, Status>> {
    if !has_end(bytes) {
        return (bytes.len() >= MAX_REQUEST_BYTES).then_some(Err(Status::TooLarge));
    }
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next();
    let words = line.and_then(|line| std::str::from_utf8(line).ok());
    Some(words.ok_or(Status::BadRequest).and_then(head))
}

/// With its head, as it goes out.
pub fn answer(status: Status, kind: &str, body: &str, only_head: bool) -> Vec<u8> {
    let (line, length) = (status.line(), body.len());
    let body = if only_head { "" } else { body };
    format!(
        "HTTP/1.1 {line}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

/// An empty line, whatever line ends are used.
fn has_end(bytes: &[u8]) -> bool {
    let mut ends = memchr::memchr_iter(b'\n', bytes);
    ends.any(|at| {
        let next = bytes.get(at + 1..).unwrap_or_default();
        next.starts_with(b"\n") || next.starts_with(b"\r\n")
    })
}

fn head(line: &str) -> Result<Request<'_>, Status> {
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, version] = words[..] else {
        return Err(Status::BadRequest);
    };
    if !version.starts_with("HTTP/1.") || !target.starts_with('/') {
        return Err(Status::BadRequest);
    }
    let only_head = method == "HEAD";
    match only_head || method == "GET" {
        true => Ok(Request {
            path: target.split('?').next().unwrap_or(target),
            only_head,
        }),
        false => Err(Status::NotAllowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_complete_with_its_empty_line_and_not_before() {
        let whole = b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(request(&whole[..end]), None, "{end}");
        }
        let asked = |path, only_head| Some(Ok(Request { path, only_head }));
        assert_eq!(request(whole), asked("/metrics", false));
        assert_eq!(request(b"HEAD / HTTP/1.0\n\n"), asked("/", true));
    }

    #[test]
    fn what_is_no_request_is_answered_by_why() {
        for (bytes, status) in [
            (&b"POST /metrics HTTP/1.1\r\n\r\n"[..], Status::NotAllowed),
            (b"GET /metrics\r\n\r\n", Status::BadRequest),
            (b"GET metrics HTTP/1.1\r\n\r\n", Status::BadRequest),
            (b"GET / HTTP/2\r\n\r\n", Status::BadRequest),
            (b"GET /\xff HTTP/1.1\r\n\r\n", Status::BadRequest),
            (b"{\"type\":\"help\"}\r\n\r\n", Status::BadRequest),
            (b"\n\n", Status::BadRequest),
            (&[b'a'; MAX_REQUEST_BYTES], Status::TooLarge),
        ] {
            assert_eq!(request(bytes), Some(Err(status)), "{bytes:?}");
        }
    }

    #[test]
    fn an_answer_says_how_long_it_is_even_without_its_body() {
        let text = |only_head| {
            String::from_utf8(answer(Status::Ok, "text/plain", "abc", only_head)).unwrap()
        };
        assert!(text(false).ends_with("\r\n\r\nabc"), "{}", text(false));
        assert!(text(true).ends_with("\r\n\r\n"));
        assert!(text(true).contains("\r\nContent-Length: 3\r\n"));
    }
}
