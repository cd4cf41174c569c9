#define policy_rows true_rows
#define policy_default true_default
#include "../shim/policy.c"
#undef policy_rows
#undef policy_default

/* The policy that the filter is compiled from. */
const struct policy_row *policy_rows(size_t *count);
uint32_t policy_default(enum policy_filter filter);

#include <string.h>

#include "mutants.h"

#define ROWS (sizeof rows / sizeof *rows)

/* Written into the file of a shim. 0: the policy as it is; else the index in the list plus one. */
const volatile uint32_t policy_mutant __attribute__((used)) = 0;

static struct mutation *list;
static size_t length, coarse;

static void add(enum change change, size_t row, unsigned condition, uint32_t detail) {
  if (length == MAX_MUTATIONS) __builtin_trap();
  list[length++] = (struct mutation){change, row, condition, detail};
}

static int names_number(unsigned filters, uint32_t number) {
  for (size_t i = 0; i < ROWS; i++)
    if ((rows[i].filters & filters) != 0 && number >= rows[i].first && number <= rows[i].last) return 1;
  return 0;
}

static int has_value(const struct policy_condition *condition, uint32_t value) {
  for (unsigned i = 0; i < condition->count; i++)
    if ((value & ~condition->free) == condition->values[i]) return 1;
  return 0;
}

/* Whether a row gives every call the default answer: then removing it changes nothing. */
static int says_nothing(const struct policy_row *row, unsigned filter) {
  return row->conditions[0].test == POLICY_NOTHING && row->action == true_default((enum policy_filter)filter);
}

/* Whether the values are the same with the bit and without it. */
static int is_free_already(const struct policy_condition *condition, uint32_t bit) {
  if ((condition->free & bit) != 0) return 1;
  if (condition->test != POLICY_VALUES) return 0;
  for (unsigned i = 0; i < condition->count; i++)
    if (!has_value(condition, condition->values[i] ^ bit)) return 0;
  return 1;
}

static void add_condition(size_t row, unsigned c) {
  const struct policy_condition *condition = &rows[row].conditions[c];
  if (condition->test == POLICY_NOTHING) return;
  add(CONDITION_REMOVED, row, c, 0);
  if (condition->test != POLICY_VALUES) return;
  for (unsigned i = 0; condition->count > 1 && i < condition->count; i++) add(VALUE_REMOVED, row, c, i);
  if (condition->count == POLICY_MAX_VALUES) return;
  const uint32_t next = condition->values[condition->count - 1] + 1;
  if (!has_value(condition, next)) add(VALUE_ADDED, row, c, next);
}

static void add_row(size_t row) {
  const struct policy_row *r = &rows[row];
  add(ROW_REMOVED, row, 0, 0);
  for (unsigned filter = FILTER_GUEST; filter <= FILTER_TRANSLATED; filter <<= 1)
    if (!(r->filters & filter) && !names_number(filter, r->first) && !says_nothing(r, filter))
      add(ROW_FOR_ANOTHER, row, 0, filter);
  if (r->first != r->last) {
    add(RANGE_FIRST, row, 0, 0);
    add(RANGE_LAST, row, 0, 0);
  }
  if (r->action != ALLOW) add(ANSWER, row, 0, ALLOW);
  if (r->action != TRAP) add(ANSWER, row, 0, TRAP);
  if (r->conditions[0].test != POLICY_NOTHING) add(OTHERWISE, row, 0, ALLOW);
  for (unsigned c = 0; c < POLICY_CONDITIONS; c++) add_condition(row, c);
}

static void add_bits(size_t row, unsigned c) {
  const struct policy_condition *condition = &rows[row].conditions[c];
  if (condition->test != POLICY_VALUES && condition->test != POLICY_BITS) return;
  for (unsigned bit = 0; bit < 32; bit++)
    if (!is_free_already(condition, 1u << bit)) add(BIT_FREED, row, c, 1u << bit);
}

size_t mutations(struct mutation to[MAX_MUTATIONS]) {
  list = to;
  length = 0;
  for (unsigned filter = FILTER_GUEST; filter <= FILTER_TRANSLATED; filter <<= 1) {
    add(DEFAULT, filter, 0, ALLOW);
    add(DEFAULT, filter, 0, FAIL(EACCES));
  }
  for (size_t i = 0; i < ROWS; i++) add_row(i);
  coarse = length;
  for (size_t i = 0; i < ROWS; i++)
    for (unsigned c = 0; c < POLICY_CONDITIONS; c++) add_bits(i, c);
  return length;
}

size_t mutations_coarse(void) { return coarse; }

/* ---- in a shim */

static struct policy_row changed[ROWS];
static size_t changed_count;
static uint32_t changed_default[FILTER_TRANSLATED + 1];

static void remove_condition(struct policy_row *row, unsigned c) {
  for (; c + 1 < POLICY_CONDITIONS; c++) row->conditions[c] = row->conditions[c + 1];
  row->conditions[c] = (struct policy_condition){0};
}

static void change(const struct mutation *m) {
  struct policy_row *row = &changed[m->row];
  struct policy_condition *condition = &row->conditions[m->condition];
  switch (m->change) {
    case ROW_REMOVED:
      memmove(row, row + 1, (changed_count - m->row - 1) * sizeof *row);
      changed_count--;
      return;
    case ROW_FOR_ANOTHER:
      row->filters |= m->detail;
      return;
    case RANGE_FIRST:
      row->first++;
      return;
    case RANGE_LAST:
      row->last--;
      return;
    case ANSWER:
      row->action = m->detail;
      return;
    case OTHERWISE:
      row->otherwise = m->detail;
      return;
    case DEFAULT:
      changed_default[m->row] = m->detail;
      return;
    case CONDITION_REMOVED:
      remove_condition(row, m->condition);
      return;
    case VALUE_ADDED:
      condition->values[condition->count++] = m->detail;
      return;
    case VALUE_REMOVED:
      condition->values[m->detail] = condition->values[--condition->count];
      return;
    case BIT_FREED:
      condition->free |= m->detail;
      for (unsigned i = 0; i < condition->count; i++) condition->values[i] &= ~m->detail;
  }
}

static void prepare(void) {
  static struct mutation all[MAX_MUTATIONS];
  if (changed_count > 0) return;
  memcpy(changed, rows, sizeof rows);
  changed_count = ROWS;
  if (policy_mutant > 0 && policy_mutant <= mutations(all)) change(&all[policy_mutant - 1]);
}

const struct policy_row *policy_rows(size_t *count) {
  prepare();
  *count = changed_count;
  return changed;
}

uint32_t policy_default(enum policy_filter filter) {
  prepare();
  return changed_default[filter] != 0 ? changed_default[filter] : true_default(filter);
}
