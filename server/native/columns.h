/* Arrow columns as rows of values. What is called without the GIL says so; nothing is read before its
 * place in its buffer was checked. */
#ifndef UTILITY_TS_ANALYTICS_COLUMNS_H
#define UTILITY_TS_ANALYTICS_COLUMNS_H

#include "rows.h"

#include <string.h>

/* One column of the Arrow format. All buffers are held from `open_columns` to `drop_columns`. */
typedef struct {
    char kind; /* `t` for instants, `s` for texts, `d` for numbers; 0 where every value is absent */
    Py_ssize_t offset; /* of the first row, in rows */
    Py_buffer validity; /* a bit for each row; `obj` is NULL where every value is there */
    Py_buffer values; /* 8 bytes for each row; of texts where each begins, 4 bytes, and the last ends */
    Py_buffer texts;
    Py_ssize_t text_bytes; /* of all rows, if what stands between is in order: see `check_texts` */
    Py_ssize_t text_bytes_max; /* of one row; set by `check_texts` */
} Column;

typedef struct {
    PyObject *items; /* the tuple that they were read from: its names and buffers are borrowed */
    Layout layout;
    Column columns[FIELDS_MAX];
    Py_ssize_t row_count;
} Columns;

/* Read columns and their number of rows from arguments. 0, or -1 with an exception set; whichever it
 * is, `drop_columns` is due. */
int open_columns(Columns *columns, PyObject *items, PyObject *row_count);

/* Give everything back. */
void drop_columns(Columns *columns);

/* Look whether every row can be read, without the GIL. Returns what is wrong, NULL if nothing is;
 * `index` is then that of the column. */
const char *check_columns(Columns *columns, int *index);

/* Set ValueError for what `check_columns` has found. */
void set_column_fault(const Columns *columns, int index, const char *fault);

/* Most bytes of the content of a row, once the columns are checked. */
Py_ssize_t contents_bound(const Columns *columns);

static inline int
is_there(const Column *column, Py_ssize_t row)
{
    Py_ssize_t bit = column->offset + row;
    return column->validity.obj == NULL
        || ((const unsigned char *)column->validity.buf)[bit >> 3] >> (bit & 7) & 1;
}

static inline int64_t
read_fixed(const Column *column, Py_ssize_t row)
{
    int64_t value;
    memcpy(&value, (const char *)column->values.buf + 8 * (column->offset + row), sizeof value);
    return value;
}

static inline int32_t
read_end(const Column *column, Py_ssize_t row)
{
    int32_t end;
    memcpy(&end, (const char *)column->values.buf + 4 * (column->offset + row), sizeof end);
    return end;
}

static inline void
column_value(Value *value, const Column *column, Py_ssize_t row)
{
    if (column->kind == 0 || !is_there(column, row)) {
        value->kind = VALUE_ABSENT;
        return;
    }
    if (column->kind == 's') {
        int32_t start = read_end(column, row);
        value->kind = VALUE_TEXT;
        value->is_plain = 0;
        value->size = read_end(column, row + 1) - start;
        /* Without a buffer every text is empty: never add to NULL. */
        value->text = column->texts.buf == NULL ? "" : (const char *)column->texts.buf + start;
        return;
    }
    int64_t bits = read_fixed(column, row);
    if (column->kind == 't') {
        value->kind = VALUE_INSTANT;
        value->microseconds = (uint64_t)bits;
    }
    else {
        value->kind = VALUE_NUMBER;
        memcpy(&value->number, &bits, sizeof bits);
    }
}

/* Read one row of checked columns, without the GIL. */
static inline void
read_row(Value values[FIELDS_MAX], const Columns *columns, Py_ssize_t row)
{
    for (int field = 0; field < columns->layout.field_count; field++)
        column_value(&values[field], &columns->columns[field], row);
}

#endif
