//! The `BeTrace` rule language: text to WebAssembly component.
