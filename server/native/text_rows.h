/* Rows that are read from lines of text, one by one, and become ILP lines with event ids: what the
 * readers of JSON and of separated text have in common. */
#ifndef UTILITY_TS_ANALYTICS_TEXT_ROWS_H
#define UTILITY_TS_ANALYTICS_TEXT_ROWS_H

#include "rows.h"
#include "versions.h"

/* What the record type demands of a field. */
typedef struct {
    char kind; /* `t` for instants, `s` for texts, `d` for numbers */
    int is_required;
    int is_identifier;
    int is_signed;
    Py_ssize_t characters_max;
} Rules;

typedef struct {
    Layout layout;
    Rules rules[FIELDS_MAX];
    uint32_t required; /* a bit for each field */
    unsigned long long first; /* instants from here on, */
    unsigned long long end; /* and before this one */
    unsigned long long seed; /* of the event ids */
    PyObject *table; /* borrowed */
    Hashing hashing; /* of versions; without a key there are none */
    Output lines, ends, versions, content;
    PyObject *days;
    PyObject *doubts; /* indexes of lines that came to nothing */
    uint64_t day; /* of the row before */
    Py_ssize_t row_bound; /* most bytes of a content or line beside its texts */
} TextRows;

/* Read what rows have to be from the arguments of a function: their number, the text as bytes, and
 * fields, table, seed, first, end and names of the key as `_native.pyi` says of `ilp_of_json`. 0, or
 * -1 with an exception set; whichever it is, `text_rows_drop` is due. */
int text_rows_open(TextRows *rows, PyObject *const *arguments);

void text_rows_drop(TextRows *rows);

/* Tell whether a text may stand in a field: `characters` are its code points. */
int text_rows_text(const Rules *rules, const Value *value, Py_ssize_t characters);

/* Tell whether a row is one: `seen` has a bit for each of its fields. */
int text_rows_whole(const TextRows *rows, const Value values[FIELDS_MAX], uint32_t seen);

/* Add a row. Its texts are parts of `text_size` bytes, and nothing in them is escaped. 0, or -1 with
 * an exception set. */
int text_rows_add(TextRows *rows, Value values[FIELDS_MAX], Py_ssize_t text_size);

/* Keep the index of a line in doubt. 1 where these are more than one in `share`, as then the other way
 * is cheaper for all; -1 with an exception set. */
int text_rows_doubt(TextRows *rows, Py_ssize_t line, int share);

/* Return lines, their ends, days, versions, doubts and `size`; NULL with an exception set. */
PyObject *text_rows_result(TextRows *rows, Py_ssize_t size);

#endif
