//! Sets of characters, and what the escapes of a pattern stand for.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// A code point, which may be a surrogate that no text has, or a set of characters.
#[derive(Debug, Clone)]
pub(super) enum Code {
    One(u32),
    Set(ClassUnicode),
}

impl Code {
    pub(super) fn into_class(self) -> ClassUnicode {
        match self {
            Self::One(code) => one(code),
            Self::Set(set) => set,
        }
    }
}

pub(super) fn one(code: u32) -> ClassUnicode {
    range(code, code)
}

/// Without the surrogates.
pub(super) fn range(first: u32, last: u32) -> ClassUnicode {
    let part = |first: u32, last: u32| {
        let ends = char::from_u32(first).zip(char::from_u32(last));
        ends.filter(|(first, last)| first <= last).map(|(first, last)| ClassUnicodeRange::new(first, last))
    };
    ClassUnicode::new([part(first, last.min(0xd7ff)), part(first.max(0xe000), last)].into_iter().flatten())
}

/// All that is in one of them; put in order once, not with each of them.
pub(super) fn union(classes: &[ClassUnicode]) -> ClassUnicode {
    ClassUnicode::new(classes.iter().flat_map(|class| class.ranges().iter().copied()))
}

pub(super) fn any() -> ClassUnicode {
    range(0, 0x10_ffff)
}

fn set(members: &[(char, char)], negated: bool) -> ClassUnicode {
    let mut class = ClassUnicode::new(members.iter().map(|(first, last)| ClassUnicodeRange::new(*first, *last)));
    if negated {
        class.negate();
    }
    class
}

/// What `.` matches (ECMA-262, 12.3: line terminators).
pub(super) fn not_line_end() -> ClassUnicode {
    set(&[('\n', '\n'), ('\r', '\r'), ('\u{2028}', '\u{2029}')], true)
}

/// What `\s` matches (ECMA-262, 12.2 and 12.3).
const SPACE: &[(char, char)] = &[
    ('\t', '\r'),
    (' ', ' '),
    ('\u{a0}', '\u{a0}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{2000}', '\u{200a}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{202f}', '\u{202f}'),
    ('\u{205f}', '\u{205f}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{feff}', '\u{feff}'),
];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// What the characters after a backslash stand for, and how many they are.
pub(super) fn escaped(chars: &[char], ignore_case: bool) -> Result<(Code, usize), String> {
    let Some(char) = chars.first().copied() else { return Err("it ends with a backslash".to_owned()) };
    let one = |code: u32| Ok((Code::One(code), 1));
    let next = chars.get(1).copied();
    match char {
        'd' | 'D' => Ok((Code::Set(set(&[('0', '9')], char == 'D')), 1)),
        's' | 'S' => Ok((Code::Set(set(SPACE, char == 'S')), 1)),
        'w' | 'W' => {
            let mut class = set(WORD, false);
            if ignore_case {
                class.case_fold_simple();
            }
            if char == 'W' {
                class.negate();
            }
            Ok((Code::Set(class), 1))
        }
        'p' | 'P' => property(chars),
        't' => one(9),
        'n' => one(10),
        'v' => one(11),
        'f' => one(12),
        'r' => one(13),
        '0' if !next.is_some_and(|next| next.is_ascii_digit()) => one(0),
        'c' if next.is_some_and(|next| next.is_ascii_alphabetic()) => {
            Ok((Code::One(next.map_or(0, u32::from) % 32), 2))
        }
        'x' => match hexadecimal(chars.get(1..3)) {
            Some(code) => Ok((Code::One(code), 3)),
            None => Err("\\x is not followed by two hexadecimal digits".to_owned()),
        },
        'u' => unicode(chars),
        _ if char.is_ascii_alphanumeric() => Err(format!("ECMA-262 has no \\{char}")),
        _ => one(char.into()),
    }
}

fn hexadecimal(digits: Option<&[char]>) -> Option<u32> {
    digits?.iter().try_fold(0_u32, |code, digit| code.checked_mul(16)?.checked_add(digit.to_digit(16)?))
}

/// `\u1F00`, `\uD83D\uDE00` or `\u{1F600}`
fn unicode(chars: &[char]) -> Result<(Code, usize), String> {
    let fault = || "\\u is not followed by the hexadecimal digits of a character".to_owned();
    if chars.get(1) == Some(&'{') {
        let end = chars.iter().position(|char| *char == '}').ok_or_else(fault)?;
        let code = hexadecimal(chars.get(2..end)).filter(|code| end > 2 && *code <= 0x10_ffff).ok_or_else(fault)?;
        return Ok((Code::One(code), end + 1));
    }
    let code = hexadecimal(chars.get(1..5)).ok_or_else(fault)?;
    let follows = chars.get(5..7).is_some_and(|next| next == ['\\', 'u']);
    let low = hexadecimal(chars.get(7..11)).filter(|low| follows && (0xdc00..0xe000).contains(low));
    match low {
        Some(low) if (0xd800..0xdc00).contains(&code) => {
            Ok((Code::One(0x1_0000 + (code - 0xd800) * 0x400 + (low - 0xdc00)), 11))
        }
        _ => Ok((Code::One(code), 5)),
    }
}

/// `\p{L}`, `\p{Script=Greek}`
fn property(chars: &[char]) -> Result<(Code, usize), String> {
    let end = chars.iter().position(|char| *char == '}').filter(|_| chars.get(1) == Some(&'{'));
    let name: String = chars.get(2..end.unwrap_or(0)).unwrap_or_default().iter().collect();
    let is_name = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '=');
    let known = if !name.is_empty() && name.chars().all(is_name) {
        regex_syntax::parse(&format!("\\p{{{name}}}")).ok()
    } else {
        None
    };
    let mut class = match known.as_ref().map(|hir| hir.kind()) {
        Some(HirKind::Class(Class::Unicode(class))) => class.clone(),
        // No text has surrogates, and the tables leave them out.
        _ if matches!(name.as_str(), "Cs" | "Surrogate" | "gc=Cs" | "gc=Surrogate") => ClassUnicode::empty(),
        _ if matches!(name.as_str(), "General_Category=Cs" | "General_Category=Surrogate") => ClassUnicode::empty(),
        // A set of one.
        Some(HirKind::Literal(literal)) => {
            String::from_utf8_lossy(&literal.0).chars().next().map_or_else(ClassUnicode::empty, |char| one(char.into()))
        }
        _ => return Err(format!("Unicode has no property {name}")),
    };
    if chars[0] == 'P' {
        class.negate();
    }
    Ok((Code::Set(class), end.unwrap_or(0) + 1))
}
