/* Arrow columns to ILP lines with event ids. The GIL is let go while the columns are checked and read:
 * nothing is read before its place in its buffer was checked, and no Python object is needed. It is
 * let go once: whoever asks for it back may wait 5 ms beside a busy thread. */
#include "content.h"
#include "line.h"

#include <string.h>

/* One column of the Arrow format. All buffers are held from `read_column` to `drop_columns`. */
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
    Layout layout;
    Column columns[FIELDS_MAX];
    Py_ssize_t row_count;
} Columns;

static int
is_there(const Column *column, Py_ssize_t row)
{
    Py_ssize_t bit = column->offset + row;
    return column->validity.obj == NULL
        || ((const unsigned char *)column->validity.buf)[bit >> 3] >> (bit & 7) & 1;
}

static int64_t
read_fixed(const Column *column, Py_ssize_t row)
{
    int64_t value;
    memcpy(&value, (const char *)column->values.buf + 8 * (column->offset + row), sizeof value);
    return value;
}

static int32_t
read_end(const Column *column, Py_ssize_t row)
{
    int32_t end;
    memcpy(&end, (const char *)column->values.buf + 4 * (column->offset + row), sizeof end);
    return end;
}

/* Reading */

/* Get a buffer of at least `size` bytes; None where nothing is needed. 0, or -1 with an exception. */
static int
read_buffer(Py_buffer *buffer, PyObject *from, Py_ssize_t size, const char *name)
{
    if (from != Py_None && PyObject_GetBuffer(from, buffer, PyBUF_SIMPLE) < 0)
        return -1;
    if (size <= (from == Py_None ? 0 : buffer->len))
        return 0;
    PyErr_Format(PyExc_ValueError, "cannot read column %s: a buffer is too short", name);
    return -1;
}

static int
read_column(Columns *columns, PyObject *item)
{
    Layout *layout = &columns->layout;
    if (layout->field_count == FIELDS_MAX || !PyTuple_Check(item)) {
        PyErr_SetString(PyExc_TypeError, "columns must be tuples, and not too many");
        return -1;
    }
    int index = layout->field_count, kind;
    Field *field = &layout->fields[index];
    Column *column = &columns->columns[index];
    PyObject *validity, *values, *texts;
    if (!PyArg_ParseTuple(item, "s#CnOOO", &field->name, &field->name_size, &kind, &column->offset,
                          &validity, &values, &texts))
        return -1;
    layout->field_count++;
    if (strcmp(field->name, "ts") == 0)
        layout->ts = index;
    else if (strcmp(field->name, "event_id") == 0)
        layout->event_id = index;
    int is_known = index == layout->ts ? kind == 't'
        : index == layout->event_id    ? kind == 's'
                                       : kind == 's' || kind == 'd';
    if (!is_known || field->name_size > NAME_BYTES_MAX) {
        PyErr_Format(PyExc_ValueError, "cannot read column %s: no such kind", field->name);
        return -1;
    }
    if (values == Py_None)
        return 0;
    column->kind = (char)kind;
    if (column->offset < 0 || column->offset > PY_SSIZE_T_MAX / 16 - columns->row_count) {
        PyErr_Format(PyExc_ValueError, "cannot read column %s: no such offset", field->name);
        return -1;
    }
    Py_ssize_t end = column->offset + columns->row_count;
    Py_ssize_t ends = columns->row_count ? 4 * (end + 1) : 0;
    if (read_buffer(&column->values, values, kind == 's' ? ends : 8 * end, field->name) < 0
        || read_buffer(&column->texts, texts, 0, field->name) < 0
        || (validity != Py_None
            && read_buffer(&column->validity, validity, (end + 7) / 8, field->name) < 0))
        return -1;
    if (kind != 's' || columns->row_count == 0)
        return 0;
    column->text_bytes = (Py_ssize_t)read_end(column, columns->row_count) - read_end(column, 0);
    if (read_end(column, 0) >= 0 && column->text_bytes >= 0
        && read_end(column, columns->row_count) <= column->texts.len)
        return 0;
    PyErr_Format(PyExc_ValueError, "cannot read column %s: its texts are not in their buffer",
                 field->name);
    return -1;
}

