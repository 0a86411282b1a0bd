//! The kinds of diagnostic. The doc comment of each is its page under `betrace check --explain CODE`.

/// Declares the codes, so that name, explanation and list cannot drift apart.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal;)+) => {
        /// What kind of mistake a diagnostic speaks of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it is shown and looked up, in kebab-case.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Why it is a mistake, an example, and what to write.
            pub fn explain(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc, "\n",)+),)+
                }
            }
        }
    };
}

codes! {
    /// A word of another language, as `&&` for `and`, `||` for `or`, `!` for `not`, `=` or `===` for `==`, `=~` for `matches`.
    ForeignOperator = "foreign-operator";
    /// A character that the language has no use for. Names with other characters than ASCII letters, digits, `_`, `-` and `.` are quoted.
    UnexpectedCharacter = "unexpected-character";
    /// A control character or one that changes the direction of text, which makes a source read differently from what it means. Write it as `\u{...}` in a string.
    InvisibleCharacter = "invisible-character";
    /// The source is not UTF-8 text: its bytes cannot be read as characters. Save the file as UTF-8.
    NotText = "not-text";
    /// The source is larger than 256 KiB. Split the rules over several files.
    SourceTooLarge = "source-too-large";
    /// A string without its closing quote. A string stands on one line: `"like this"`.
    UnterminatedString = "unterminated-string";
    /// An escape `\u{...}` that names no character. Write one to six hexadecimal digits: `\u{e9}`.
    BadEscape = "bad-escape";
    /// A word that begins with a digit, or a number with something hanging on: `5xx`, `10.0.0.1`, `2026-03-01`. Quote it.
    BadNumber = "bad-number";
    /// A whole number beyond 64 bits, or a number beyond what a double holds.
    NumberOutOfRange = "number-out-of-range";
    /// A number with an unknown unit, or one too long for a duration. Units are ns us ms s m h d; write `90m`, not `1h30m`.
    BadDuration = "bad-duration";
    /// Something else was expected at this place.
    Syntax = "syntax";
    /// A relation behind a relation: `a before b before c`. A relation stands between two sets of spans. Write `a then b then c`, or join two relations with `and`.
    RelationChained = "relation-chained";
    /// `every` or `no` without a relation: `every pii.access`. Write `every pii.access after auth`, or `not a` if there is to be none.
    RelationMissing = "relation-missing";
    /// `every` or `no` where it has no meaning: before or inside a chain of `then`. Write the step as a relation: `every a before b`.
    QuantifierMisplaced = "quantifier-misplaced";
    /// A name after `as` that is taken: by the language, by a `let`, or because it has dots. Write a word of its own: `every order as o ...`.
    AliasName = "alias-name";
    /// A name that `as` gives, read outside the filters of its own right side, or without the attribute that is meant. Write `a as x before b.where(key == x.key)`.
    AliasScope = "alias-scope";
    /// A name that `as` gives and nothing reads. Remove it, or compare with it on the right side: `b.where(key == x.key)`.
    UnusedAlias = "unused-alias";
    /// A join without an equality: every span of the left side is compared with every one of the right. Write `b.where(key == x.key and ...)`.
    SlowJoin = "slow-join";
    /// One span is asked for where one for each seems to be meant. Write `every a ...`; in `match` and `never`, write `not every a ...` or leave `every` out.
    OneForMany = "one-for-many";
    /// `within` without a duration above zero, or behind what is no relation of two spans. Write `a before b within 5m`.
    BadWithin = "bad-within";
    /// An aggregate of no spans: `count()`. Write `count(http.retry)`, or `count(any)` for all of them.
    EmptyAggregate = "empty-aggregate";
    /// Parentheses, `not` or filters nest deeper than 128.
    NestingTooDeep = "nesting-too-deep";
    /// A rule with more than 65,536 comparisons, selectors and operators, more than 1,024 span sets, or a component larger than 4 MiB.
    RuleTooLarge = "rule-too-large";
    /// A file holds more rules, or more span names, than a pack can: 4,096 rules, 65,535 names.
    PackTooLarge = "pack-too-large";
    /// A file without a rule: nothing in it says what must hold.
    Empty = "empty";
    /// A `let` that is used where another kind of thing is wanted: a number where spans are, or the reverse.
    LetKind = "let-kind";
    /// A `let` that is used above its definition. Move it up: a `let` may use those before it.
    LetOrder = "let-order";
    /// A `let` that nothing uses. Remove it, or mend the name where it was meant.
    UnusedLet = "unused-let";
    /// A word of the language stands where a name is wanted: `trace.has(not)`. Quote it: `trace.has("not")`.
    ReservedWord = "reserved-word";
    /// A property that rules do not have. They are signal, summary, message, controls, labels, timezone, when, always, never and match.
    UnknownProperty = "unknown-property";
    /// A timezone that the IANA database does not have. Write a city of the zone as the database does: `timezone "America/New_York"`, or `"UTC"`.
    UnknownTimezone = "unknown-timezone";
    /// A property or clause given twice in a rule.
    Duplicate = "duplicate";
    /// `when` with neither `always` nor `never`: it says when, and not what must hold then. Add `always { ... }` or `never { ... }`.
    WhenAlone = "when-alone";
    /// `always` or `never` without `when`. Add `when { ... }`, or `when { any }` for every trace.
    WhenMissing = "when-missing";
    /// A rule without a condition, or with both `match` and `when`. Inside `rule { }` a bare condition is written `match { ... }`.
    ConditionMissing = "condition-missing";
    /// A rule id that is not 1 to 128 of a-z, 0-9, `-`, `_` and `.`, beginning with a letter or digit.
    BadRuleId = "bad-rule-id";
    /// Two rules of a file have one id. An id stands for one rule: give one of them another name.
    DuplicateRuleId = "duplicate-rule-id";
    /// A severity that is none of info, low, medium, high, critical.
    UnknownSeverity = "unknown-severity";
    /// A `// Signal:` comment that names no signal, or a second one. Write `// Signal: NAME (critical)`.
    BadSignalHeader = "bad-signal-header";
    /// A `{name.key}` in a message whose name is no span name of the rule, or that is not closed. The name is one that the rule selects.
    BadPlaceholder = "bad-placeholder";
    /// A direct comparison that does not say which span is meant: `amount > 1000`. Write `payment.amount > 1000` or `payment.where(amount > 1000)`.
    SpanMissing = "span-missing";
    /// A number or a value alone where a condition is wanted.
    NotACondition = "not-a-condition";
    /// Something after `span:`, `scope:`, `trace:`, `event:`, `timestamp.` that does not exist.
    UnknownIntrinsic = "unknown-intrinsic";
    /// An intrinsic of a span used over the trace, or the reverse.
    MisplacedIntrinsic = "misplaced-intrinsic";
    /// A dotted word on the right of a comparison: `where(a == b.c)` could mean the text or an attribute. Write `"b.c"` or `span.b.c`.
    DottedWord = "dotted-word";
    /// A bare word after `<`, `>` and the like, which would be compared as text: `where(a > b)`. Write `span.b` for the attribute.
    BareWordOrdered = "bare-word-ordered";
    /// Two sides that cannot be compared: a status with a number, a time with a word.
    WrongType = "wrong-type";
    /// A status that is none of ok, error, unset.
    UnknownStatus = "unknown-status";
    /// A kind that is none of unspecified, internal, server, client, producer, consumer.
    UnknownKind = "unknown-kind";
    /// A duration compared with an attribute: `where(latency > 250ms)`. Attributes hold numbers: `latency > 250`; or the span's own length was meant: `span:duration > 250ms`.
    DurationAgainstAttribute = "duration-against-attribute";
    /// `span:duration` compared with a number that has no unit. Write `250ms`.
    DurationWithoutUnit = "duration-without-unit";
    /// A text that is no regular expression: `matches "("`. The place in the pattern is underlined. The syntax is that of the `regex` crate; a character that means something in it is written with a backslash, `\\(`.
    BadPattern = "bad-pattern";
    /// A regular expression whose table would not fit the component: `\\w{200}`. Less is needed of `[0-9]` than of `\\d`, and of `+` than of a large count.
    PatternTooLarge = "pattern-too-large";
    /// A time that is not RFC 3339. Write `"2026-03-01T19:30:00Z"`.
    BadTime = "bad-time";
    /// A date that is not of the form `"2026-03-01"`.
    BadDate = "bad-date";
    /// `<`, `>` and the like between things without an order: booleans, kinds, lists.
    NoOrder = "no-order";
    /// `!=` and `not in` are false where the attribute is missing. `not (role == admin)` is true there. Warned about in a filter that is only such a comparison.
    UnequalSkipsMissing = "unequal-skips-missing";
    /// A key that begins with the name of a scope, as `event.action`, reads that scope: here an attribute `action` of the span's events. Quote it for the attribute of that whole name: `"event.action"`.
    PrefixedKey = "prefixed-key";
    /// An attribute is read where the span itself carries something of that name: `status == error` reads an attribute `status`. Write `span:status == error`, or quote the name if the attribute is meant.
    IntrinsicMeant = "intrinsic-meant";
    /// A string on the left of a comparison is the name of an attribute: `"contractor" == role` reads the attribute `contractor`. Write `role == contractor`.
    QuotedAttribute = "quoted-attribute";
    /// An `event.where( )` or `link.where( )` in which nothing reads the event or link: names without a prefix are attributes of the span, there too. Write `event.where(event.level == fatal)`.
    RowUnread = "row-unread";
    /// A direct comparison takes the last segment as the attribute: `http.request.method.name == x` reads `name` of spans `http.request.method`. Where more was meant, write `.where( )`.
    SplitName = "split-name";
    /// A condition that no trace can fulfil, or that every trace does: `count(x) >= 0`, `timestamp.weekday == 0` (Sunday is 7). Or two comparisons that exclude each other, `x == 1 and x == 2`, or of which one is always true, `x != 1 or x != 2`.
    ConstantCondition = "constant-condition";
    /// A `never` that forbids what is no more than the lack of what `always` demands: `always { audit } never { not audit }`. Leave it out.
    RepeatedClause = "repeated-clause";
    /// A `// Signal:` comment above named rules, which say their own: `signal NAME (critical)` inside the braces.
    UnusedSignalHeader = "unused-signal-header";
}
