//! The words that nobody may have for a name. Knows no grammar.

/// Every one of them in lower case, sorted: they stand for the server, its operators or everyone.
pub const RESERVED: &[&str] = &[
    "admin",
    "administrator",
    "all",
    "anonymous",
    "broadcast",
    "daemon",
    "everyone",
    "localhost",
    "me",
    "moderator",
    "nobody",
    "null",
    "operator",
    "postmaster",
    "privmsg",
    "privmsgd",
    "root",
    "security",
    "self",
    "server",
    "support",
    "sysadmin",
    "system",
    "undefined",
    "webmaster",
];

/// By length and first letter most names are told apart from all reserved ones.
#[inline]
pub(super) fn is_reserved(text: &[u8]) -> bool {
    let Some(first) = text.first() else {
        return false;
    };
    let letter = 1_u32
        .checked_shl(u32::from(first.to_ascii_lowercase().wrapping_sub(b'a')))
        .unwrap_or(0);
    let known = RESERVED_LETTERS.get(text.len()).copied().unwrap_or(0);
    known & letter != 0
        && RESERVED
            .iter()
            .any(|word| word.as_bytes().eq_ignore_ascii_case(text))
}

/// For each length the first letters of reserved names, `a` in the lowest bit.
const RESERVED_LETTERS: [u32; 14] = {
    let mut letters = [0; 14];
    let mut index = 0;
    while index < RESERVED.len() {
        let word = RESERVED[index].as_bytes();
        letters[word.len()] |= 1 << (word[0] - b'a');
        index += 1;
    }
    letters
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::name::{Name, NameError};

    #[test]
    fn reserved_words_are_sorted_names_and_all_refused() {
        assert!(RESERVED.is_sorted());
        for word in RESERVED {
            assert_eq!(Name::parse(word), Err(NameError::Reserved), "{word}");
            assert_eq!(
                Name::parse(&word.to_uppercase()),
                Err(NameError::Reserved),
                "{word}"
            );
            assert!(Name::parse(&format!("{word}1")).is_ok(), "{word}");
        }
    }
}
