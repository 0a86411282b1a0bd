//! Tables for people: columns padded to their widest cell, no lines.

use std::{fmt::Write, io};

use super::console::Console;

/// Returns a count of things as people write it: `1 trace`, `2 traces`.
pub fn counted(n: u64, thing: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {thing}{plural}")
}

/// Rows under a heading.
#[derive(Debug)]
pub struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Starts a table with these columns.
    pub fn new(heading: &[&'static str]) -> Self {
        Self {
            heading: heading.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells beyond the heading are left out.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Writes the table. A table without rows writes nothing.
    pub fn print(&self, console: &mut Console) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let widths: Vec<usize> = self.widths();
        let heading = self.heading.iter().map(|cell| (*cell).to_owned());
        let paint = console.paint();
        console.line(paint.dim(padded(heading, &widths)))?;
        for row in &self.rows {
            console.line(padded(row.iter().map(|cell| one_line(cell)), &widths))?;
        }
        Ok(())
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.heading.iter().map(|cell| cell.len()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(one_line(cell).chars().count());
            }
        }
        widths
    }
}

fn padded(cells: impl Iterator<Item = String>, widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.zip(widths) {
        // Writing to a `String` cannot fail.
        let _infallible = write!(line, "{cell:<width$}  ");
    }
    line.truncate(line.trim_end().len());
    line
}

/// Text from rules and traces may hold anything; control characters must not reach a terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_control_characters_are_gone() {
        let mut table = Table::new(&["ID", "STATE"]);
        table.row(vec!["long-id\u{1b}[31m".into(), "on".into()]);
        assert_eq!(table.widths(), [12, 5]);
        assert_eq!(
            padded(
                ["a".to_owned(), "b".to_owned()].into_iter(),
                &table.widths()
            ),
            "a             b"
        );
    }
}
