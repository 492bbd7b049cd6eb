//! Patterns of ECMA-262: what documents hold, what they must not, and whether another engine finds the same.

use proptest::prelude::*;
use values::Pattern;

fn matches(source: &str, text: &str) -> bool {
    Pattern::owned(source.to_owned()).unwrap_or_else(|why| panic!("{source}: {why}")).matches(text)
}

/// Pattern, texts in which it is found, texts in which it is not.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

const CASES: &[Case] = &[
    (r"^[\dA-F]{2}\/\w$", &["3F/x"], &["٣F/x", "3F/x\n", "3F/é"]),
    (r"^\S+$", &["a", "\u{180e}", "\u{85}"], &["a b", "\u{feff}", "\u{2028}", "\u{a0}", "\u{b}"]),
    (r"\bcat\b", &["a cat.", "écaté cat"], &["concat", "cat_"]),
    (r"^a\B.$", &["ab"], &["a.", "a"]),
    (r"^\0$", &["\0"], &["0", ""]),
    (r"^\cA\cj$", &["\u{1}\n"], &["cA"]),
    (r"^[\cZ]\t\v\f\r\n$", &["\u{1a}\t\u{b}\u{c}\r\n"], &[]),
    (r"^\x41\u0042\u{43}$", &["ABC"], &["abc"]),
    (r"^\uD83D\uDE00[\uD83D\uDE00-\uD83D\uDE02]$", &["😀😁"], &["😀", "\u{d7ff}"]),
    (r"^[\u{1F600}-\u{1F602}]$", &["😂"], &["😃"]),
    (r"^\uD83D$|x[\uD800-\uDFFF]|[\uD7FF-\uE000]", &["\u{d7ff}", "\u{e000}"], &["😀", "x\u{e001}"]),
    (r"^[^]$", &["\n", "😀"], &["", "ab"]),
    (r"a[]|^$", &[""], &["a"]),
    (r"^.$", &["é", "😀", "\u{85}", "\0"], &["\n", "\r", "\u{2028}", "\u{2029}", "ab"]),
    (r"a$", &["ba"], &["a\n", "ab"]),
    (r"^a", &["ab"], &["b\na"]),
    (r"^(?<year>\d{4})-(?<month>\d\d)$", &["2024-02"], &["224-02"]),
    (r"^\p{L}+\P{L}\p{Script=Greek}\p{gc=Lu}\p{Zl}$", &["äb1αA\u{2028}"], &["1αA"]),
    (r"^\p{scx=Deva}\p{Alphabetic}\p{Emoji}$", &["\u{964}a😀"], &["aa😀"]),
    (r"^{a}{,5}]}$", &["{a}{,5}]}"], &["aaaaa"]),
    (r"^x{,5}{", &["x{,5}{"], &["xxx"]),
    (r"^a{2}b{1,}c{0,2}$", &["aab", "aabbcc"], &["ab", "aabccc"]),
    (r"^[\w-.]+\-\.\_\@$", &["a-b.-._@"], &["a b-._@"]),
    (r"^[a\-z]+[-a]+[a-]+[--9]$", &["a-z---9"], &["b---9"]),
    (r"^[[a&&b]$", &["[", "&", "a"], &["a&&b"]),
    (r"^[\b]$", &["\u{8}"], &["b"]),
    (r"^(?=.*[A-Z])(?=.*\d)(?!.* ).{4,}$", &["abC1"], &["abc1", "abC1 ", "C1"]),
    (r"^(?!-)[a-z-]+(?<!-)$", &["a-b"], &["-a", "a-"]),
    (r"^(?:(?!--)[a-z-])+$", &["a-b"], &["a--b"]),
    (r"(?<=\$)\d+(?!\d|\.)", &["a $42"], &["42 $", "$4.2"]),
    (r"(?<!\$|\d)\d{2}", &["a42"], &["$42", "$421"]),
    (r"(?<=([ab]+)([bc]+))$", &["abbc"], &["a"]),
    (r"(?<=\1(a))b", &["aab"], &["ab"]),
    (r"^(['x])[a-z]*\1$", &["'a'", "xax"], &["'ax"]),
    (r"^(?<q>['x])\k<q>\1$", &["'''"], &["''x"]),
    (r"^\1(a)$|^\k<n>(?<n>b)$", &["a", "b"], &["aa", "bb"]),
    (r"^(a)?\1b$", &["b", "aab"], &["ab"]),
    // What a group found is forgotten with every round.
    (r"^(?:(a)|b)*\1$", &["ab", "aa", ""], &["c"]),
    (r"^(?:(a)|(b)|(c)|(d))+\1\2\3\4$", &["abcdd", "abaa"], &["aba", "abcda"]),
    (r"^(z)((a+)?(b+)?(c))*\3$", &["zaacbbbc", "zaacbbbcaca"], &["zaacbbbcac", "zaacbbbca"]),
    (r"^(?:a?)*?$|^(?:a*)*b$", &["", "aa", "aab"], &["c"]),
    (r"^(?:(?=(a+))a*b\1|c)*d$", &["d", "abad", "cabacd"], &["aabd"]),
    (r"^(?i:straße|k)[a-z](?-i:B)$", &["STRAßEaB", "\u{212a}aB"], &["STRAßEAB", "kab"]),
    (r"(?m:^a$)", &["b\na\rb"], &["ba"]),
    (r"^(?s:.)(?s-i:.)$", &["\n\n"], &["\n"]),
    (r"^$|^()$|^(?:)$|", &["", "x"], &[]),
    (r"", &["", "x"], &[]),
    (r"^(a|b|[cd]|\d)+$", &["abcd1"], &["e"]),
    (r"^[\s\S]{0,70000}$", &["", "a\n"], &[]),
    (r"^.{2,99999999999}$", &["ab"], &["a"]),
    (r"^(?:(?:a?){1111111111}|b{0,9}){2000000000}$|^(?:){99999999}c$", &["", "aab", "c"], &["d"]),
    (r"^(a?){2}\1$", &["a", "aa"], &["b"]),
    (r"^(?:[a-z]{2,900},){2,900}$", &["ab,cd,"], &["ab,c,", "ab,"]),
    (r"^(?:a{1000}){1000}$|^(?:(?:(?:(?:a{9,99}){9,99}){9,99}){9,99}){9,99}b?x$", &[], &["a"]),
];

