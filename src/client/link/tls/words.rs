//! Why a certificate is not good, for a sentence. Knows no connection.

use rustls::pki_types::ServerName;
use rustls::{CertificateError, Error as TlsError};

use crate::escape;

/// Of a file with certificates that is to vouch for servers.
pub fn of(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(why) => of_certificate(why, None),
        other => other.to_string(),
    }
}

/// `also`: a name, beside the one that `why` may have, that it could have been for.
pub fn of_certificate(why: &CertificateError, also: Option<&str>) -> String {
    use CertificateError as Why;
    let words = match why {
        Why::NotValidForNameContext {
            expected,
            presented,
        } => return other_names(expected, presented, also),
        Why::NotValidForName => "it is for another name",
        Why::UnknownIssuer | Why::BadSignature => "none of the certificates there has signed it",
        Why::Expired | Why::ExpiredContext { .. } => "it has expired",
        Why::NotValidYet | Why::NotValidYetContext { .. } => "it is not valid yet",
        Why::InvalidPurpose | Why::InvalidPurposeContext { .. } => "it is not one of a server",
        Why::BadEncoding => "it is damaged",
        Why::Revoked => "it is revoked",
        Why::UnhandledCriticalExtension => "something in it is critical, and not known here",
        Why::UnsupportedSignatureAlgorithmContext { .. }
        | Why::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its signature is of a kind that is not known here"
        }
        Why::Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
            "it is one of an authority, not of a server"
        }
        _ => "it is not good",
    };
    words.into()
}

/// What stands in a certificate is anybody's.
fn other_names(expected: &ServerName<'_>, presented: &[String], also: Option<&str>) -> String {
    let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
    let names = match names.is_empty() {
        true => "no name".into(),
        false => escape::plain(&names.join(", "), MOST_NAMES),
    };
    let expected = expected.to_str();
    match also.filter(|also| *also != expected) {
        Some(also) => format!("it is for {names}, and neither for {also} nor for {expected}"),
        None => format!("it is for {names}, and not for {expected}"),
    }
}

/// Without the kind of name that rustls has written around it.
fn bare(name: &str) -> &str {
    let inner = name
        .strip_prefix("DnsName(\"")
        .and_then(|rest| rest.strip_suffix("\")"));
    let inner = inner.or_else(|| name.strip_prefix("IpAddress(")?.strip_suffix(')'));
    inner.unwrap_or(name)
}

/// Characters of the names in a certificate that are shown.
const MOST_NAMES: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_people_write_them() {
        let why = |presented: &[&str]| CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("::1").unwrap(),
            presented: presented.iter().map(|name| name.to_string()).collect(),
        };
        let two = why(&["DnsName(\"local\u{1b}host\")", "IpAddress(127.0.0.1)"]);
        assert_eq!(
            of_certificate(&two, None),
            r"it is for local\u{1b}host, 127.0.0.1, and not for ::1"
        );
        assert_eq!(
            of_certificate(&why(&[]), Some("chat.example")),
            "it is for no name, and neither for chat.example nor for ::1"
        );
    }

    #[test]
    fn nothing_is_said_as_the_code_calls_it() {
        for why in [
            CertificateError::BadSignature,
            CertificateError::UnknownIssuer,
            CertificateError::ApplicationVerificationFailure,
        ] {
            let words = of_certificate(&why, None);
            assert!(words.contains(' ') && !words.contains(&format!("{why:?}")));
        }
    }
}
