//! What a `User-Agent` tells: a class of device, and whether it is a machine that reads pages for others.

/// Words of crawlers that say what they are, and what they are counted as. Libraries and command-line clients are not
/// among them: servers that report for their visitors use those.
const BOTS: &[(&str, &str)] = &[
    ("googlebot", "search_engine"),
    ("bingbot", "search_engine"),
    ("yandex", "search_engine"),
    ("baiduspider", "search_engine"),
    ("duckduckbot", "search_engine"),
    ("slurp", "search_engine"),
    ("applebot", "search_engine"),
    ("gptbot", "language_model"),
    ("claudebot", "language_model"),
    ("ccbot", "language_model"),
    ("perplexitybot", "language_model"),
    ("bytespider", "language_model"),
    ("facebookexternalhit", "link_preview"),
    ("twitterbot", "link_preview"),
    ("slackbot", "link_preview"),
    ("discordbot", "link_preview"),
    ("whatsapp/", "link_preview"),
    ("uptimerobot", "monitor"),
    ("pingdom", "monitor"),
    ("statuscake", "monitor"),
    ("headlesschrome", "headless_browser"),
    ("phantomjs", "headless_browser"),
    ("ahrefsbot", "crawler"),
    ("semrushbot", "crawler"),
    ("mj12bot", "crawler"),
    ("crawler", "crawler"),
    ("spider", "crawler"),
    ("bot/", "crawler"),
    ("+http", "crawler"),
];

/// Why views of this reader are not counted; nothing when they are.
pub(crate) fn bot(user_agent: &str) -> Option<&'static str> {
    let lower = user_agent.to_ascii_lowercase();
    BOTS.iter().find(|(word, _)| lower.contains(word)).map(|(_, reason)| *reason)
}

/// `desktop`, `mobile`, `tablet` or `other`.
pub(crate) fn device(user_agent: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| user_agent.contains(word));
    // Android says "Mobile" on telephones only.
    if has(&["iPad", "Tablet", "Kindle", "Silk/"]) || has(&["Android"]) && !has(&["Mobile"]) {
        "tablet"
    } else if has(&["Mobi", "iPhone", "iPod", "Android"]) {
        "mobile"
    } else if has(&["Windows NT", "Macintosh", "X11", "CrOS", "Linux x86_64"]) {
        "desktop"
    } else {
        "other"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_told_apart() {
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1";
        let pixel = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/131.0.0.0 Mobile Safari/537.36";
        let tab = "Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36";
        let linux = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
        let google = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
        assert_eq!(
            [iphone, pixel, tab, linux, "curl/8.5.0", ""].map(device),
            ["mobile", "mobile", "tablet", "desktop", "other", "other"]
        );
        assert_eq!([iphone, linux, "python-httpx/0.28", ""].map(bot), [None; 4]);
        assert_eq!(
            (bot(google), bot("MyCrawler 1.0"), bot("HeadlessChrome/131")),
            (Some("search_engine"), Some("crawler"), Some("headless_browser"))
        );
    }
}
