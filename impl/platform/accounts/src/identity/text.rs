//! How identifiers and passwords are compared, in one place: the profiles of RFC 8265, without their rejections, because
//! accounts of older deployments must still be found.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_compatible;

/// The common key of all spellings of an e-mail: surrounding blanks, width, case and Unicode form do not count
/// (UsernameCaseMapped, RFC 8265, 3.3.2). Every lookup of an account by e-mail uses it.
///
/// For ASCII it equals that of the trigger in `migrations/V017`.
pub fn email_key(email: &str) -> String {
    let narrow: String = email.trim().chars().flat_map(narrowed).collect();
    narrow.trim().to_lowercase().nfc().collect()
}

/// A password as it is hashed: every Unicode blank becomes a space, in normalization form C (OpaqueString, RFC 8265, 4.2.2).
pub fn prepared_password(password: &str) -> String {
    password.chars().map(|char| if is_space(char) { ' ' } else { char }).nfc().collect()
}

/// The forms a password may have been hashed in, the prepared one first. Most passwords have only one.
///
/// Hashes from before passwords were prepared are of the typed text, which may have been decomposed.
pub(crate) fn password_forms(typed: String) -> Vec<String> {
    if typed.is_ascii() {
        return vec![typed];
    }
    let mut forms = vec![prepared_password(&typed)];
    for form in [typed.nfd().collect(), typed] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

/// Maps fullwidth and halfwidth characters to their normal forms (RFC 8264, 5.2.1).
fn narrowed(char: char) -> impl Iterator<Item = char> {
    let mut mapped = Vec::with_capacity(1);
    match char {
        '\u{3000}' | '\u{FF01}'..='\u{FFEE}' => decompose_compatible(char, |part| mapped.push(part)),
        _ => mapped.push(char),
    }
    mapped.into_iter()
}

/// General category Zs: white space that is neither a control character nor a line separator.
fn is_space(char: char) -> bool {
    char.is_whitespace() && !char.is_control() && !matches!(char, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_has_one_key_however_it_is_spelt() {
        for (spelt, key) in [
            ("Ada@Example.COM", "ada@example.com"),
            (" ada@example.com\t", "ada@example.com"),
            ("\u{3000}ada@example.com\u{a0}", "ada@example.com"),
            ("ＡＤＡ＠example.com", "ada@example.com"),
            ("JOSÉ@example.com", "jos\u{e9}@example.com"),
            ("jose\u{301}@example.com", "jos\u{e9}@example.com"),
            ("\u{212a}arl@example.com", "karl@example.com"),
            ("\u{130}da@example.com", "i\u{307}da@example.com"),
            ("I\u{307}da@example.com", "i\u{307}da@example.com"),
            ("straße@example.com", "straße@example.com"),
            ("STRA\u{1e9e}E@example.com", "straße@example.com"),
        ] {
            assert_eq!(email_key(spelt), key, "{spelt}");
            assert_eq!(email_key(key), key, "the key of a key is the key: {key}");
        }
        // Neither of these is the other account.
        assert_ne!(email_key("\u{130}da@example.com"), email_key("ida@example.com"));
        assert_ne!(email_key("straße@example.com"), email_key("strasse@example.com"));
    }

    #[test]
    fn a_key_has_itself_as_key_whatever_character_it_is_made_of() {
        for char in ('\0'..=char::MAX).step_by(1) {
            let key = email_key(&format!("a{char}b@example.com"));
            assert_eq!(email_key(&key), key, "U+{:04X}", u32::from(char));
        }
    }

    #[test]
    fn a_password_is_prepared_and_found_in_older_forms() {
        assert_eq!(prepared_password("cafe\u{301}\u{a0}\u{3000}x"), "caf\u{e9}  x");
        assert_eq!(prepared_password(" Ａ\t"), " Ａ\t", "width, case and blanks around it are part of it");
        assert_eq!(password_forms("plain one".into()), ["plain one"]);
        assert_eq!(password_forms("caf\u{e9}".into()), ["caf\u{e9}", "cafe\u{301}"]);
        assert_eq!(password_forms("cafe\u{301}".into()), ["caf\u{e9}", "cafe\u{301}"]);
        assert_eq!(password_forms("a\u{a0}b".into()), ["a b", "a\u{a0}b"]);
    }
}