/* Read `items`, which must live as long as `columns`. 0, or -1 with an exception set. */
static int
read_columns(Columns *columns, PyObject *items)
{
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(items); index++)
        if (read_column(columns, PyTuple_GET_ITEM(items, index)) < 0)
            return -1;
    if (columns->layout.event_id >= 0 && columns->layout.ts >= 0
        && (columns->columns[columns->layout.ts].kind || columns->row_count == 0))
        return 0;
    PyErr_SetString(PyExc_ValueError, "there must be a column ts and one event_id");
    return -1;
}

static void
drop_columns(Columns *columns)
{
    for (int index = 0; index < FIELDS_MAX; index++) {
        PyBuffer_Release(&columns->columns[index].validity); /* of none does nothing */
        PyBuffer_Release(&columns->columns[index].values);
        PyBuffer_Release(&columns->columns[index].texts);
    }
}

/* Checking, without the GIL */

/* The first text begins and the last ends in the buffer: it is enough that none goes backwards. */
static const char *
check_texts(Column *column, Py_ssize_t row_count)
{
    int32_t before = read_end(column, 0);
    for (Py_ssize_t row = 0; row < row_count; row++) {
        int32_t end = read_end(column, row + 1);
        if (end < before)
            return "a text ends before it begins";
        if (end - before > column->text_bytes_max)
            column->text_bytes_max = end - before;
        before = end;
    }
    return NULL;
}

static const char *
check_instants(const Column *column, Py_ssize_t row_count)
{
    for (Py_ssize_t row = 0; row < row_count; row++) {
        int64_t microseconds = read_fixed(column, row);
        if (!is_there(column, row) || microseconds < 0 || microseconds >= MICROSECONDS_END)
            return "a time is missing, before 1970 or after 2513";
    }
    return NULL;
}

/* Return what is wrong with a column, or NULL if every row of it can be read. */
static const char *
check_column(Column *column, Py_ssize_t row_count)
{
    if (row_count > 0 && column->kind == 's')
        return check_texts(column, row_count);
    return column->kind == 't' ? check_instants(column, row_count) : NULL;
}

/* Return what is wrong, NULL if nothing is; `index` is then that of the column. */
static const char *
check_columns(Columns *columns, int *index)
{
    const char *fault = NULL;
    for (*index = 0; *index < columns->layout.field_count; ++*index) {
        fault = check_column(&columns->columns[*index], columns->row_count);
        if (fault != NULL)
            break;
    }
    return fault;
}

/* Writing, without the GIL */

/* Return most bytes that all lines take together; -1 with an exception if nothing is so large. */
static Py_ssize_t
lines_bound(const Columns *columns, Py_ssize_t table_size)
{
    Py_ssize_t row_bound = table_size + LINE_STAMP_BYTES_MAX + UUID_CHARACTERS, text_bytes = 0;
    for (int index = 0; index < columns->layout.field_count; index++) {
        row_bound += columns->layout.fields[index].name_size + LINE_FIELD_BYTES_MAX;
        text_bytes += 2 * columns->columns[index].text_bytes;
    }
    if (columns->row_count && row_bound > (PY_SSIZE_T_MAX / 2 - text_bytes) / columns->row_count) {
        PyErr_NoMemory();
        return -1;
    }
    return columns->row_count * row_bound + text_bytes;
}

static Py_ssize_t
contents_bound(const Columns *columns)
{
    Py_ssize_t bound = CONTENT_HEAD_BYTES;
    for (int index = 0; index < columns->layout.field_count; index++)
        bound += columns->layout.fields[index].name_size + CONTENT_FIELD_BYTES_MAX
            + columns->columns[index].text_bytes_max;
    return bound;
}

