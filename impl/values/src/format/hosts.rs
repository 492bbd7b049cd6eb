//! Names of hosts (RFC 1123, RFC 5890) and addresses of mail (RFC 5321, RFC 6531).

use std::net::{Ipv4Addr, Ipv6Addr};

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::pattern::Pattern;

/// RFC 1123, 2.1; a label in Punycode must be one (RFC 5890, 2.3.2.1).
pub(super) fn is_hostname(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(is_label)
        && (!text.to_ascii_lowercase().contains("xn--") || is_unicode_name(text))
}

fn is_label(label: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len()) && label.bytes().all(is_part) && !label.starts_with('-') && !label.ends_with('-')
}

/// RFC 5890, 2.3.2.3: labels of ASCII, or of Unicode as IDNA2008 (RFC 5891, RFC 5892) has them; between them any of the four dots.
pub(super) fn is_idn_hostname(text: &str) -> bool {
    let text = text.replace(['\u{3002}', '\u{ff0e}', '\u{ff61}'], ".");
    if text.is_ascii() {
        return is_hostname(&text);
    }
    let name = Uts46::new().to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
    name.is_ok_and(|name| is_hostname(&name)) && is_unicode_name(&text)
}

/// Whether labels that are not ASCII, or stand for such, are as IDNA2008 takes them: mapped to nothing else, in their context.
fn is_unicode_name(text: &str) -> bool {
    /// RFC 5892, 2.6 (exceptions) and appendix A (rules of context).
    static FORBIDDEN: Pattern = Pattern::new(
        r"(?<!l)\u00B7|\u00B7(?!l)|\u0375(?!\p{Script=Greek})|(?<!\p{Script=Hebrew})[\u05F3\u05F4]|[\u0640\u07FA\u302E\u302F\u3031-\u3035\u303B]|[\u0660-\u0669].*[\u06F0-\u06F9]|[\u06F0-\u06F9].*[\u0660-\u0669]|^..--|^\p{M}",
    );
    static KATAKANA_DOT: Pattern =
        Pattern::new(r"^(?=.*\u30FB)(?!.*[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}])");
    text.split('.').all(|label| {
        let is_encoded = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"));
        if label.is_ascii() && !is_encoded {
            return true;
        }
        let (shown, result) = Uts46::new().to_unicode(label.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
        let unmapped = is_encoded || shown == label;
        result.is_ok() && unmapped && !shown.is_ascii() && !FORBIDDEN.matches(&shown) && !KATAKANA_DOT.matches(&shown)
    })
}

/// `Mailbox` of RFC 5321, 4.1.2, with `wide` that of RFC 6531, 3.3; any domain, also reserved ones.
pub(super) fn is_email(text: &str, wide: bool) -> bool {
    static LOCAL: Pattern = Pattern::new(
        r#"^(?:[\w!#$%&'*+\-/=?^`{|}~\x80-\u{10FFFF}]+(?:\.[\w!#$%&'*+\-/=?^`{|}~\x80-\u{10FFFF}]+)*|"(?:[ !#-\[\]-~\x80-\u{10FFFF}]|\\[ -~])*")$"#,
    );
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let domain_fits = match domain.strip_prefix('[').and_then(|domain| domain.strip_suffix(']')) {
        Some(literal) => match literal.get(..5) {
            Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => literal[5..].parse::<Ipv6Addr>().is_ok(),
            _ => literal.parse::<Ipv4Addr>().is_ok(),
        },
        None if wide => is_idn_hostname(domain),
        None => is_hostname(domain),
    };
    local.len() <= 64 && (wide || local.is_ascii()) && LOCAL.matches(local) && domain_fits
}
