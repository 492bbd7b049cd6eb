//! A pattern as a tree, and as automata where it is regular.

use regex_automata::meta::{Config, Regex};
use regex_syntax::hir::{Class, ClassUnicode, Hir, Look, Repetition};

/// Automata of one pattern; with more looks than that it is left to backtracking.
const CONDITIONS: usize = 16;

/// What a part of a pattern matches.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// One character.
    Class(ClassUnicode),
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    /// Groups from `groups.0` up to but not `groups.1` are in it.
    Repeat {
        inner: Box<Node>,
        min: u32,
        max: Option<u32>,
        greedy: bool,
        groups: (usize, usize),
    },
    /// A group that something refers back to.
    Group(usize, Box<Node>),
    Back(usize),
    Look {
        ahead: bool,
        negative: bool,
        inner: Box<Node>,
    },
    Edge(Edge),
}

/// What a place between characters is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    Start,
    End,
    LineStart,
    LineEnd,
    Word,
    NotWord,
}

impl Node {
    /// Nothing where it is not regular.
    fn hir(&self) -> Option<Hir> {
        let all = |nodes: &[Self]| nodes.iter().map(Self::hir).collect::<Option<Vec<_>>>();
        Some(match self {
            Self::Class(class) => Hir::class(Class::Unicode(class.clone())),
            Self::Sequence(nodes) => Hir::concat(all(nodes)?),
            Self::Either(nodes) => Hir::alternation(all(nodes)?),
            Self::Repeat { inner, min, max, greedy, .. } => {
                Hir::repetition(Repetition { min: *min, max: *max, greedy: *greedy, sub: Box::new(inner.hir()?) })
            }
            Self::Group(_, inner) => inner.hir()?,
            Self::Edge(Edge::Start) => Hir::look(Look::Start),
            Self::Edge(Edge::End) => Hir::look(Look::End),
            Self::Edge(Edge::Word) => Hir::look(Look::WordAscii),
            Self::Edge(Edge::NotWord) => Hir::look(Look::WordAsciiNegate),
            Self::Edge(Edge::LineStart | Edge::LineEnd) | Self::Look { .. } | Self::Back(_) => return None,
        })
    }

    /// Whether it finds the empty text anywhere.
    pub(crate) fn is_optional(&self) -> bool {
        match self {
            Self::Sequence(nodes) => nodes.iter().all(Self::is_optional),
            Self::Either(nodes) => nodes.iter().any(Self::is_optional),
            Self::Repeat { inner, min, .. } => *min == 0 || inner.is_optional(),
            Self::Group(_, inner) => inner.is_optional(),
            Self::Class(_) | Self::Back(_) | Self::Look { .. } | Self::Edge(_) => false,
        }
    }

    fn items(&self) -> &[Self] {
        if let Self::Sequence(nodes) = self { nodes } else { std::slice::from_ref(self) }
    }

    /// Whether it matches at the start of a text only.
    pub(crate) fn is_anchored(&self) -> bool {
        matches!(self.items(), [Self::Edge(Edge::Start), ..])
    }

    /// `^[a-z]{3,9000}$`: the class as often as one likes, and how often.
    pub(crate) fn as_run(&self) -> Option<(Self, u32, u32)> {
        let [Self::Edge(Edge::Start), Self::Repeat { inner, min, max, .. }, Self::Edge(Edge::End)] = self.items()
        else {
            return None;
        };
        let (inner, groups) = (inner.clone(), (0, 0));
        let plain = matches!(*inner, Self::Class(_)) && (*min > 1 || max.is_some_and(|max| max > 1));
        let any = Self::Repeat { inner, min: 0, max: None, greedy: true, groups };
        let node = Self::Sequence(vec![Self::Edge(Edge::Start), any, Self::Edge(Edge::End)]);
        plain.then_some((node, *min, max.unwrap_or(u32::MAX)))
    }

    /// What must be found, and what (`false`) must not: so that looking ahead from the start, or back from the end, needs no
    /// backtracking. Nothing where it is not regular.
    fn conditions(&self) -> Option<Vec<(bool, Hir)>> {
        let items = self.items();
        let looks = |node: &&Self, forward: bool| matches!(node, Self::Look { ahead, .. } if *ahead == forward);
        let (mut first, mut last) = (0, items.len());
        if self.is_anchored() {
            first = 1 + items[1..].iter().take_while(|node| looks(node, true)).count();
        }
        if matches!(items, [.., Self::Edge(Edge::End)]) {
            last -= 1;
            last -= items[first.min(last)..last].iter().rev().take_while(|node| looks(node, false)).count();
        }
        let mut conditions = Vec::new();
        let mut rest = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match item {
                Self::Look { ahead, negative, inner } if index < first || index >= last => {
                    let inner = inner.hir()?;
                    let parts = if *ahead { [Hir::look(Look::Start), inner] } else { [inner, Hir::look(Look::End)] };
                    conditions.push((!negative, Hir::concat(parts.into())));
                }
                other => rest.push(other.hir()?),
            }
        }
        conditions.push((true, Hir::concat(rest)));
        Some(conditions)
    }

    /// Automata for its conditions, each of up to `size` bytes. Nothing where it is not regular, or larger.
    pub(crate) fn automata(&self, size: usize) -> Option<Vec<(bool, Regex)>> {
        let config = Config::new().nfa_size_limit(Some(size));
        let build = |hir: &Hir| Regex::builder().configure(config.clone()).build_from_hir(hir).ok();
        let conditions = self.conditions().filter(|conditions| conditions.len() <= CONDITIONS)?;
        conditions.iter().map(|(wanted, hir)| Some((*wanted, build(hir)?))).collect()
    }
}
