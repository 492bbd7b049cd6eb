//! Patterns that are not regular, by backtracking as ECMA-262 (22.2.2) describes it, in a bounded number of steps.

use super::node::Edge;
use super::program::{Program, Step};

/// So many steps are taken for one text: tens of milliseconds.
const STEPS: usize = 2_000_000;
/// So many ways back are kept: 12 MB.
const WAYS: usize = 1_000_000;
/// No place in a text.
const UNSET: u32 = u32::MAX;

impl Program {
    /// Whether it is found in a text; not where that takes too many steps.
    pub(super) fn is_match(&self, text: &str) -> bool {
        if text.len() >= UNSET as usize {
            return false;
        }
        let mut run = Run { text, registers: Vec::new(), ways: Vec::new(), steps: STEPS };
        let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        for start in starts.take(if self.anchored { 1 } else { usize::MAX }) {
            // A place to begin at is as dear as what is set for it.
            run.steps = run.steps.saturating_sub(self.registers);
            run.ways.clear();
            run.registers.clear();
            run.registers.resize(self.registers, UNSET);
            match run.from(&self.steps, 0, start) {
                Some(false) => (),
                found => return found.is_some(),
            }
        }
        false
    }
}

/// A way back: another step and place to go on with, or what a register held.
#[derive(Clone, Copy)]
enum Way {
    Branch(u32, u32),
    Restore(u32, u32),
}

struct Run<'t> {
    text: &'t str,
    registers: Vec<u32>,
    ways: Vec<Way>,
    steps: usize,
}

impl Run<'_> {
    fn set(&mut self, register: usize, value: u32) {
        self.ways.push(Way::Restore(register as u32, self.registers[register]));
        self.registers[register] = value;
    }

    fn branch(&mut self, step: usize, at: usize) {
        self.ways.push(Way::Branch(step as u32, at as u32));
    }

    /// The next branch above `base`, with everything as it was there.
    fn back(&mut self, base: usize) -> Option<(usize, usize)> {
        while self.ways.len() > base {
            match self.ways.pop()? {
                Way::Branch(step, at) => return Some((step as usize, at as usize)),
                Way::Restore(register, value) => self.registers[register as usize] = value,
            }
        }
        None
    }

    /// Whether the steps from one on lead to `Accept`; nothing when the limit is reached. Calls itself as deep as the pattern looks.
    fn from(&mut self, steps: &[Step], mut step: usize, mut at: usize) -> Option<bool> {
        let base = self.ways.len();
        loop {
            self.steps = self.steps.checked_sub(1).filter(|_| self.ways.len() < WAYS)?;
            let mut next = step + 1;
            let goes_on = match &steps[step] {
                Step::Accept => return Some(true),
                Step::Class { ranges, back } => match self.char(at, *back) {
                    Some(char) if contains(ranges, char) => {
                        at = if *back { at - char.len_utf8() } else { at + char.len_utf8() };
                        true
                    }
                    _ => false,
                },
                Step::Back { group, back } => {
                    let (start, end) = (self.registers[2 * group], self.registers[2 * group + 1]);
                    // A group that has found nothing is empty.
                    let wanted = if end == UNSET { "" } else { &self.text[start as usize..end as usize] };
                    // The longer it is, the longer that takes.
                    self.steps = self.steps.checked_sub(wanted.len())?;
                    let (before, after) = self.text.split_at(at);
                    let found = if *back { before.ends_with(wanted) } else { after.starts_with(wanted) };
                    at = if !found {
                        at
                    } else if *back {
                        at - wanted.len()
                    } else {
                        at + wanted.len()
                    };
                    found
                }
                Step::Edge(edge) => self.is_at(*edge, at),
                Step::Jump(to) => {
                    next = *to;
                    true
                }
                Step::Either(first, second) => {
                    self.branch(*second, at);
                    next = *first;
                    true
                }
                Step::Mark(register) => {
                    self.set(*register, at as u32);
                    true
                }
                Step::Close { group, mark, back } => {
                    let (from, to) = (self.registers[*mark], at as u32);
                    let (start, end) = if *back { (to, from) } else { (from, to) };
                    self.set(2 * group, start);
                    self.set(2 * group + 1, end);
                    true
                }
                Step::Begin(count) => {
                    self.set(*count, 0);
                    true
                }
                Step::Round { count, min, max, greedy, exit } => {
                    let (done, began) = (self.registers[*count], self.registers[count + 1]);
                    if done > *min && began == at as u32 {
                        // A round that was not needed has found nothing: it leads nowhere else than without it.
                        false
                    } else if done >= *max {
                        next = *exit;
                        true
                    } else {
                        if done >= *min {
                            self.branch(if *greedy { *exit } else { next }, at);
                            next = if *greedy { next } else { *exit };
                        }
                        true
                    }
                }
                Step::Enter { count, groups } => {
                    self.set(*count, self.registers[*count].saturating_add(1));
                    self.set(count + 1, at as u32);
                    self.steps = self.steps.checked_sub(groups.len())?;
                    for register in 2 * groups.start..2 * groups.end {
                        self.set(register, UNSET);
                    }
                    true
                }
                Step::Look { negative, after } => {
                    let mark = self.ways.len();
                    let found = self.from(steps, step + 1, at)?;
                    if found && *negative {
                        while self.back(mark).is_some() {}
                    } else if found {
                        // What its groups have found stays; there is no second way to look.
                        let ways = self.ways.split_off(mark);
                        self.ways.extend(ways.into_iter().filter(|way| matches!(way, Way::Restore(..))));
                    }
                    next = *after;
                    found != *negative
                }
            };
            step = next;
            if !goes_on {
                let Some(way) = self.back(base) else { return Some(false) };
                (step, at) = way;
            }
        }
    }

    fn char(&self, at: usize, back: bool) -> Option<char> {
        let (before, after) = self.text.split_at(at);
        if back { before.chars().next_back() } else { after.chars().next() }
    }

    fn is_at(&self, edge: Edge, at: usize) -> bool {
        let is_word = |char: Option<char>| char.is_some_and(|char| char.is_ascii_alphanumeric() || char == '_');
        let ends_line = |char: Option<char>| matches!(char, None | Some('\n' | '\r' | '\u{2028}' | '\u{2029}'));
        let (before, after) = (self.char(at, true), self.char(at, false));
        match edge {
            Edge::Start => at == 0,
            Edge::End => at == self.text.len(),
            Edge::LineStart => ends_line(before),
            Edge::LineEnd => ends_line(after),
            Edge::Word => is_word(before) != is_word(after),
            Edge::NotWord => is_word(before) == is_word(after),
        }
    }
}

fn contains(ranges: &[(char, char)], char: char) -> bool {
    let index = ranges.partition_point(|(_, last)| *last < char);
    ranges.get(index).is_some_and(|(first, _)| *first <= char)
}