#[test]
fn documents_hold_these() {
    for (source, found, missed) in CASES {
        for text in *found {
            assert!(matches(source, text), "{source} in {text:?}");
        }
        for text in *missed {
            assert!(!matches(source, text), "{source} in {text:?}");
        }
    }
}

#[test]
fn the_rest_is_refused_when_it_is_read() {
    for (source, why) in [
        ("(", "( is not closed"),
        ("^(abc]", "( is not closed"),
        (")", ") closes nothing"),
        ("[a", "[ is not closed"),
        ("[z-a]", "wrong order"),
        ("a{3,2}", "wrong order"),
        ("*a", "repeats nothing"),
        ("a**", "repeats nothing"),
        ("a|{2}", "repeats nothing"),
        ("a{1}{2}", "repeats nothing"),
        ("^*", "follows an assertion"),
        (r"(?<=a)*", "follows an assertion"),
        (r"a\", "backslash"),
        (r"[\", "backslash"),
        (r"\a", r"no \a"),
        (r"^\S(|(.|\n)*\S)\Z", r"no \Z"),
        (r"\A", r"no \A"),
        (r"[\B]", r"no \B"),
        (r"\07", r"no \0"),
        (r"\c1", r"no \c"),
        (r"\x4", r"\x"),
        (r"\u12", r"\u"),
        (r"\u{110000}", r"\u"),
        (r"\u{}", r"\u"),
        (r"\u{1F600", r"\u"),
        (r"(a)\2", r"\2 refers to no group"),
        (r"\99999999999999999999", "refers to no group"),
        (r"(?<a>x)\k<b>", "refers to no group"),
        (r"\k", "no name"),
        (r"(?<a>x)(?<a>y)", "two groups"),
        (r"(?<1>x)", "is no name"),
        (r"(?P<a>x)", "ECMA-262 does not have"),
        (r"(?i)a", "ECMA-262 does not have"),
        (r"(?>a)", "ECMA-262 does not have"),
        (r"(?#a)", "ECMA-262 does not have"),
        (r"(?ii:a)", "ECMA-262 does not have"),
        (r"(?", "ECMA-262 does not have"),
        (r"\p{Nothing}", "no property"),
        (r"\pL", "no property"),
        (r"\p{L", "no property"),
        (r"\p{^L}", "no property"),
        (r"(?i:(a)\1)", "ignores case"),
        (&"(".repeat(101), "within each other"),
        (&"a".repeat(32_769), "longer than"),
    ] {
        let told = Pattern::check(source).expect_err(source);
        assert!(told.contains(why), "{source}: {told}");
    }
    assert!(!Pattern::new("(").matches(""), "what cannot be read matches nothing");
    assert_eq!(Pattern::check(&format!("{}a{}", "(".repeat(99), ")".repeat(99))), Ok(()));
}

#[test]
fn the_lint_takes_what_is_served_and_refuses_the_rest() {
    // Read at run time: the image is built without the tests of documents.
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/rules-test/patterns.json");
    let text = std::fs::read_to_string(path).expect("the patterns of the lint's tests");
    let known: serde_json::Value = serde_json::from_str(&text).expect("patterns");
    for (verdict, is_served) in [("served", true), ("refused", false)] {
        for source in known[verdict].as_array().expect("patterns") {
            let source = source.as_str().expect("a pattern");
            assert_eq!(Pattern::check(source).is_ok(), is_served, "{source}: {:?}", Pattern::check(source));
        }
    }
}

#[test]
fn no_pattern_takes_more_than_its_time() {
    let long = "a".repeat(100_000);
    for (source, found) in [
        // Regular: no backtracking, whatever the pattern.
        (r"^(a+)+$", true),
        (r"^(a|a)*b$", false),
        (r"^(?=.*a)(?!.*b)(?:a+)+$", true),
        (r"^[a-z]{1,100000}$", true),
        (r"^[a-z]{1,99999}$", false),
        // By backtracking, in few steps.
        (r"^(?:(?!--)[a-z-])+$", true),
        (r"^(a)\1+$", true),
        // These would take exponential time, or more memory than there is for them.
        (r"^(a+)+\1b$", false),
        (r"^(?:(?=a)a|a)*b\b(?!c)d$", false),
        (r"(a*)*\1(a*)*\2c", false),
        (r"^(.*)(.*)(.*)\1\2\3b$", false),
        (r"(?<=(a+)\1+)b", false),
    ] {
        assert_eq!(matches(source, &long), found, "{source}");
    }
}

#[test]
fn what_clients_send_as_patterns_is_not_compiled() {
    let looks = "(?=a{9999})".repeat(370);
    assert!(values::format::holds("regex", &looks) && !values::format::holds("regex", &"a".repeat(4097)));
    // Nor are hundreds of automata made for a document.
    assert_eq!(Pattern::check(&format!("^{looks}")), Ok(()));
    let letters: String = ('\u{4e00}'..'\u{9000}').step_by(2).take(10_000).collect();
    assert!(matches(&format!("^[{letters}]$"), "\u{4e02}"));
    assert!(!matches(
        &format!("^(?:{})$", letters.chars().take(5000).map(|c| format!("{c}|")).collect::<String>()),
        "\u{4e01}"
    ));
}

#[test]
fn another_engine_finds_the_same() {
    // See v8.mjs.
    let known: Vec<(String, String, bool)> = serde_json::from_str(include_str!("v8.json")).expect("cases");
    assert!(known.len() > 1000);
    for (source, text, found) in known {
        assert_eq!(matches(&source, &text), found, "{source} in {text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    /// Signs of patterns in any order.
    #[test]
    fn no_pattern_makes_it_panic(source in r"[\^\[\](){}|?*+.:=!<>\\ab1upk,$\-]{0,24}", text in "[ab1\\\\\\[]{0,8}") {
        if let Ok(pattern) = Pattern::owned(source) {
            pattern.matches(&text);
        }
    }

    #[test]
    fn no_text_makes_it_panic(source in any::<String>(), text in any::<String>()) {
        if let Ok(pattern) = Pattern::owned(source) {
            pattern.matches(&text);
        }
    }
}
