/* Rows that are read from lines of text: see `text_rows.h`. */
#include "text_rows.h"
#include "content.h"
#include "line.h"

#define DAY_MICROSECONDS 86400000000ULL
#define DOUBTS_FREE 16 /* so many may be in doubt before their share counts */

_Static_assert(CONTENT_FIELD_BYTES_MAX <= LINE_FIELD_BYTES_MAX, "the bound is for both");

static int
read_rules(TextRows *rows, PyObject *fields)
{
    Layout *layout = &rows->layout;
    int is_known = PyTuple_GET_SIZE(fields) <= FIELDS_MAX;
    layout->ts = layout->event_id = -1;
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(fields) && at < FIELDS_MAX; at++) {
        int index = layout->field_count++, kind;
        Field *field = &layout->fields[index];
        Rules *rules = &rows->rules[index];
        PyObject *item = PyTuple_GET_ITEM(fields, at);
        if (!PyTuple_Check(item)) {
            PyErr_SetString(PyExc_TypeError, "a field is a tuple");
            return -1;
        }
        if (!PyArg_ParseTuple(item, "s#Cppnp", &field->name, &field->name_size, &kind,
                              &rules->is_required, &rules->is_identifier, &rules->characters_max,
                              &rules->is_signed))
            return -1;
        rules->kind = (char)kind;
        rows->required |= (uint32_t)rules->is_required << index;
        if (strcmp(field->name, "ts") == 0 && kind == 't')
            layout->ts = index;
        else if (strcmp(field->name, "event_id") == 0 && kind == 's')
            layout->event_id = index;
        else
            is_known &= kind == 's' || kind == 'd';
        is_known &= field->name_size <= NAME_BYTES_MAX;
        rows->row_bound += field->name_size + LINE_FIELD_BYTES_MAX;
    }
    if (is_known && layout->ts >= 0 && layout->event_id >= 0
        && rows->rules[layout->ts].is_required)
        return 0;
    PyErr_SetString(PyExc_ValueError, "cannot read these fields");
    return -1;
}

