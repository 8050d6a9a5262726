/* Event ids, as `records.event_id` describes them: the canonical MessagePack content of a row, its
 * XXH3-128 hash, and the text of the UUIDv8 made of that. */
#include "rows.h"
#include "xxh3.h"

#include <string.h>

#define HASH_BYTES 16
#define UUID_CHARACTERS 36
#define INSTANT_BYTES_MAX 10
#define VALUE_HEAD_BYTES_MAX 9 /* of a text its type and size, of a number all of it */

static const char HEXADECIMAL[] = "0123456789abcdef";

static char *
put_big_endian(char *to, uint64_t value, int bytes)
{
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        *to++ = (char)(value >> shift);
    return to;
}

static char *
put_text(char *to, const char *text, Py_ssize_t size)
{
    if (size <= NAME_BYTES_MAX)
        *to++ = (char)(0xa0 | size);
    else if (size <= UINT8_MAX)
        to = put_big_endian(to, 0xd900 | size, 2);
    else if (size <= UINT16_MAX)
        to = put_big_endian(to, 0xda0000 | size, 3);
    else
        to = put_big_endian(to, 0xdb00000000 | size, 5);
    memcpy(to, text, size);
    return to + size;
}

static char *
put_number(char *to, double value)
{
    uint64_t bits;
    value += 0.0; /* minus zero becomes zero */
    memcpy(&bits, &value, sizeof bits);
    *to++ = (char)0xcb;
    return put_big_endian(to, bits, 8);
}

/* A MessagePack timestamp: of 32 bits where there is no fraction, else of 64. The years up to 2100
 * need no more. */
static char *
put_instant(char *to, uint64_t microseconds)
{
    uint64_t seconds = microseconds / 1000000, nanoseconds = microseconds % 1000000 * 1000;
    if (nanoseconds == 0 && seconds <= UINT32_MAX)
        return put_big_endian(put_big_endian(to, 0xd6ff, 2), seconds, 4);
    return put_big_endian(put_big_endian(to, 0xd7ff, 2), nanoseconds << 34 | seconds, 8);
}

static int
add_instant(Output *content, const Field *field, PyObject *value)
{
    int64_t microseconds = microseconds_of(value);
    if (microseconds < 0)
        return -1;
    char *to = output_room(content, 1 + field->name_size + INSTANT_BYTES_MAX);
    if (to == NULL)
        return -1;
    char *end = put_instant(put_text(to, field->name, field->name_size), (uint64_t)microseconds);
    content->size += end - to;
    return 0;
}

static int
add_value(Output *content, const Field *field, PyObject *value)
{
    Py_ssize_t size = 0;
    const char *text = NULL;
    if (PyUnicode_Check(value)) {
        text = PyUnicode_AsUTF8AndSize(value, &size);
        if (text == NULL)
            return -1;
        if (size > UINT32_MAX) {
            PyErr_SetString(PyExc_ValueError, "a text is too long");
            return -1;
        }
    }
    else if (!PyFloat_CheckExact(value)) {
        PyErr_Format(PyExc_TypeError, "cannot tell the content of %s", field->name);
        return -1;
    }
    char *to = output_room(content, 1 + field->name_size + VALUE_HEAD_BYTES_MAX + size);
    if (to == NULL)
        return -1;
    char *end = put_text(to, field->name, field->name_size);
    end = text != NULL ? put_text(end, text, size) : put_number(end, PyFloat_AS_DOUBLE(value));
    content->size += end - to;
    return 0;
}

/* Write the canonical content of a row into `content`, over what was there. */
static int
write_content(Output *content, const Layout *layout, PyObject *row)
{
    int values = 0;
    content->size = 1;
    for (int field = 0; field < layout->field_count; field++) {
        PyObject *value = field_value(layout, row, field);
        if (value == NULL)
            return -1;
        if (field == layout->event_id || (value == Py_None && field != layout->ts))
            continue;
        int (*add)(Output *, const Field *, PyObject *) = field == layout->ts ? add_instant : add_value;
        if (add(content, &layout->fields[field], value) < 0)
            return -1;
        values++;
    }
    PyBytes_AS_STRING(content->data)[0] = (char)(0x80 | values);
    return 0;
}

