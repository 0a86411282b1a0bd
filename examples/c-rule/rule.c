// A rule in C: each read of PHI has an audit record of the same user.
//
// `rule.btr` says the same in the rule language, and a test holds the two to the same verdicts. The types are those that
// wit-bindgen makes of the contract, ../../wit; what each column and each number means is written there.

#include "memory.h"
#include "rule_pack.h"

#define TEXT(text) {(uint8_t *)(text), sizeof(text) - 1}
#define LIST(array) {(array), sizeof(array) / sizeof *(array)}

typedef exports_betrace_rules_pack_batch_t batch_t;
typedef exports_betrace_rules_pack_findings_t findings_t;
typedef exports_betrace_rules_pack_message_part_t message_part_t;
typedef exports_betrace_rules_pack_rule_t rule_t;
typedef exports_betrace_rules_pack_want_t want_t;

// What the rule says of itself.

// A span's name comes as its place in this list, counted from 1; 0 is any other name.
enum { ACCESS = 1, RECORD = 2 };
static rule_pack_string_t names[] = {TEXT("phi.access"), TEXT("audit.log")};

// A trace without a read is not shown to the rule at all.
static rule_pack_list_string_t any_of[] = {{names, 1}};

// The columns come in this order.
enum { NAME, USER };
static want_t reads[] = {
    [NAME] = {.what = TEXT("span"), .key = TEXT("name"), .form = TEXT("declared")},
    [USER] = {.what = TEXT("any.attribute"), .key = TEXT("user.id"), .form = TEXT("symbol")},
};

#define PART_TEXT EXPORTS_BETRACE_RULES_PACK_MESSAGE_PART_TEXT
#define PART_VALUE EXPORTS_BETRACE_RULES_PACK_MESSAGE_PART_VALUE
static message_part_t message[] = {
    {.tag = PART_TEXT, .val.text = TEXT("PHI of ")},
    {.tag = PART_VALUE, .val.value = {TEXT("phi.access"), TEXT("patient.id")}},
    {.tag = PART_TEXT, .val.text = TEXT(" was read by ")},
    {.tag = PART_VALUE, .val.value = {TEXT("phi.access"), TEXT("user.id")}},
    {.tag = PART_TEXT, .val.text = TEXT(" and left no record of it")},
};

static rule_pack_string_t controls[] = {TEXT("HIPAA 164.312(b)")};

static rule_t rules[] = {{
    .id = TEXT("c-phi-audit"),
    .signal = TEXT("HIPAA_164_312_b_VIOLATION"),
    .severity = EXPORTS_BETRACE_RULES_PACK_SEVERITY_CRITICAL,
    .summary = TEXT("Each read of PHI has an audit record of the same user"),
    .message = LIST(message),
    .controls = LIST(controls),
    .names = LIST(names),
    .any_of = LIST(any_of),
    .reads = LIST(reads),
}};

void exports_betrace_rules_pack_describe(exports_betrace_rules_pack_list_rule_t *described) {
  described->ptr = rules;
  described->len = 1;
}

// A set of symbols: open addressing, at most half full. No symbol of a text is below 2, so 0 is an empty slot.

typedef struct {
  uint32_t *slots;
  uint32_t mask;
} set_t;

static set_t set_of(uint32_t size_max) {
  uint32_t size = 2;
  while (size < 2 * size_max) size *= 2;
  // Memory that was never used is zero, and none is used twice.
  return (set_t){allocate(size * sizeof(uint32_t)), size - 1};
}

// The slot that has the symbol, or would have it.
static uint32_t *slot_of(set_t set, uint32_t symbol) {
  uint32_t at = symbol * 2654435769u;  // 2^32 over the golden ratio: neighbours go far apart
  while (set.slots[at & set.mask] != 0 && set.slots[at & set.mask] != symbol) at += 1;
  return &set.slots[at & set.mask];
}

// The verdicts.

enum { NOT_APPLICABLE, HELD, VIOLATED };
enum { ALWAYS = 1 };

// 0: the span does not say a user. 1: what it says is no text.
static bool is_text(uint32_t symbol) { return symbol >= 2; }

// Called with the one rule that there is, so every verdict is its verdict. Takes time in proportion to the spans.
void exports_betrace_rules_pack_evaluate(rule_pack_list_u32_t *asked, batch_t *batch, findings_t *found) {
  (void)asked;
  const uint8_t *name = batch->columns.ptr[NAME].values.val.u8s.ptr;
  const uint32_t *user = batch->columns.ptr[USER].values.val.u32s.ptr;
  const uint32_t *ends = batch->trace_ends.ptr;
  const uint32_t traces = batch->traces;
  const uint32_t spans = traces == 0 ? 0 : ends[traces - 1];
  *found = (findings_t){
      .verdicts = {allocate(traces), traces},
      .violation_rule = {allocate(traces * sizeof(uint32_t)), 0},
      .violation_trace = {allocate(traces * sizeof(uint32_t)), 0},
      .clause = {allocate(traces), 0},
      .witness_ends = {allocate(traces * sizeof(uint32_t)), 0},
      .witnesses = {allocate(spans * sizeof(uint32_t)), 0},
  };
  for (uint32_t trace = 0, begin = 0; trace < traces; begin = ends[trace], trace += 1) {
    const uint32_t end = ends[trace];
    set_t recorded = set_of(end - begin);
    bool applies = false;
    for (uint32_t row = begin; row < end; row += 1) {
      applies |= name[row] == ACCESS;
      if (name[row] == RECORD && is_text(user[row])) *slot_of(recorded, user[row]) = user[row];
    }
    const size_t before = found->witnesses.len;
    for (uint32_t row = begin; row < end; row += 1) {
      const bool has_record = is_text(user[row]) && *slot_of(recorded, user[row]) != 0;
      if (name[row] == ACCESS && !has_record) found->witnesses.ptr[found->witnesses.len++] = row;
    }
    found->verdicts.ptr[trace] = applies ? HELD : NOT_APPLICABLE;
    if (found->witnesses.len == before) continue;
    found->verdicts.ptr[trace] = VIOLATED;
    found->violation_rule.ptr[found->violation_rule.len++] = 0;
    found->violation_trace.ptr[found->violation_trace.len++] = trace;
    found->clause.ptr[found->clause.len++] = ALWAYS;
    found->witness_ends.ptr[found->witness_ends.len++] = found->witnesses.len;
  }
}
