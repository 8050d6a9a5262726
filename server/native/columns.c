/* Arrow columns: read from Python, and checked before anything else looks at them. */
#include "columns.h"

#include "content.h"

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

int
open_columns(Columns *columns, PyObject *items, PyObject *row_count)
{
    *columns = (Columns){.layout = {.ts = -1, .event_id = -1}};
    columns->row_count = PyLong_AsSsize_t(row_count);
    if (PyErr_Occurred())
        return -1;
    if (columns->row_count < 0 || columns->row_count > PY_SSIZE_T_MAX / 32) {
        PyErr_SetString(PyExc_ValueError, "no such number of rows");
        return -1;
    }
    /* Another thread may change a list while the GIL is let go, never a tuple. */
    columns->items = PySequence_Tuple(items);
    if (columns->items == NULL)
        return -1;
    for (Py_ssize_t index = 0; index < PyTuple_GET_SIZE(columns->items); index++)
        if (read_column(columns, PyTuple_GET_ITEM(columns->items, index)) < 0)
            return -1;
    if (columns->layout.event_id >= 0 && columns->layout.ts >= 0
        && (columns->columns[columns->layout.ts].kind || columns->row_count == 0))
        return 0;
    PyErr_SetString(PyExc_ValueError, "there must be a column ts and one event_id");
    return -1;
}

void
drop_columns(Columns *columns)
{
    for (int index = 0; index < FIELDS_MAX; index++) {
        PyBuffer_Release(&columns->columns[index].validity); /* of none does nothing */
        PyBuffer_Release(&columns->columns[index].values);
        PyBuffer_Release(&columns->columns[index].texts);
    }
    Py_CLEAR(columns->items);
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

const char *
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

void
set_column_fault(const Columns *columns, int index, const char *fault)
{
    PyErr_Format(PyExc_ValueError, "cannot read column %s: %s", columns->layout.fields[index].name,
                 fault);
}

Py_ssize_t
contents_bound(const Columns *columns)
{
    Py_ssize_t bound = CONTENT_HEAD_BYTES;
    for (int index = 0; index < columns->layout.field_count; index++)
        bound += columns->layout.fields[index].name_size + CONTENT_FIELD_BYTES_MAX
            + columns->columns[index].text_bytes_max;
    return bound;
}
