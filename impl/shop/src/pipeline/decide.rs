//! Which orders get their stock: first come, first served, and each order whole or not at all.

use std::collections::HashMap;

/// What is left of a product while a batch is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shelf {
    pub(crate) stock: i64,
    /// It was archived after it was ordered.
    pub(crate) gone: bool,
}

/// A product and how many of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) product: i64,
    pub(crate) quantity: i64,
}

/// What becomes of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Reserved,
    InsufficientStock,
    /// A product that cannot be had any more.
    ProductUnavailable(i64),
}

/// Takes the lines of one order from the shelves, or leaves the shelves as they are.
pub(crate) fn decide(lines: &[Line], shelves: &mut HashMap<i64, Shelf>) -> Verdict {
    let gone = |line: &&Line| shelves.get(&line.product).is_none_or(|shelf| shelf.gone);
    if let Some(line) = lines.iter().find(gone) {
        return Verdict::ProductUnavailable(line.product);
    }
    for (taken, line) in lines.iter().enumerate() {
        match shelves.get_mut(&line.product) {
            Some(shelf) if shelf.stock >= line.quantity => shelf.stock -= line.quantity,
            _ => {
                for line in &lines[..taken] {
                    if let Some(shelf) = shelves.get_mut(&line.product) {
                        shelf.stock += line.quantity;
                    }
                }
                return Verdict::InsufficientStock;
            }
        }
    }
    Verdict::Reserved
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn never_more_than_there_is_and_whole_orders_only(
            stocks in vec(0_i64..30, 1..5),
            orders in vec(vec((0_i64..6, 1_i64..8), 1..4), 0..40),
            gone in proptest::option::of(0_i64..5),
        ) {
            let shelf = |(product, stock): (usize, &i64)| {
                let product = i64::try_from(product).expect("a small number");
                (product, Shelf { stock: *stock, gone: gone == Some(product) })
            };
            let before: HashMap<i64, Shelf> = stocks.iter().enumerate().map(shelf).collect();
            let mut shelves = before.clone();
            let mut taken: HashMap<i64, i64> = HashMap::new();
            for order in &orders {
                let lines: Vec<Line> = order.iter().map(|(product, quantity)| Line { product: *product, quantity: *quantity }).collect();
                let at_first = shelves.clone();
                // The same product on several lines counts as their sum.
                let mut wanted: HashMap<i64, i64> = HashMap::new();
                lines.iter().for_each(|line| *wanted.entry(line.product).or_default() += line.quantity);
                match decide(&lines, &mut shelves) {
                    Verdict::Reserved => wanted.iter().for_each(|(product, n)| *taken.entry(*product).or_default() += n),
                    Verdict::InsufficientStock => {
                        prop_assert_eq!(&shelves, &at_first);
                        prop_assert!(wanted.iter().any(|(product, n)| at_first[product].stock < *n));
                    }
                    Verdict::ProductUnavailable(product) => {
                        prop_assert_eq!(&shelves, &at_first);
                        prop_assert!(before.get(&product).is_none_or(|shelf| shelf.gone));
                    }
                }
            }
            for (product, shelf) in &shelves {
                prop_assert!(shelf.stock >= 0);
                prop_assert_eq!(shelf.stock + taken.get(product).copied().unwrap_or(0), before[product].stock);
            }
        }
    }
}
