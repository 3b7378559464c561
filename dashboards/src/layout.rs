//! Where panels stand.
//!
//! Enters: widths and heights in reading order. Leaves: places on a grid. Never: two panels in one
//! place, or one that sticks out.

/// How wide the grid is, in Grafana and in CloudWatch.
pub const COLUMNS: u32 = 24;

/// A place on the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The first column.
    pub x: u32,
    /// The first row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Fills the grid line by line.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    x: u32,
    y: u32,
    line: u32,
}

impl Grid {
    /// The next place of that size.
    pub(crate) fn take(&mut self, width: u32, height: u32) -> Position {
        let width = width.min(COLUMNS);
        if self.x + width > COLUMNS {
            self.new_line();
        }
        let place = Position { x: self.x, y: self.y, width, height };
        self.x += width;
        self.line = self.line.max(height);
        place
    }

    /// Begins a line below everything so far.
    pub(crate) fn new_line(&mut self) {
        self.y += self.line;
        self.x = 0;
        self.line = 0;
    }
}
