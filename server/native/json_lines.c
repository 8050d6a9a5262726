/* Rows to NDJSON, byte for byte as msgspec writes them. What takes more than copying - a text with
 * something to escape, a number with more than six decimals, a time that is not in UTC - is left to
 * msgspec. */
#include "rows.h"

#include <datetime.h>
#include <math.h>
#include <string.h>

#define KEY_BYTES_MAX (NAME_BYTES_MAX + 4)
#define NUMBER_BYTES_MAX 18 /* a sign, nine digits, a point, six digits */
#define TIME_BYTES_MAX 29 /* with its quotes */
#define NUMBER_END 1e9
#define NUMBER_MIN 1e-5 /* below, msgspec writes an exponent */
#define DECIMALS 6
#define SCALE 1000000

typedef struct {
    char text[KEY_BYTES_MAX]; /* `,"name":` */
    int size;
} Key;

static char *
put_digits(char *to, uint32_t value, int digits)
{
    for (int index = digits - 1; index >= 0; index--, value /= 10)
        to[index] = (char)('0' + value % 10);
    return to + digits;
}

/* A decimal of at most 15 digits that has the same double is the shortest one. NULL if there is none. */
static char *
put_number(char *to, double value)
{
    double size = fabs(value);
    if (!(size < NUMBER_END) || (size < NUMBER_MIN && size != 0.0))
        return NULL;
    uint64_t scaled = (uint64_t)(size * SCALE + 0.5);
    if ((double)scaled / SCALE != size)
        return NULL;
    if (signbit(value))
        *to++ = '-';
    uint32_t whole = (uint32_t)(scaled / SCALE), end = 10;
    int digits = 1;
    for (; digits < 9 && whole >= end; end *= 10)
        digits++;
    to = put_digits(to, whole, digits);
    *to++ = '.';
    to = put_digits(to, (uint32_t)(scaled % SCALE), DECIMALS);
    for (int index = 1; index < DECIMALS && to[-1] == '0'; index++)
        to--;
    return to;
}

/* NULL if it is no time in UTC. */
static char *
put_time(char *to, PyObject *time)
{
    if (!PyDateTime_Check(time) || PyDateTime_DATE_GET_TZINFO(time) != PyDateTime_TimeZone_UTC)
        return NULL;
    *to++ = '"';
    to = put_digits(to, (uint32_t)PyDateTime_GET_YEAR(time), 4);
    *to++ = '-';
    to = put_digits(to, (uint32_t)PyDateTime_GET_MONTH(time), 2);
    *to++ = '-';
    to = put_digits(to, (uint32_t)PyDateTime_GET_DAY(time), 2);
    *to++ = 'T';
    to = put_digits(to, (uint32_t)PyDateTime_DATE_GET_HOUR(time), 2);
    *to++ = ':';
    to = put_digits(to, (uint32_t)PyDateTime_DATE_GET_MINUTE(time), 2);
    *to++ = ':';
    to = put_digits(to, (uint32_t)PyDateTime_DATE_GET_SECOND(time), 2);
    uint32_t microseconds = (uint32_t)PyDateTime_DATE_GET_MICROSECOND(time);
    if (microseconds) {
        *to++ = '.';
        to = put_digits(to, microseconds, 6);
    }
    *to++ = 'Z';
    *to++ = '"';
    return to;
}

/* Tell whether one of eight bytes is a quote, a backslash or below a blank; perhaps also if one of
 * them follows such a byte. */
static int
must_escape(uint64_t word)
{
    uint64_t quotes = word ^ '"' * EACH_BYTE, backslashes = word ^ '\\' * EACH_BYTE;
    return (((quotes - EACH_BYTE) & ~quotes) | ((backslashes - EACH_BYTE) & ~backslashes)
            | ((word - ' ' * EACH_BYTE) & ~word)) & 0x80 * EACH_BYTE ? 1 : 0;
}

/* NULL if there is something to escape. */
static char *
put_text(char *to, const char *text, Py_ssize_t size)
{
    uint64_t word;
    *to++ = '"';
    for (; size >= 8; size -= 8, text += 8, to += 8) {
        memcpy(&word, text, 8);
        if (must_escape(word))
            return NULL;
        memcpy(to, text, 8);
    }
    for (; size > 0; size--, text++) {
        if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ')
            return NULL;
        *to++ = *text;
    }
    *to++ = '"';
    return to;
}

/* Append a row. 1; 0 if it is left to msgspec; -1 with an exception set. */
static int
add_row(Output *output, const Layout *layout, const Key *keys, PyObject *row)
{
    Py_ssize_t before = output->size;
    for (int field = 0; field < layout->field_count; field++) {
        PyObject *value = field_value(layout, row, field);
        const char *text = NULL;
        Py_ssize_t size = 0;
        if (value == NULL)
            return -1;
        if (value == Py_None)
            continue;
        if (PyUnicode_Check(value)) {
            text = PyUnicode_AsUTF8AndSize(value, &size);
            if (text == NULL)
                return -1;
        }
        char *start = output_room(output, keys[field].size + size + TIME_BYTES_MAX + 2);
        if (start == NULL)
            return -1;
        memcpy(start, keys[field].text, (size_t)keys[field].size);
        char *to = start + keys[field].size;
        if (text != NULL)
            to = put_text(to, text, size);
        else if (PyFloat_CheckExact(value))
            to = put_number(to, PyFloat_AS_DOUBLE(value));
        else
            to = put_time(to, value);
        if (to == NULL)
            return 0;
        output->size += to - start;
    }
    char *start = PyBytes_AS_STRING(output->data);
    start[before] = '{'; /* in the place of a comma: `ts` is always there */
    start[output->size++] = '}';
    start[output->size++] = '\n';
    return 1;
}

static void
set_keys(Key keys[FIELDS_MAX], const Layout *layout)
{
    for (int field = 0; field < layout->field_count; field++) {
        char *to = keys[field].text;
        *to++ = ',';
        *to++ = '"';
        memcpy(to, layout->fields[field].name, (size_t)layout->fields[field].name_size);
        to += layout->fields[field].name_size;
        *to++ = '"';
        *to++ = ':';
        keys[field].size = (int)(to - keys[field].text);
    }
}

/* json_lines(rows): see `_native.pyi`. */
PyObject *
json_lines(PyObject *Py_UNUSED(module), PyObject *object)
{
    if (PyDateTimeAPI == NULL)
        PyDateTime_IMPORT;
    if (PyDateTimeAPI == NULL)
        return NULL;
    PyObject *rows = PySequence_Fast(object, "rows must be a sequence");
    if (rows == NULL)
        return NULL;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(rows);
    Output output = {PyBytes_FromStringAndSize(NULL, count * 256), 0};
    Layout layout;
    Key keys[FIELDS_MAX];
    int result = output.data == NULL ? -1 : 1;
    if (result > 0 && count)
        result = layout_of(&layout, PySequence_Fast_GET_ITEM(rows, 0)) < 0 ? -1 : 1;
    if (result > 0 && count)
        set_keys(keys, &layout);
    for (Py_ssize_t index = 0; result > 0 && index < count; index++) {
        PyObject *row = row_at(&layout, rows, index);
        result = row == NULL ? -1 : add_row(&output, &layout, keys, row);
    }
    Py_DECREF(rows);
    if (result <= 0) {
        Py_XDECREF(output.data);
        if (result < 0)
            return NULL;
        Py_RETURN_NONE;
    }
    _PyBytes_Resize(&output.data, output.size); /* NULL with MemoryError if that fails */
    return output.data;
}
