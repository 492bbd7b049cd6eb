//! Content negotiation (`Accept`, RFC 9110, 12.5.1).

use http::HeaderMap;
use http::header::ACCEPT;

/// The weight of a media type, in thousandths, by the most specific range that includes it; and whether that range is the type
/// itself. Without the header every type has full weight.
fn wanted(headers: &HeaderMap, kind: &str) -> (u16, bool) {
    let mut found: Option<(u8, u16)> = None;
    let family = kind.split_once('/').map_or(kind, |(family, _)| family);
    for range in
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','))
    {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let specific = match name.split_once('/') {
            _ if name.eq_ignore_ascii_case(kind) => 2,
            Some((one, "*")) if one.eq_ignore_ascii_case(family) => 1,
            Some(("*", "*")) => 0,
            _ => continue,
        };
        let quality = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok())
        });
        // An invalid weight is ignored.
        let quality = quality.flatten().filter(|quality| (0.0..=1.0).contains(quality)).unwrap_or(1.0);
        let thousandths = (quality * 1000.0).round() as u16;
        // Of a type with several parameters, as Prometheus sends it, the version with the largest weight.
        if found.is_none_or(|(before, most)| (specific, thousandths) > (before, most)) {
            found = Some((specific, thousandths));
        }
    }
    match found {
        Some((specific, thousandths)) => (thousandths, specific == 2),
        None if headers.contains_key(ACCEPT) => (0, false),
        None => (1000, false),
    }
}

/// Whether `kind` is named and has at least the weight of the default type.
pub(crate) fn asks_for(headers: &HeaderMap, kind: &str, otherwise: &str) -> bool {
    let (quality, named) = wanted(headers, kind);
    named && quality > 0 && quality >= wanted(headers, otherwise).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(accept: &[&str], kind: &str, otherwise: &str) -> bool {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, value.parse().expect("a header"));
        }
        asks_for(&headers, kind, otherwise)
    }

    #[test]
    fn scrapers_get_the_format_they_want_most() {
        let open = |accept: &[&str]| asks(accept, "application/openmetrics-text", "text/plain");
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for accept in [
            &[prometheus][..],
            &["application/openmetrics-text"],
            &["Application/OpenMetrics-Text; version=1.0.0"],
            &["text/plain;q=0.5, application/openmetrics-text"],
            &["text/plain;q=0.5", "application/openmetrics-text;q=0.6"],
        ] {
            assert!(open(accept), "{accept:?}");
        }
        for accept in [
            &[][..],
            &["*/*"],
            &["application/*"],
            &["text/plain"],
            &["text/plain, application/openmetrics-text;q=0.5"],
            &["application/openmetrics-text;q=0"],
            &["application/openmetrics-text; q=0.0, */*"],
            &["application/openmetrics-text;q=0.3, text/*;q=0.5"],
            &["application/json"],
        ] {
            assert!(!open(accept), "{accept:?}");
        }
    }

    #[test]
    fn pages_are_for_those_who_name_them() {
        let page = |accept: &str| asks(&[accept], "text/html", "application/problem+json");
        assert!(page("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"));
        assert!(page("text/html"));
        for accept in ["*/*", "text/*", "application/json", "text/html;q=0.5,application/problem+json", "text/html;q=0"]
        {
            assert!(!page(accept), "{accept}");
        }
    }
}
