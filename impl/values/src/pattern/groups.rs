//! What stands in parentheses: groups with and without a number or name, looks around, and flags.

use super::node::Node;
use super::syntax::{Parsed, Parser};

impl Parser {
    pub(super) fn group(&mut self) -> Parsed<Node> {
        let flags = self.flags;
        let mut look = None;
        let mut number = None;
        let is_named = matches!(self.chars[self.at..], ['?', '<', next, ..] if next != '=' && next != '!');
        if is_named || self.peek() != Some('?') {
            number = Some(self.groups);
            self.groups += 1;
            if is_named {
                self.at += 2;
                let name = self.name()?;
                if self.names.iter().any(|(known, _)| *known == name) {
                    return Err(format!("two groups are called {name}"));
                }
                self.names.push((name, self.groups - 1));
            }
        } else if self.eat("?=") {
            look = Some((true, false));
        } else if self.eat("?!") {
            look = Some((true, true));
        } else if self.eat("?<=") {
            look = Some((false, false));
        } else if self.eat("?<!") {
            look = Some((false, true));
        } else if !self.eat("?:") {
            self.at += 1;
            self.modifiers()?;
        }
        let inner = Box::new(self.alternatives()?);
        self.flags = flags;
        if !self.eat(")") {
            return Err("a ( is not closed".to_owned());
        }
        let referred = |number: &usize| self.known.as_ref().is_some_and(|known| *number < known.groups);
        Ok(match (look, number.filter(referred)) {
            (Some((ahead, negative)), _) => Node::Look { ahead, negative, inner },
            (None, Some(number)) => Node::Group(number, inner),
            (None, None) => *inner,
        })
    }

    /// `(?i-s:` (ECMAScript 2025)
    fn modifiers(&mut self) -> Parsed<()> {
        let mut on = true;
        let mut seen = String::new();
        loop {
            let char = self.peek();
            self.at += 1;
            match char {
                Some(':') if !seen.is_empty() => return Ok(()),
                Some('-') if on => on = false,
                Some(flag @ ('i' | 'm' | 's')) if !seen.contains(flag) => {
                    seen.push(flag);
                    match flag {
                        'i' => self.flags.ignore_case = on,
                        'm' => self.flags.multiline = on,
                        _ => self.flags.dot_all = on,
                    }
                }
                _ => return Err("a group begins with (? and something that ECMA-262 does not have".to_owned()),
            }
        }
    }

    /// The name of a group, up to its `>`.
    pub(super) fn name(&mut self) -> Parsed<String> {
        let mut name = String::new();
        while let Some(char) = self.peek() {
            self.at += 1;
            match char {
                '>' if !name.is_empty() => return Ok(name),
                '$' | '_' => name.push(char),
                _ if char.is_alphabetic() || (!name.is_empty() && char.is_numeric()) => name.push(char),
                _ => break,
            }
        }
        Err("the name of a group is no name".to_owned())
    }
}
