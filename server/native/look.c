/* Whether some text in a body needs a closer look: what the JSON decoder lets through. */
#include "rows.h"

#define CHUNK_BYTES 1024
#define OFFSET_BYTES 6 /* of a sign, four digits and the quote */
#define BLANK_BYTES 3 /* of a quote, a blank, and what may end or go on a text of blanks */

static int
is_digit(unsigned char byte)
{
    return (unsigned char)(byte - '0') <= 9;
}

/* Tell whether `at` is the sign of an offset without its colon, at the end of a time. */
static int
is_bare_offset(const unsigned char *data, Py_ssize_t at)
{
    for (Py_ssize_t index = at + 1; index < at + 5; index++)
        if (!is_digit(data[index]))
            return 0;
    Py_ssize_t before = at - 1;
    while (before >= 0 && is_digit(data[before]))
        before--;
    if (before < 0)
        return 0;
    return (data[before] == ':' && at - before > 2) || (data[before] == '.' && at - before > 1);
}

/* Tell whether an offset may begin somewhere in `start` to `end`, with no branch in the loop: the
 * compiler makes of it a few instructions for 16 bytes. */
static int
may_hold_offset(const unsigned char *data, Py_ssize_t start, Py_ssize_t end)
{
    unsigned char found = 0;
    for (Py_ssize_t at = start; at < end; at++)
        found |= ((data[at] == '+') | (data[at] == '-')) & (data[at + OFFSET_BYTES - 1] == '"');
    return found;
}

static int
holds_blank(const unsigned char *data, Py_ssize_t end)
{
    unsigned char found = 0;
    for (Py_ssize_t at = 0; at < end; at++)
        found |= (data[at] == '"') & (data[at + 1] == ' ')
            & ((data[at + 2] == ' ') | (data[at + 2] == '"') | (data[at + 2] == '\\')
               | (data[at + 2] >= 0x80));
    return found;
}

static int
holds_offset(const unsigned char *data, Py_ssize_t end)
{
    for (Py_ssize_t start = 0; start < end; start += CHUNK_BYTES) {
        Py_ssize_t stop = end - start < CHUNK_BYTES ? end : start + CHUNK_BYTES;
        if (!may_hold_offset(data, start, stop))
            continue;
        for (Py_ssize_t at = start; at < stop; at++)
            if ((data[at] == '+' || data[at] == '-') && data[at + OFFSET_BYTES - 1] == '"'
                && is_bare_offset(data, at))
                return 1;
    }
    return 0;
}

/* needs_closer_look(data): see `_native.pyi`. */
PyObject *
needs_closer_look(PyObject *Py_UNUSED(module), PyObject *object)
{
    Py_buffer buffer;
    if (PyObject_GetBuffer(object, &buffer, PyBUF_SIMPLE) < 0)
        return NULL;
    const unsigned char *data = buffer.buf;
    int found = holds_blank(data, buffer.len - BLANK_BYTES + 1)
        || holds_offset(data, buffer.len - OFFSET_BYTES + 1);
    PyBuffer_Release(&buffer);
    return PyBool_FromLong(found);
}

/* array_part_end(data, start, count): see `_native.pyi`. */
PyObject *
array_part_end(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t args_count)
{
    Py_ssize_t at, left;
    if (args_count != 3) {
        PyErr_SetString(PyExc_TypeError, "array_part_end() takes data, start and count");
        return NULL;
    }
    at = PyLong_AsSsize_t(args[1]);
    left = PyLong_AsSsize_t(args[2]);
    if (PyErr_Occurred())
        return NULL;
    Py_buffer buffer;
    if (PyObject_GetBuffer(args[0], &buffer, PyBUF_SIMPLE) < 0)
        return NULL;
    const unsigned char *data = buffer.buf;
    Py_ssize_t depth = 0;
    for (at = at < 0 ? 0 : at; at < buffer.len; at++) {
        unsigned char byte = data[at];
        if (byte == '"') {
            for (at++; at < buffer.len && data[at] != '"'; at++)
                at += data[at] == '\\';
        } else if (byte == '{' || byte == '[') {
            depth++;
        } else if (byte == '}' || byte == ']') {
            if (depth-- == 0)
                break;
        } else if (byte == ',' && depth == 0 && --left <= 0) {
            break;
        }
    }
    if (at > buffer.len)
        at = buffer.len;
    PyBuffer_Release(&buffer);
    return PyLong_FromSsize_t(at);
}
