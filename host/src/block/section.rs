//! What a block is made of: tables, and sections that hold their columns.

use super::{BlockId, ChunkId, numbers::Reading};

/// The tables of a block. Rows of a table are numbered from 0 over the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Table {
    Traces,
    Spans,
    Events,
    Links,
    Elements,
    Resources,
    Scopes,
    Strings,
    Blobs,
}

impl Table {
    pub(super) const COUNT: usize = 9;
}

/// The tables that have attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum AttributeScope {
    /// Of a span; rows are spans.
    Span,
    /// Of a resource; rows are resources, to which [`Block::resources`](super::Block::resources) points.
    Resource,
    /// Of an instrumentation scope; rows are scopes, to which [`Block::scopes`](super::Block::scopes) points.
    Scope,
    /// Of an event; rows are events.
    Event,
    /// Of a link; rows are links.
    Link,
}

impl AttributeScope {
    /// How many there are.
    pub(super) const COUNT: usize = 5;

    /// All of them, in the order of the directory.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Span,
        Self::Resource,
        Self::Scope,
        Self::Event,
        Self::Link,
    ];

    pub(super) fn table(self) -> Table {
        self.shapes().table()
    }

    pub(super) fn shapes(self) -> Section {
        match self {
            Self::Span => Section::SpanShapes,
            Self::Resource => Section::ResourceShapes,
            Self::Scope => Section::ScopeShapes,
            Self::Event => Section::EventShapes,
            Self::Link => Section::LinkShapes,
        }
    }

    pub(super) fn shape_columns(self) -> Section {
        match self {
            Self::Span => Section::SpanShapeColumns,
            Self::Resource => Section::ResourceShapeColumns,
            Self::Scope => Section::ScopeShapeColumns,
            Self::Event => Section::EventShapeColumns,
            Self::Link => Section::LinkShapeColumns,
        }
    }
}

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident: $table:ident $form:ident $reading:ident,)*) => {
        /// The parts of a block, in the order in which they are laid into chunks: what judging reads first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        pub(super) enum Section { $($(#[$doc])* $name,)* }

        impl Section {
            pub(super) const ALL: &[Self] = &[$(Self::$name,)*];

            pub(super) const COUNT: usize = Self::ALL.len();

            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The table of which this has a cell for each row.
            pub(super) fn table(self) -> Table {
                match self { $(Self::$name => Table::$table,)* }
            }

            pub(super) fn form(self) -> Form {
                match self { $(Self::$name => Form::$form,)* }
            }

            pub(super) fn reading(self) -> Reading {
                match self { $(Self::$name => Reading::$reading,)* }
            }
        }
    };
}

impl Section {
    /// How many sections come before the attributes in the stream.
    pub(super) const BEFORE_ATTRIBUTES: usize = Self::Parents as usize;

    /// How many sections come before the first that has a cell for each span: these are small, and read of
    /// every block.
    pub(super) const BEFORE_SPANS: usize = Self::Names as usize;

    /// How many sections come before those that few rules read, and then mostly whole.
    pub(super) const BEFORE_TIMES: usize = Self::Durations as usize;
}

/// How a section is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// One number a row.
    Numbers,
    /// One symbol of a text a row.
    Symbols,
    /// One symbol of a text a row, plus one; 0 for the empty text.
    OptionalSymbols,
    /// One symbol of a blob a row, plus one; 0 for none.
    OptionalBlobs,
    /// Any number of numbers: first how many.
    List,
    /// A list of symbols of blobs.
    BlobList,
    /// The bytes of ids, as they are: they do not compress.
    Raw,
    /// Few texts, to be searched where they lie.
    Texts,
    /// The heads or the pages of a dictionary.
    Dictionary,
}

