//! The canonical layout of a source.
//!
//! | step | module | from -> to |
//! |---|---|---|
//! | 1 | `crate::sheet` | tokens and the gaps between them -> pieces: a token with the comments before it |
//! | 2 | `tree` | the pieces of a condition -> what may be broken, and where |
//! | 3 | `file`, `condition` | pieces -> lines, through `writer` |
//!
//! It works on tokens, not on the tree of the parser: a construct that it has never heard of is set in a row with blanks
//! between its words, and every token and comment comes out as it went in. The layout hangs on the tokens alone, and on
//! three things that only an author knows: whether a comment has a line of its own, where a blank line stands, and
//! whether a `.` or `:` stands apart from the word before it (which the parser tells apart).

use crate::{
    diagnostic::Diagnostic,
    lexer, limits, parser,
    sheet::Sheet,
    source::Source,
    token::{Kind, Token},
};

use writer::Writer;

mod condition;
mod file;
#[cfg(test)]
mod tests;
mod tree;
mod writer;

/// How many columns a line should have at most; what cannot be broken may be longer.
const COLUMNS_MAX: usize = 100;
/// By how many columns what is inside is set off.
const INDENT_COLUMNS: usize = 2;

/// Returns the source in its canonical layout, or the errors for which it cannot be read.
///
/// The tokens and comments are those of the source, in their order, so the meaning is the same; formatting twice
/// changes nothing more.
///
/// ```
/// let source = betrace_dsl::Source { name: "x.btr", text: b"when{a}never   {b}// why" };
/// assert_eq!(betrace_dsl::format(&source).unwrap(), "when   { a }\nnever  { b } // why\n");
/// ```
///
/// # Errors
///
/// What the lexer and the parser refuse. What only the checker would refuse is laid out.
pub fn format(source: &Source<'_>) -> Result<String, Vec<Diagnostic>> {
    let text = crate::read_text(source).map_err(|diagnostic| vec![*diagnostic])?;
    let lexed = lexer::lex(text);
    let (_, mut diagnostics) = parser::parse(text, &lexed.tokens);
    diagnostics.extend(lexed.diagnostics);
    diagnostics.retain(Diagnostic::is_error);
    if !diagnostics.is_empty() {
        diagnostics.sort_by_key(|diagnostic| diagnostic.primary.span);
        diagnostics.dedup();
        diagnostics.truncate(limits::DIAGNOSTICS_MAX);
        return Err(diagnostics);
    }
    let out = lay_out(text, &lexed.tokens);
    // A layout that says something else would be a mistake of this module; the author's text is not to pay for it.
    let is_same = says_the_same(text, &lexed.tokens, &out);
    debug_assert!(
        is_same,
        "the layout of {text:?} says something else: {out:?}"
    );
    Ok(if is_same { out } else { text.to_owned() })
}

fn lay_out(text: &str, tokens: &[Token<'_>]) -> String {
    let sheet = Sheet::new(text, tokens);
    let mut writer = Writer::new(&sheet);
    writer.write_file();
    writer.finish()
}

/// Whether `out` has these tokens, as they are written, and these comments.
fn says_the_same(text: &str, tokens: &[Token<'_>], out: &str) -> bool {
    let lexed = lexer::lex(out);
    let is_same_token = |(before, after): (&Token<'_>, &Token<'_>)| {
        before.kind == after.kind
            && (before.kind == Kind::End || written(text, before) == written(out, after))
    };
    tokens.len() == lexed.tokens.len()
        && tokens.iter().zip(&lexed.tokens).all(is_same_token)
        && Sheet::new(text, tokens)
            .comments()
            .eq(Sheet::new(out, &lexed.tokens).comments())
}

fn written<'t>(text: &'t str, token: &Token<'_>) -> &'t str {
    let range = token.span.start as usize..token.span.end as usize;
    text.get(range).unwrap_or_default()
}
