//! What a `User-Agent` tells: a class of device, and whether it is a machine that reads pages for others.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use aho_corasick::AhoCorasick;
use regex::RegexSet;
use serde::Deserialize;

/// The list is another's, who keeps it up: `data/update` takes a newer one.
const LIST: &str = include_str!("../../data/bots.json");
/// Why a reader's views are not counted, the one first that is told of several.
const REASONS: [&str; 11] = [
    "search_engine",
    "language_model",
    "link_preview",
    "monitor",
    "headless_browser",
    "scanner",
    "feed_reader",
    "advertising",
    "archiver",
    "academic",
    "crawler",
];
/// What readers that nobody has listed say of themselves, as is the custom. Libraries and command-line clients do not: servers
/// that report for their visitors use those.
const CUSTOM: [&str; 4] = ["bot/", "crawler", "spider", "+http"];
/// User agents whose class a process remembers: to look through the whole list takes some microseconds.
const REMEMBERED: usize = 5_000;
/// Of a user agent so many bytes are looked at.
const LONGEST: usize = 512;

/// The list, made to be searched. Nearly all of its patterns are words, and those are found in one pass whose time depends on
/// nothing but the length of the text: an automaton of all of them as regular expressions is built while it is used, and
/// texts can be made up that have it built for milliseconds each.
struct Bots {
    words: AhoCorasick,
    expressions: RegexSet,
    /// The reason of each word, and of each expression, with its place in the list.
    of_words: Vec<(usize, &'static str)>,
    of_expressions: Vec<(usize, &'static str)>,
}

static BOTS: LazyLock<Bots> = LazyLock::new(|| {
    let (mut words, mut of_words, mut expressions, mut of_expressions) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let all =
        listed().into_iter().flat_map(|(reason, patterns)| patterns.into_iter().map(move |pattern| (reason, pattern)));
    for (place, (reason, pattern)) in all.enumerate() {
        match word(&pattern) {
            Some(word) => {
                words.push(word);
                of_words.push((place, reason));
            }
            None => {
                expressions.push(pattern);
                of_expressions.push((place, reason));
            }
        }
    }
    // The tests make both.
    let words = AhoCorasick::new(words).or_else(|_| AhoCorasick::new([""; 0])).expect("nothing can be searched for");
    let expressions = RegexSet::new(expressions).unwrap_or_else(|_| RegexSet::empty());
    Bots { words, expressions, of_words, of_expressions }
});

impl Bots {
    /// The reason of what comes first in the list of all that is found.
    fn reason(&self, text: &str) -> Option<&'static str> {
        let words =
            self.words.find_overlapping_iter(text).filter_map(|found| self.of_words.get(found.pattern().as_usize()));
        let matches = self.expressions.matches(text);
        let expressions = matches.iter().filter_map(|place| self.of_expressions.get(place));
        words.chain(expressions).min().map(|(_, reason)| *reason)
    }
}

/// What a pattern finds, if that is a word and nothing else.
fn word(pattern: &str) -> Option<String> {
    let (mut word, mut chars) = (String::with_capacity(pattern.len()), pattern.chars());
    while let Some(char) = chars.next() {
        match char {
            '\\' => word.push(chars.next().filter(|escaped| !escaped.is_ascii_alphanumeric())?),
            '.' | '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => return None,
            char => word.push(char),
        }
    }
    Some(word)
}

static KNOWN: LazyLock<Mutex<HashMap<Box<str>, Option<&'static str>>>> = LazyLock::new(Mutex::default);

#[derive(Deserialize)]
struct List {
    patterns: HashMap<String, Vec<String>>,
}

fn listed() -> Vec<(&'static str, Vec<String>)> {
    let mut list: List = serde_json::from_str(LIST).unwrap_or_else(|_| List { patterns: HashMap::new() });
    REASONS.map(|reason| (reason, list.patterns.remove(reason).unwrap_or_default())).into()
}

/// Why views of this reader are not counted; nothing when they are.
pub(crate) fn bot(user_agent: &str) -> Option<&'static str> {
    let user_agent = &user_agent[..user_agent.floor_char_boundary(LONGEST)];
    if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(user_agent).copied() {
        return known;
    }
    let found = BOTS.reason(user_agent).or_else(|| {
        let lower = user_agent.to_ascii_lowercase();
        CUSTOM.iter().any(|word| lower.contains(word)).then_some("crawler")
    });
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(user_agent.into(), found);
    found
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
        // What says so itself, and was counted when the list was ours.
        let named = [
            (
                "Mozilla/5.0 (Linux; Android 11; moto g power (2022)) Chrome/119.0.0.0 Mobile Safari/537.36 Chrome-Lighthouse",
                "monitor",
            ),
            ("Mozilla/5.0 (compatible; GoogleOther)", "search_engine"),
            ("Mozilla/5.0 (compatible; Google-InspectionTool/1.0)", "search_engine"),
            ("Mozilla/5.0 AppleWebKit/537.36; compatible; ChatGPT-User/1.0; +https://openai.com/bot", "language_model"),
            ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "crawler"),
            ("Feedly/1.0 (+http://www.feedly.com/fetcher.html; like FeedFetcher-Google)", "feed_reader"),
            ("TelegramBot (like TwitterBot)", "link_preview"),
            ("SomethingNew (+https://example.com/about)", "crawler"),
        ];
        for (agent, reason) in named {
            assert_eq!((bot(agent), bot(agent)), (Some(reason), Some(reason)), "{agent}");
        }
        let facebook = "Mozilla/5.0 (Linux; Android 14; SM-S918B; wv) Version/4.0 Chrome/131.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/490.0.0.0.0;]";
        let libraries =
            ["curl/8.5.0", "okhttp/4.12.0", "Go-http-client/2.0", "node-fetch/1.0", "axios/1.7", "reqwest/0.12"];
        assert_eq!([pixel, tab, facebook].map(bot), [None; 3]);
        assert_eq!(libraries.map(bot), [None; 6]);
        assert_eq!(
            (bot(google), bot("MyCrawler 1.0"), bot("HeadlessChrome/131")),
            (Some("search_engine"), Some("crawler"), Some("headless_browser"))
        );
    }
    #[test]
    fn the_whole_list_is_used() {
        let known: Vec<usize> = listed().iter().map(|(_, patterns)| patterns.len()).collect();
        assert!(known.iter().all(|patterns| *patterns > 5) && known.iter().sum::<usize>() > 1_000, "{known:?}");
        let Bots { words, expressions, of_words, of_expressions } = &*BOTS;
        assert_eq!((words.patterns_len(), expressions.len()), (of_words.len(), of_expressions.len()));
        assert_eq!(of_words.len() + of_expressions.len(), known.iter().sum::<usize>());
        assert!(of_expressions.len() < 100, "{} are no words: searching for them may take long", of_expressions.len());
        // Longer than anybody's, and cut within a letter.
        assert_eq!(bot(&"ä".repeat(1_000)), None);
        assert_eq!(bot(&format!("x{}", "ä".repeat(1_000))), None);
    }

    #[test]
    fn words_are_found_as_the_expressions_they_were() {
        let patterns: Vec<String> = listed().into_iter().flat_map(|(_, patterns)| patterns).collect();
        let words: Vec<(&String, String)> =
            patterns.iter().filter_map(|pattern| Some((pattern, word(pattern)?))).collect();
        for (pattern, word) in &words {
            let expression = regex::Regex::new(pattern).expect("an expression");
            let found = expression.find(word).expect("itself");
            assert_eq!((found.start(), found.end()), (0, word.len()), "{pattern}");
        }
        assert_eq!(
            ["a\\/b", "a\\.b", "a.b", "a\\d", "a\\"].map(word),
            [Some("a/b".into()), Some("a.b".into()), None, None, None]
        );
        // Of several the one that is listed first, whichever way each is found.
        let places = |text: &str| {
            let matching =
                patterns.iter().position(|pattern| regex::Regex::new(pattern).is_ok_and(|it| it.is_match(text)));
            let reasons = listed().into_iter().flat_map(|(reason, patterns)| patterns.into_iter().map(move |_| reason));
            matching.and_then(|place| reasons.collect::<Vec<_>>().get(place).copied())
        };
        for pair in words.windows(2).step_by(97) {
            let text = format!("{} {} SemrushBot AhrefsSiteAudit", pair[1].1, pair[0].1);
            assert_eq!(BOTS.reason(&text), places(&text), "{text}");
        }
    }
}