/* Hash `content`, big-endian. Contents of unusual size go to the function of the xxhash package. */
static int
hash_content(char hash[HASH_BYTES], const Output *content, unsigned long long seed, PyObject *digest)
{
    const char *data = PyBytes_AS_STRING(content->data);
    if (content->size >= XXH3_SIZE_MIN && content->size <= XXH3_SIZE_MAX) {
        Hash128 value = xxh3_128((const unsigned char *)data, (size_t)content->size, seed);
        put_big_endian(put_big_endian(hash, value.high, 8), value.low, 8);
        return 0;
    }
    PyObject *result = PyObject_CallFunction(digest, "y#K", data, content->size, seed);
    if (result == NULL)
        return -1;
    int usable = PyBytes_Check(result) && PyBytes_GET_SIZE(result) == HASH_BYTES;
    if (usable)
        memcpy(hash, PyBytes_AS_STRING(result), HASH_BYTES);
    else
        PyErr_SetString(PyExc_TypeError, "digest must return 16 bytes");
    Py_DECREF(result);
    return usable ? 0 : -1;
}

static PyObject *
uuid_text(const char hash[HASH_BYTES])
{
    PyObject *text = PyUnicode_New(UUID_CHARACTERS, 127);
    if (text == NULL)
        return NULL;
    char *to = (char *)PyUnicode_1BYTE_DATA(text);
    for (int index = 0; index < HASH_BYTES; index++) {
        unsigned char byte = (unsigned char)hash[index];
        if (index == 6)
            byte = 0x80 | (byte & 0x0f); /* the version */
        else if (index == 8)
            byte = 0x80 | (byte & 0x3f); /* the variant */
        if (index == 4 || index == 6 || index == 8 || index == 10)
            *to++ = '-';
        *to++ = HEXADECIMAL[byte >> 4];
        *to++ = HEXADECIMAL[byte & 0x0f];
    }
    return text;
}

static int
set_event_id(const Layout *layout, PyObject *row, Output *content, unsigned long long seed,
             PyObject *digest)
{
    char hash[HASH_BYTES];
    if (write_content(content, layout, row) < 0 || hash_content(hash, content, seed, digest) < 0)
        return -1;
    PyObject *text = uuid_text(hash);
    if (text == NULL)
        return -1;
    PyObject **slot = (PyObject **)((char *)row + layout->fields[layout->event_id].offset);
    Py_SETREF(*slot, text);
    return 0;
}

/* derive_event_ids(rows, seed, digest): see `_native.pyi`. */
PyObject *
derive_event_ids(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "derive_event_ids takes rows, a seed and a function");
        return NULL;
    }
    unsigned long long seed = PyLong_AsUnsignedLongLong(arguments[1]);
    if (PyErr_Occurred())
        return NULL;
    PyObject *rows = PySequence_Fast(arguments[0], "rows must be a sequence");
    if (rows == NULL)
        return NULL;
    PyObject *named = PyList_New(0);
    Output content = {PyBytes_FromStringAndSize(NULL, 512), 0};
    Py_ssize_t row_count = PySequence_Fast_GET_SIZE(rows);
    Layout layout;
    int result = named == NULL || content.data == NULL ? -1 : 0;
    if (result == 0 && row_count)
        result = layout_of(&layout, PySequence_Fast_GET_ITEM(rows, 0));
    for (Py_ssize_t index = 0; result == 0 && index < row_count; index++) {
        PyObject *row = row_at(&layout, rows, index);
        PyObject *event_id = row == NULL ? NULL : field_value(&layout, row, layout.event_id);
        if (event_id == NULL)
            result = -1;
        else if (event_id != Py_None)
            result = PyList_Append(named, row);
        else
            result = set_event_id(&layout, row, &content, seed, arguments[2]);
    }
    Py_XDECREF(content.data);
    Py_DECREF(rows);
    if (result == 0)
        return named;
    Py_XDECREF(named);
    return NULL;
}
