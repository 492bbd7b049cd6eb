//! `x-text: name`: titles, names and the like, one line of text for people.
//!
//! White space and invisible characters around it are dropped; what is left has the length that the document requires and no
//! control characters. The document says the same in its `pattern` (openapi/redocly-rules/names.js), for those who do not know the
//! extension: a test holds it to that.

/// Neither seen nor missed around a name, as ranges of a character class: spaces of all widths, and characters of no width.
/// Without the selectors and joiners that end an emoji.
const BLANK: &str = " \u{a0}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{1680}\u{17b4}\u{17b5}\u{180b}-\u{180f}\u{2000}-\u{200f}\u{2028}-\u{202f}\
                     \u{205f}-\u{206f}\u{2800}\u{3000}\u{3164}\u{feff}\u{ffa0}";

/// A name without what is around it: white space and characters of no width.
pub fn trim(text: &str) -> &str {
    text.trim_start_matches(|char| is_blank(char) || ('\u{fe00}'..='\u{fe0f}').contains(&char))
        .trim_end_matches(is_blank)
}

/// Whether a character is neither seen nor missed around a name.
pub fn is_blank(char: char) -> bool {
    char.is_whitespace() || matches!(char, '\x1c'..='\x1f') || (!char.is_ascii() && in_class(BLANK, char))
}

/// Whether a character is in a class of characters and of ranges `a-b`.
fn in_class(class: &str, wanted: char) -> bool {
    let mut chars = class.chars().peekable();
    while let Some(first) = chars.next() {
        let last = match chars.next_if_eq(&'-') {
            Some(_) => chars.next().unwrap_or(first),
            None => first,
        };
        if (first..=last).contains(&wanted) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_a_name_is_dropped_and_nothing_else() {
        for (typed, kept) in [
            (" a b ", "a b"),
            ("\t\u{a0}\u{3000}\u{200b}\u{feff}x\u{2800}\u{2060}\r\n", "x"),
            ("\u{fe0f}\u{fe0f}", ""),
            ("love \u{2764}\u{fe0f}", "love \u{2764}\u{fe0f}"),
            ("\u{1f469}\u{200d}\u{1f467}", "\u{1f469}\u{200d}\u{1f467}"),
            ("a\nb", "a\nb"),
            ("\u{3164}\u{ad}", ""),
        ] {
            assert_eq!(trim(typed), kept, "{typed:?}");
        }
    }
}
