//! The syntax of ECMA-262 patterns in Unicode mode, which JSON Schema names; with what its annex B takes besides, and documents of
//! the world hold: braces and brackets that close nothing, escaped punctuation, `[\w-.]`.

use regex_syntax::hir::ClassUnicode;

use super::classes::{self, Code};
use super::node::{Edge, Node};

/// Groups within each other: whatever walks the tree takes stack for each.
const DEPTH: usize = 100;

pub(super) type Parsed<T> = Result<T, String>;

/// The tree of a pattern, and how many groups it refers back to.
pub(crate) fn parse(source: &str) -> Parsed<(Node, usize)> {
    let mut first = Parser { chars: source.chars().collect(), ..Parser::default() };
    first.whole()?;
    // References may stand before what they refer to.
    let (chars, names, groups) = (first.chars, first.names, first.groups);
    let known = Some(Known { names, groups: if first.refers { groups } else { 0 } });
    let mut second = Parser { chars, known, ..Parser::default() };
    let node = second.whole()?;
    Ok((node, if first.refers { groups } else { 0 }))
}

pub(super) struct Known {
    names: Vec<(String, usize)>,
    pub(super) groups: usize,
}

#[derive(Default)]
pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    depth: usize,
    pub(super) groups: usize,
    pub(super) names: Vec<(String, usize)>,
    refers: bool,
    pub(super) known: Option<Known>,
    pub(super) flags: Flags,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) multiline: bool,
    pub(super) dot_all: bool,
}

