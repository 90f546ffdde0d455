//! Recognising by its first bytes what is no line of this protocol. Knows no connection.

/// Whether a connection that begins with `bytes` begins a TLS handshake; `None`: too early to say.
pub fn is_tls(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [] | [0x16] => None,
        [0x16, 0x03, ..] => Some(true),
        _ => Some(false),
    }
}

pub fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t'))
}

/// Whether `line` is one of an HTTP request.
pub fn is_http(line: &[u8]) -> bool {
    const METHODS: &[&[u8]] = &[
        b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH",
        b"PRI",
    ];
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    let is_host = line
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"host:"));
    is_host || word.len() < line.len() && METHODS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_known_by_its_method_or_host() {
        for line in [
            "GET / HTTP/1.1",
            "POST /x HTTP/1.0",
            "PRI * HTTP/2.0",
            "Host: localhost",
            "host:x",
        ] {
            assert!(is_http(line.as_bytes()), "{line}");
        }
        for line in [
            "GET",
            "GETS /",
            "hello there",
            "{\"type\":\"help\"}",
            "",
            "[GET ]",
        ] {
            assert!(!is_http(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_tls_hello_is_known_by_two_bytes() {
        assert_eq!(is_tls(b"\x16"), None);
        assert_eq!(is_tls(b"\x16\x03\x01"), Some(true));
        assert_eq!(is_tls(b"\x16{"), Some(false));
        assert_eq!(is_tls(b"{"), Some(false));
    }
}