static void
column_value(Value *value, const Column *column, Py_ssize_t row)
{
    if (column->kind == 0 || !is_there(column, row)) {
        value->kind = VALUE_ABSENT;
        return;
    }
    if (column->kind == 's') {
        int32_t start = read_end(column, row);
        value->kind = VALUE_TEXT;
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

/* Write all lines, and where each ends; return where the last one does. */
static char *
put_lines(char *start, char *ends, char *content, const Columns *columns, PyObject *table,
          uint64_t seed)
{
    const Layout *layout = &columns->layout;
    const char *table_name = PyBytes_AS_STRING(table);
    Py_ssize_t table_size = PyBytes_GET_SIZE(table);
    char *to = start, id[UUID_CHARACTERS];
    Value values[FIELDS_MAX];
    for (Py_ssize_t row = 0; row < columns->row_count; row++) {
        for (int field = 0; field < layout->field_count; field++)
            column_value(&values[field], &columns->columns[field], row);
        Value *event_id = &values[layout->event_id];
        if (event_id->kind == VALUE_TEXT)
            put_client_id(id, event_id->text, event_id->size);
        else
            put_hashed_id(id, content, put_content(content, layout, values) - content, seed);
        *event_id = (Value){.kind = VALUE_TEXT, {{.text = id, .size = UUID_CHARACTERS}}};
        to = put_line(to, table_name, table_size, layout, values);
        int64_t end = to - start;
        memcpy(ends + 8 * row, &end, sizeof end);
    }
    return to;
}

/* Return a tuple of the lines and their ends; NULL with an exception set. */
static PyObject *
lines_of(Columns *columns, PyObject *table, uint64_t seed)
{
    Py_ssize_t bound = lines_bound(columns, PyBytes_GET_SIZE(table));
    PyObject *lines = bound < 0 ? NULL : PyBytes_FromStringAndSize(NULL, bound);
    PyObject *ends = lines == NULL ? NULL : PyBytes_FromStringAndSize(NULL, 8 * columns->row_count);
    if (ends == NULL) {
        Py_XDECREF(lines);
        return NULL;
    }
    char *start = PyBytes_AS_STRING(lines), *places = PyBytes_AS_STRING(ends), *end = NULL;
    const char *fault;
    int index;
    Py_BEGIN_ALLOW_THREADS
    fault = check_columns(columns, &index);
    char *content = fault == NULL ? PyMem_RawMalloc(contents_bound(columns)) : NULL;
    if (content != NULL)
        end = put_lines(start, places, content, columns, table, seed);
    PyMem_RawFree(content);
    Py_END_ALLOW_THREADS
    if (end != NULL && _PyBytes_Resize(&lines, end - start) == 0) /* else it has taken `lines` */
        return Py_BuildValue("(NN)", lines, ends);
    if (fault != NULL)
        PyErr_Format(PyExc_ValueError, "cannot read column %s: %s",
                     columns->layout.fields[index].name, fault);
    else if (end == NULL)
        PyErr_NoMemory();
    Py_XDECREF(lines);
    Py_DECREF(ends);
    return NULL;
}

/* column_lines(columns, row_count, table, seed): see `_native.pyi`. */
PyObject *
column_lines(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 4 || !PyBytes_Check(arguments[2])) {
        PyErr_SetString(PyExc_TypeError,
                        "column_lines takes columns, a number of rows, a table as bytes and a seed");
        return NULL;
    }
    Columns columns = {.layout = {.ts = -1, .event_id = -1}};
    columns.row_count = PyLong_AsSsize_t(arguments[1]);
    unsigned long long seed = PyErr_Occurred() ? 0 : PyLong_AsUnsignedLongLong(arguments[3]);
    if (PyErr_Occurred())
        return NULL;
    if (columns.row_count < 0 || columns.row_count > PY_SSIZE_T_MAX / 32) {
        PyErr_SetString(PyExc_ValueError, "no such number of rows");
        return NULL;
    }
    /* Another thread may change a list while the GIL is let go, never a tuple. */
    PyObject *items = PySequence_Tuple(arguments[0]);
    if (items == NULL)
        return NULL;
    PyObject *result = NULL;
    if (read_columns(&columns, items) == 0)
        result = lines_of(&columns, arguments[2], seed);
    drop_columns(&columns);
    Py_DECREF(items);
    return result;
}
