//! Whole-system tests of BeTrace, and what they share.
