//! Texts with places to be filled.

/// A mail's subject, and its text and HTML with `{{name}}` where values belong.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    /// The subject.
    pub subject: &'static str,
    /// The plain text.
    pub text: &'static str,
    /// The part of the HTML that is its own.
    pub html: &'static str,
}

impl Template {
    /// The text with these values.
    pub fn text(&self, values: &[(&str, &str)]) -> String {
        filled(self.text, |name| value(values, name).to_owned())
    }

    /// The HTML with these values, escaped, as the `content` of a page with the subject as its `title`.
    pub fn html(&self, page: &str, values: &[(&str, &str)]) -> String {
        let content = filled(self.html, |name| escaped(value(values, name)));
        filled(page, |name| match name {
            "content" => content.clone(),
            "title" => escaped(self.subject),
            _ => String::new(),
        })
    }

    /// The names of its places.
    pub fn places(&self) -> impl Iterator<Item = &'static str> {
        let names = |text: &'static str| text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
        names(self.text).chain(names(self.html))
    }
}

fn value<'v>(values: &[(&str, &'v str)], name: &str) -> &'v str {
    values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

/// Each place filled once: what a value consists of is no place.
fn filled(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut parts = template.split("{{");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        whole.push_str(&value(name));
        whole.push_str(rest);
    }
    whole
}

/// Text in HTML, also in an attribute with quotes of either kind.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_are_no_places() {
        let template = Template {
            subject: "A & B",
            text: "To {{who}}: {{link}}{{nothing}}.",
            html: "<p title='{{who}}'>{{link}}</p>",
        };
        let values = [("who", "<b>\"'&{{link}}"), ("link", "https://x/?a=1&b=2")];
        assert_eq!(template.text(&values), "To <b>\"'&{{link}}: https://x/?a=1&b=2.");
        let html = template.html("<title>{{title}}</title>{{content}}", &values);
        let content = "<p title='&lt;b&gt;&quot;&#39;&amp;{{link}}'>https://x/?a=1&amp;b=2</p>";
        assert_eq!(html, format!("<title>A &amp; B</title>{content}"));
        assert_eq!(template.places().collect::<Vec<_>>(), ["who", "link", "nothing", "who", "link"]);
    }
}