impl Parser {
    fn whole(&mut self) -> Parsed<Node> {
        let node = self.alternatives()?;
        if self.at < self.chars.len() { Err("a ) closes nothing".to_owned()) } else { Ok(node) }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn eat(&mut self, wanted: &str) -> bool {
        let found = wanted.chars().enumerate().all(|(index, char)| self.chars.get(self.at + index) == Some(&char));
        if found {
            self.at += wanted.chars().count();
        }
        found
    }

    pub(super) fn alternatives(&mut self) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("more than {DEPTH} groups are within each other"));
        }
        let mut branches = vec![self.sequence()?];
        while self.eat("|") {
            branches.push(self.sequence()?);
        }
        self.depth -= 1;
        if branches.len() == 1 {
            return Ok(branches.remove(0));
        }
        let class = |node: &Node| if let Node::Class(class) = node { Some(class.clone()) } else { None };
        let classes: Option<Vec<_>> = branches.iter().map(class).collect();
        Ok(classes.map_or(Node::Either(branches), |classes| Node::Class(classes::union(&classes))))
    }

    fn sequence(&mut self) -> Parsed<Node> {
        let mut items = Vec::new();
        while self.peek().is_some_and(|char| char != '|' && char != ')') {
            let before = self.groups;
            let is_assertion = matches!(
                self.chars[self.at..],
                ['^' | '$', ..] | ['\\', 'b' | 'B', ..] | ['(', '?', '<', '=' | '!', ..]
            );
            let item = self.item()?;
            items.push(self.repeated(item, is_assertion, before)?);
        }
        Ok(if items.len() == 1 { items.remove(0) } else { Node::Sequence(items) })
    }

    fn item(&mut self) -> Parsed<Node> {
        let char = self.chars[self.at];
        if matches!(char, '*' | '+' | '?') || (char == '{' && self.braces().is_some()) {
            return Err(format!("{char} repeats nothing"));
        }
        self.at += 1;
        let Flags { multiline, dot_all, .. } = self.flags;
        Ok(match char {
            '^' => Node::Edge(if multiline { Edge::LineStart } else { Edge::Start }),
            '$' => Node::Edge(if multiline { Edge::LineEnd } else { Edge::End }),
            '(' => self.group()?,
            '.' if dot_all => Node::Class(classes::any()),
            '.' => Node::Class(classes::not_line_end()),
            '[' => Node::Class(self.class()?),
            '\\' => self.escape()?,
            char => Node::Class(self.folded(classes::one(char.into()))),
        })
    }

    fn folded(&self, mut class: ClassUnicode) -> ClassUnicode {
        if self.flags.ignore_case {
            class.case_fold_simple();
        }
        class
    }

    fn repeated(&mut self, item: Node, is_assertion: bool, before: usize) -> Parsed<Node> {
        let (min, max) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => match self.braces() {
                Some((min, max, length)) => {
                    self.at += length - 1;
                    (min, max)
                }
                None => return Ok(item),
            },
            _ => return Ok(item),
        };
        self.at += 1;
        if max.is_some_and(|max| max < min) {
            return Err(format!(
                "a repetition {{{min},{}}} has its limits in the wrong order",
                max.unwrap_or_default()
            ));
        }
        if is_assertion {
            return Err("a repetition follows an assertion".to_owned());
        }
        let greedy = !self.eat("?");
        // Required rounds may find nothing, and need not be taken; unless a reference tells what the last one found.
        let min = if item.is_optional() && before == self.groups { 0 } else { min };
        let groups =
            if self.known.as_ref().is_some_and(|known| known.groups > 0) { (before, self.groups) } else { (0, 0) };
        Ok(Node::Repeat { inner: Box::new(item), min, max, greedy, groups })
    }

    /// `{2}`, `{2,}` or `{2,5}` here, and its length; nothing else is a repetition.
    fn braces(&self) -> Option<(u32, Option<u32>, usize)> {
        let length = self.chars[self.at..].iter().take(48).position(|char| *char == '}')? + 1;
        let inside: String = self.chars[self.at + 1..self.at + length - 1].iter().collect();
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(u32::MAX))
        };
        match inside.split_once(',') {
            None => number(&inside).map(|times| (times, Some(times), length)),
            Some((min, "")) => Some((number(min)?, None, length)),
            Some((min, max)) => Some((number(min)?, Some(number(max)?).filter(|max| *max < u32::MAX), length)),
        }
    }

    fn escape(&mut self) -> Parsed<Node> {
        let before = self.at;
        let char = self.peek();
        self.at += 1;
        match char {
            Some('b') => Ok(Node::Edge(Edge::Word)),
            Some('B') => Ok(Node::Edge(Edge::NotWord)),
            Some('k') => {
                let name = if self.eat("<") { self.name()? } else { return Err("\\k has no name".to_owned()) };
                let Some(known) = &self.known else { return self.back(0) };
                let found = known.names.iter().find(|(known, _)| *known == name).map(|(_, group)| *group);
                found.map_or_else(|| Err(format!("\\k<{name}> refers to no group")), |group| self.back(group))
            }
            Some('1'..='9') => {
                while self.peek().is_some_and(|char| char.is_ascii_digit()) {
                    self.at += 1;
                }
                let number: String = self.chars[before..self.at].iter().collect();
                let group = number.parse::<usize>().unwrap_or(usize::MAX) - 1;
                match &self.known {
                    Some(known) if group >= known.groups => Err(format!("\\{number} refers to no group")),
                    _ => self.back(group),
                }
            }
            _ => {
                self.at = before;
                Ok(Node::Class(match self.code()? {
                    Code::One(code) => self.folded(classes::one(code)),
                    Code::Set(class) => self.folded(class),
                }))
            }
        }
    }

    fn back(&mut self, group: usize) -> Parsed<Node> {
        self.refers = true;
        if self.flags.ignore_case { Err("a back reference ignores case".to_owned()) } else { Ok(Node::Back(group)) }
    }

    /// What follows a backslash, in a class or outside of one.
    fn code(&mut self) -> Parsed<Code> {
        let (code, length) = classes::escaped(&self.chars[self.at..], self.flags.ignore_case)?;
        self.at += length;
        Ok(code)
    }

    /// A class up to its `]`.
    fn class(&mut self) -> Parsed<ClassUnicode> {
        let negated = self.eat("^");
        let mut members = Vec::new();
        while !self.eat("]") {
            let first = self.member()?;
            let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|char| *char != ']');
            if !is_range {
                members.push(first.into_class());
                continue;
            }
            self.at += 1;
            match (first, self.member()?) {
                (Code::One(first), Code::One(last)) if first > last => {
                    return Err("a range of characters is in the wrong order".to_owned());
                }
                (Code::One(first), Code::One(last)) => members.push(classes::range(first, last)),
                // As in [\w-.]: annex B has three members here.
                (first, last) => {
                    members.extend([first.into_class(), last.into_class(), classes::one('-'.into())]);
                }
            }
        }
        let mut class = self.folded(classes::union(&members));
        if negated {
            class.negate();
        }
        Ok(class)
    }

    fn member(&mut self) -> Parsed<Code> {
        let Some(char) = self.peek() else { return Err("a [ is not closed".to_owned()) };
        self.at += 1;
        match (char, self.peek()) {
            ('\\', Some('b')) => {
                self.at += 1;
                Ok(Code::One(8))
            }
            ('\\', _) => self.code(),
            _ => Ok(Code::One(char.into())),
        }
    }
}
