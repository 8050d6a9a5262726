/* Rows to ILP lines: byte for byte what the QuestDB client's `Buffer.row` writes for the same rows
 * (protocol version 2), which the tests hold against it. */
#include "rows.h"

#include <string.h>

#define FLOAT_BYTES 10 /* `=`, the type, 8 bytes */
#define STAMP_BYTES_MAX 24 /* a space, up to 20 digits, `t`, a newline */
#define FLOAT_TYPE 16

/* Write `text` with what would end or change a quoted value escaped; return where it ends. There
 * must be room for twice its size. */
static char *
put_escaped(char *to, const char *text, Py_ssize_t size)
{
    for (const char *end = text + size; text < end; text++) {
        if (*text == '"' || *text == '\\' || *text == '\n' || *text == '\r')
            *to++ = '\\';
        *to++ = *text;
    }
    return to;
}

static char *
put_float(char *to, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    *to++ = '=';
    *to++ = FLOAT_TYPE;
    for (int shift = 0; shift < 64; shift += 8) /* little-endian on every machine */
        *to++ = (char)(bits >> shift);
    return to;
}

static char *
put_stamp(char *to, uint64_t microseconds)
{
    char digits[20];
    int count = 0;
    do
        digits[count++] = (char)('0' + microseconds % 10);
    while (microseconds /= 10);
    *to++ = ' ';
    while (count)
        *to++ = digits[--count];
    *to++ = 't';
    *to++ = '\n';
    return to;
}

/* Append one field, `before` it the character that parts it from what is there already. */
static int
add_field(Output *output, char before, const Field *field, PyObject *value)
{
    Py_ssize_t size = 0;
    const char *text = NULL;
    if (PyUnicode_Check(value)) {
        text = PyUnicode_AsUTF8AndSize(value, &size);
        if (text == NULL)
            return -1;
    }
    else if (!PyFloat_CheckExact(value)) {
        PyErr_Format(PyExc_TypeError, "cannot write %s as ILP", field->name);
        return -1;
    }
    char *to = output_room(output, field->name_size + 2 * size + FLOAT_BYTES + 4);
    if (to == NULL)
        return -1;
    char *start = to;
    *to++ = before;
    memcpy(to, field->name, field->name_size);
    to += field->name_size;
    *to++ = '=';
    if (text != NULL) {
        *to++ = '"';
        to = put_escaped(to, text, size);
        *to++ = '"';
    }
    else
        to = put_float(to, PyFloat_AS_DOUBLE(value));
    output->size += to - start;
    return 0;
}

static int
add_line(Output *output, const Layout *layout, PyObject *row, PyObject *table)
{
    char *to = output_room(output, PyBytes_GET_SIZE(table));
    if (to == NULL)
        return -1;
    memcpy(to, PyBytes_AS_STRING(table), PyBytes_GET_SIZE(table));
    output->size += PyBytes_GET_SIZE(table);
    char before = ' ';
    int64_t microseconds = -1;
    for (int field = 0; field < layout->field_count; field++) {
        PyObject *value = field_value(layout, row, field);
        if (value == NULL)
            return -1;
        if (field == layout->ts) {
            microseconds = microseconds_of(value);
            if (microseconds < 0)
                return -1;
        }
        else if (value != Py_None) {
            if (add_field(output, before, &layout->fields[field], value) < 0)
                return -1;
            before = ',';
        }
    }
    to = output_room(output, STAMP_BYTES_MAX);
    if (to == NULL)
        return -1;
    output->size += put_stamp(to, (uint64_t)microseconds) - to;
    return 0;
}

/* ilp_lines(rows, table): see `_native.pyi`. */
PyObject *
ilp_lines(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2 || !PyBytes_Check(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "ilp_lines takes rows and a table as bytes");
        return NULL;
    }
    PyObject *rows = PySequence_Fast(arguments[0], "rows must be a sequence");
    if (rows == NULL)
        return NULL;
    Py_ssize_t row_count = PySequence_Fast_GET_SIZE(rows);
    Output output = {PyBytes_FromStringAndSize(NULL, row_count * 256), 0};
    Layout layout;
    int result = output.data == NULL ? -1 : 0;
    if (result == 0 && row_count)
        result = layout_of(&layout, PySequence_Fast_GET_ITEM(rows, 0));
    for (Py_ssize_t index = 0; result == 0 && index < row_count; index++) {
        PyObject *row = row_at(&layout, rows, index);
        result = row == NULL ? -1 : add_line(&output, &layout, row, arguments[1]);
    }
    Py_DECREF(rows);
    if (result < 0) {
        Py_XDECREF(output.data);
        return NULL;
    }
    _PyBytes_Resize(&output.data, output.size); /* NULL with MemoryError if that fails */
    return output.data;
}
