//! Patterns that are not regular, as steps of a machine.

use std::ops::Range;

use regex_syntax::hir::ClassUnicode;

use super::node::{Edge, Node};

#[derive(Debug)]
pub(super) enum Step {
    Class {
        ranges: Box<[(char, char)]>,
        back: bool,
    },
    Back {
        group: usize,
        back: bool,
    },
    Edge(Edge),
    Jump(usize),
    /// The first, or else the second.
    Either(usize, usize),
    /// Remembers the place.
    Mark(usize),
    /// A group from the place that was remembered to this one.
    Close {
        group: usize,
        mark: usize,
        back: bool,
    },
    /// Begins a repetition: the count, and after it the place where its last round began.
    Begin(usize),
    /// Another round, which is the next step, or the exit.
    Round {
        count: usize,
        min: u32,
        max: u32,
        greedy: bool,
        exit: usize,
    },
    /// Begins a round; what its groups have found is forgotten.
    Enter {
        count: usize,
        groups: Range<usize>,
    },
    /// The next steps up to `Accept` elsewhere.
    Look {
        negative: bool,
        after: usize,
    },
    Accept,
}

/// A pattern as steps.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// Two of each group come first.
    pub(super) registers: usize,
    pub(super) anchored: bool,
}

impl Program {
    pub(super) fn new(node: &Node, groups: usize) -> Self {
        let mut program = Self { steps: Vec::new(), registers: 2 * groups, anchored: node.is_anchored() };
        program.add(node, false);
        program.steps.push(Step::Accept);
        program
    }

    fn registers(&mut self, count: usize) -> usize {
        self.registers += count;
        self.registers - count
    }

    fn add(&mut self, node: &Node, back: bool) {
        match node {
            Node::Class(class) => self.steps.push(Step::Class { ranges: ranges(class), back }),
            Node::Back(group) => self.steps.push(Step::Back { group: *group, back }),
            Node::Edge(edge) => self.steps.push(Step::Edge(*edge)),
            Node::Sequence(nodes) if back => nodes.iter().rev().for_each(|node| self.add(node, back)),
            Node::Sequence(nodes) => nodes.iter().for_each(|node| self.add(node, back)),
            Node::Either(nodes) => self.either(nodes, back),
            Node::Group(group, inner) => {
                let mark = self.registers(1);
                self.steps.push(Step::Mark(mark));
                self.add(inner, back);
                self.steps.push(Step::Close { group: *group, mark, back });
            }
            Node::Repeat { inner, min, max, greedy, groups } => {
                let count = self.registers(2);
                let round = self.steps.len() + 1;
                self.steps.push(Step::Begin(count));
                self.steps.push(Step::Accept);
                // Without references no group is numbered.
                self.steps.push(Step::Enter { count, groups: groups.0..groups.1 });
                self.add(inner, back);
                self.steps.push(Step::Jump(round));
                let (min, max, exit) = (*min, max.unwrap_or(u32::MAX), self.steps.len());
                self.steps[round] = Step::Round { count, min, max, greedy: *greedy, exit };
            }
            Node::Look { ahead, negative, inner } => {
                let look = self.steps.len();
                self.steps.push(Step::Accept);
                self.add(inner, !ahead);
                self.steps.push(Step::Accept);
                self.steps[look] = Step::Look { negative: *negative, after: self.steps.len() };
            }
        }
    }

    fn either(&mut self, nodes: &[Node], back: bool) {
        let mut ends = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let choice = self.steps.len();
            if index + 1 < nodes.len() {
                self.steps.push(Step::Accept);
            }
            self.add(node, back);
            if index + 1 < nodes.len() {
                ends.push(self.steps.len());
                self.steps.push(Step::Accept);
                self.steps[choice] = Step::Either(choice + 1, self.steps.len());
            }
        }
        for end in ends {
            self.steps[end] = Step::Jump(self.steps.len());
        }
    }
}

fn ranges(class: &ClassUnicode) -> Box<[(char, char)]> {
    class.ranges().iter().map(|range| (range.start(), range.end())).collect()
}