/* Read three numbers. 0, or -1 with an exception set. */
static int
read_numbers(TextRows *rows, PyObject *const *arguments)
{
    unsigned long long *numbers[] = {&rows->seed, &rows->first, &rows->end};
    for (int index = 0; index < 3; index++) {
        *numbers[index] = PyLong_AsUnsignedLongLong(arguments[index]);
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

int
text_rows_open(TextRows *rows, PyObject *const *arguments)
{
    PyObject *data = arguments[0], *keys = arguments[6];
    *rows = (TextRows){.table = arguments[2], .day = UINT64_MAX};
    if (!PyBytes_Check(data) || !PyTuple_Check(arguments[1]) || !PyBytes_Check(rows->table)
        || !PyTuple_Check(keys)) {
        PyErr_SetString(PyExc_TypeError, "text, fields, table or names are of a wrong type");
        return -1;
    }
    rows->row_bound = CONTENT_HEAD_BYTES + LINE_STAMP_BYTES_MAX + UUID_CHARACTERS;
    if (read_rules(rows, arguments[1]) < 0 || read_numbers(rows, arguments + 3) < 0)
        return -1;
    rows->hashing.seed = rows->seed;
    if (PyTuple_GET_SIZE(keys) && read_key(&rows->hashing, &rows->layout, keys) < 0)
        return -1;
    Py_ssize_t size = PyBytes_GET_SIZE(data);
    if (size && PyBytes_AS_STRING(data)[size - 1] != '\n') {
        PyErr_SetString(PyExc_ValueError, "the last line must end with a newline");
        return -1;
    }
    rows->lines.data = PyBytes_FromStringAndSize(NULL, 2 * size + 512);
    rows->ends.data = PyBytes_FromStringAndSize(NULL, size / 16 + 64);
    rows->versions.data = PyBytes_FromStringAndSize(NULL, rows->hashing.key_count ? size / 8 + 64 : 0);
    rows->content.data = PyBytes_FromStringAndSize(NULL, 512);
    rows->days = PyFrozenSet_New(NULL);
    rows->doubts = PyList_New(0);
    return rows->lines.data && rows->ends.data && rows->versions.data && rows->content.data
            && rows->days && rows->doubts
        ? 0
        : -1;
}

void
text_rows_drop(TextRows *rows)
{
    Py_XDECREF(rows->lines.data);
    Py_XDECREF(rows->ends.data);
    Py_XDECREF(rows->versions.data);
    Py_XDECREF(rows->content.data);
    Py_XDECREF(rows->days);
    Py_XDECREF(rows->doubts);
}

/* Tell whether an identifier is surely neither empty nor blank: by its first character. */
static int
is_named(const Value *value)
{
    unsigned char first = value->size ? (unsigned char)*value->text : ' ';
    return first != ' ' && first != 0xc2 && first != 0xe1 && first != 0xe2 && first != 0xe3;
}

int
text_rows_text(const Rules *rules, const Value *value, Py_ssize_t characters)
{
    return characters <= rules->characters_max && (!rules->is_identifier || is_named(value));
}

int
text_rows_whole(const TextRows *rows, const Value values[FIELDS_MAX], uint32_t seen)
{
    if ((seen & rows->required) != rows->required)
        return 0;
    uint64_t instant = values[rows->layout.ts].microseconds;
    return instant >= rows->first && instant < rows->end;
}

static int
add_day(TextRows *rows, uint64_t instant)
{
    uint64_t day = instant / DAY_MICROSECONDS;
    if (day == rows->day)
        return 0;
    rows->day = day;
    PyObject *number = PyLong_FromUnsignedLongLong(day);
    int status = number == NULL ? -1 : PySet_Add(rows->days, number);
    Py_XDECREF(number);
    return status;
}

int
text_rows_add(TextRows *rows, Value values[FIELDS_MAX], Py_ssize_t text_size)
{
    char id[UUID_CHARACTERS];
    const Layout *layout = &rows->layout;
    char *content = output_room(&rows->content, rows->row_bound + text_size);
    if (content == NULL || add_day(rows, values[layout->ts].microseconds) < 0)
        return -1;
    if (rows->hashing.key_count) {
        char *version = output_room(&rows->versions, VERSION_BYTES);
        if (version == NULL)
            return -1;
        put_version(version, content, values, &rows->hashing);
        rows->versions.size += VERSION_BYTES;
    }
    set_event_id(values, layout, id, content, rows->seed);
    Py_ssize_t table_size = PyBytes_GET_SIZE(rows->table);
    char *to = output_room(&rows->lines, table_size + rows->row_bound + text_size);
    char *end = to == NULL ? NULL : output_room(&rows->ends, sizeof(int64_t));
    if (end == NULL)
        return -1;
    const char *table = PyBytes_AS_STRING(rows->table);
    rows->lines.size += put_line(to, table, table_size, layout, values) - to;
    int64_t size = rows->lines.size;
    memcpy(end, &size, sizeof size);
    rows->ends.size += sizeof size;
    return 0;
}

int
text_rows_doubt(TextRows *rows, Py_ssize_t line, int share)
{
    PyObject *number = PyLong_FromSsize_t(line);
    int status = number == NULL ? -1 : PyList_Append(rows->doubts, number);
    Py_XDECREF(number);
    if (status == 0 && PyList_GET_SIZE(rows->doubts) > DOUBTS_FREE + line / share)
        return 1;
    return status;
}

PyObject *
text_rows_result(TextRows *rows, Py_ssize_t size)
{
    if (_PyBytes_Resize(&rows->lines.data, rows->lines.size) < 0
        || _PyBytes_Resize(&rows->ends.data, rows->ends.size) < 0
        || _PyBytes_Resize(&rows->versions.data, rows->versions.size) < 0)
        return NULL;
    return Py_BuildValue("OOOOOn", rows->lines.data, rows->ends.data, rows->days,
                         rows->versions.data, rows->doubts, size);
}