sections! {
    /// How many spans each trace has.
    TraceSpans: Traces Numbers Hot,
    Facts: Traces Numbers Hot,
    /// For each shape how many columns, and which.
    SpanShapeColumns: Spans List Hot,
    ResourceShapes: Resources Numbers Hot,
    ResourceShapeColumns: Resources List Hot,
    /// The texts that have the first symbols: the names of the spans, unless these are very many.
    NameTexts: Strings Texts Hot,
    /// The texts that have the next symbols: those of columns that have few.
    HotTexts: Strings Texts Hot,
    /// The heads of the pages of `Strings`.
    StringPages: Strings Dictionary Hot,
    /// The symbols of `Names`, each once, ascending; nothing where these are the `NameTexts`.
    DistinctNames: Spans List Hot,
    Names: Spans Symbols Hot,
    SpanShapes: Spans Numbers Hot,
    /// Row minus parent's row, zigzag; 0 for none.
    Parents: Spans Numbers Warm,
    /// As sent, zigzag.
    Kinds: Spans Numbers Warm,
    /// 0 for no status, else 1 + the zigzag of the code as sent.
    Statuses: Spans Numbers Warm,
    StatusMessages: Spans OptionalSymbols Warm,
    TraceStarts: Traces Numbers Warm,
    Resources: Spans Numbers Warm,
    Scopes: Spans Numbers Warm,
    ScopeShapes: Scopes Numbers Warm,
    ScopeShapeColumns: Scopes List Warm,
    ScopeNames: Scopes OptionalSymbols Warm,
    ScopeVersions: Scopes OptionalSymbols Warm,
    Durations: Spans Numbers Warm,
    /// Since the start of the span before in the trace, or of the trace.
    Starts: Spans Numbers Warm,
    /// How many events each span has.
    SpanEvents: Spans Numbers Warm,
    EventNames: Events Symbols Warm,
    /// Since the start of the span, zigzag.
    EventTimes: Events Numbers Warm,
    EventShapes: Events Numbers Warm,
    EventShapeColumns: Events List Warm,
    /// How many links each span has.
    SpanLinks: Spans Numbers Warm,
    LinkShapes: Links Numbers Warm,
    LinkShapeColumns: Links List Warm,
    ElementKinds: Elements Numbers Warm,
    ElementValues: Elements Numbers Warm,
    ElementKeys: Elements OptionalSymbols Warm,
    /// The texts that have the last symbols.
    Strings: Strings Dictionary Cold,
    /// The heads of the pages of `Blobs`.
    BlobPages: Blobs Dictionary Cold,
    Blobs: Blobs Dictionary Cold,
    TraceIds: Traces Raw Cold,
    ArrivedFirst: Traces Numbers Cold,
    /// Since the first.
    ArrivedLast: Traces Numbers Cold,
    SpanIds: Spans Raw Cold,
    /// 0 empty, 1 the id of the parent row, 2 the span's own, 3 the next of `ParentIds`.
    ParentIdForms: Spans Numbers Cold,
    ParentIds: Spans Raw Cold,
    /// The rows of spans that end before they start.
    EarlyEndRows: Spans List Cold,
    /// When those end.
    EarlyEnds: Spans List Cold,
    Flags: Spans Numbers Cold,
    TraceStates: Spans OptionalSymbols Cold,
    DroppedAttributes: Spans Numbers Cold,
    DroppedEvents: Spans Numbers Cold,
    DroppedLinks: Spans Numbers Cold,
    EventDroppedAttributes: Events Numbers Cold,
    LinkTraceIds: Links Raw Cold,
    LinkSpanIds: Links Raw Cold,
    /// Link × 2, plus 1 for the span id: those ids that have another length than ids have.
    LinkOddIdRows: Links List Cold,
    /// Their blobs.
    LinkOddIds: Links BlobList Cold,
    LinkTraceStates: Links OptionalSymbols Cold,
    LinkFlags: Links Numbers Cold,
    LinkDroppedAttributes: Links Numbers Cold,
    ResourceSchemaUrls: Resources OptionalSymbols Cold,
    ResourceDroppedAttributes: Resources Numbers Cold,
    /// A `Resource` message that has nothing else.
    ResourceEntityRefs: Resources OptionalBlobs Cold,
    ScopeSchemaUrls: Scopes OptionalSymbols Cold,
    ScopeDroppedAttributes: Scopes Numbers Cold,
}

/// Where bytes come from, for errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) block: BlockId,
    pub(super) chunk: ChunkId,
}

impl Place {
    pub(super) fn corrupt(self, what: &'static str) -> super::BlockError {
        super::BlockError::Corrupt {
            block: self.block,
            chunk: self.chunk,
            what,
        }
    }
}
