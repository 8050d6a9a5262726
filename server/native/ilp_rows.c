/* ILP lines, as `ilp.c` writes them, back to rows. */
#include "line.h"

#include <datetime.h>
#include <string.h>

#define EPOCH_DAY 719468 /* 1970-01-01, in days from the first of March of the year 0 */
#define INSTANT_END 253402300800000000ULL /* the year 10000, microseconds from 1970-01-01 */
#define INSTANT_DIGITS_MAX 18
#define NO_LINE 1 /* beside 0 and -1 */

/* What `record_type` is called with for each line: the values that it has, and their names. Most lines
 * have the same fields as the one before, so the tuple of names is kept. */
typedef struct {
    PyObject *type;
    PyObject *fields; /* `__struct_fields__` */
    Py_ssize_t field_count;
    int ts;
    const char *names[FIELDS_MAX];
    Py_ssize_t name_sizes[FIELDS_MAX];
    PyObject *given_names; /* of the fields whose bits are set in `given` */
    uint32_t given;
} Reader;

static int
read_type(Reader *reader, PyObject *type)
{
    *reader = (Reader){.type = type, .ts = -1};
    reader->fields = PyObject_GetAttrString(type, "__struct_fields__");
    if (reader->fields == NULL && !PyErr_ExceptionMatches(PyExc_AttributeError))
        return -1;
    PyErr_Clear();
    if (reader->fields != NULL && PyTuple_Check(reader->fields))
        reader->field_count = PyTuple_GET_SIZE(reader->fields);
    for (int index = 0; index < reader->field_count && index < FIELDS_MAX; index++) {
        PyObject *name = PyTuple_GET_ITEM(reader->fields, index);
        reader->names[index] = PyUnicode_AsUTF8AndSize(name, &reader->name_sizes[index]);
        if (reader->names[index] == NULL)
            return -1;
        if (strcmp(reader->names[index], "ts") == 0)
            reader->ts = index;
    }
    if (reader->ts >= 0 && reader->field_count <= FIELDS_MAX)
        return 0;
    PyErr_SetString(PyExc_TypeError, "a record type has ts and at most 15 fields");
    return -1;
}

/* Return where a text ends, at its quote; NULL if it does not. `plain` tells whether nothing in it is
 * escaped. */
static const char *
text_end(const char *text, const char *end, int *plain)
{
    const char *quote = memchr(text, '"', end - text);
    *plain = quote != NULL && memchr(text, '\\', quote - text) == NULL;
    if (*plain)
        return quote;
    for (; text < end && *text != '"'; text++)
        if (*text == '\\')
            text++;
    return text < end ? text : NULL;
}

static PyObject *
unescaped(const char *text, const char *end)
{
    char *bytes = PyMem_Malloc(end - text);
    if (bytes == NULL)
        return PyErr_NoMemory();
    Py_ssize_t size = 0;
    while (text < end) {
        if (*text == '\\')
            text++; /* never the last one: an escaped quote would not have ended the text */
        bytes[size++] = *text++;
    }
    PyObject *found = PyUnicode_DecodeUTF8(bytes, size, NULL);
    PyMem_Free(bytes);
    return found;
}

/* Read a quoted text or a binary float, and move `at` behind it. */
static int
read_field(PyObject **value, const char **at, const char *end)
{
    const char *text = *at + 1;
    if (**at == '"') {
        int plain;
        const char *quote = text_end(text, end, &plain);
        if (quote == NULL)
            return NO_LINE;
        *at = quote + 1;
        *value = plain ? PyUnicode_DecodeUTF8(text, quote - text, NULL) : unescaped(text, quote);
    }
    else {
        if (end - *at < 10 || (*at)[0] != '=' || (*at)[1] != LINE_FLOAT_TYPE)
            return NO_LINE;
        uint64_t bits = 0;
        for (int index = 9; index >= 2; index--) /* little-endian on every machine */
            bits = bits << 8 | (unsigned char)(*at)[index];
        double number;
        memcpy(&number, &bits, sizeof number);
        *at += 10;
        *value = PyFloat_FromDouble(number);
    }
    return *value == NULL ? -1 : 0;
}

/* The reverse of `days_to` in rows.c. */
static PyObject *
instant_of(uint64_t microseconds)
{
    uint64_t seconds = microseconds / 1000000;
    int day = (int)(seconds / 86400) + EPOCH_DAY, second = (int)(seconds % 86400);
    int era = day / 146097, day_of_era = day % 146097;
    int year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int march_month = (5 * day_of_year + 2) / 153;
    int month = march_month < 10 ? march_month + 3 : march_month - 9;
    return PyDateTimeAPI->DateTime_FromDateAndTime(
        era * 400 + year_of_era + (month <= 2), month,
        day_of_year - (153 * march_month + 2) / 5 + 1, second / 3600, second / 60 % 60, second % 60,
        (int)(microseconds % 1000000), PyDateTime_TimeZone_UTC, PyDateTimeAPI->DateTimeType);
}

/* Read ` 123t` and the newline. */
static int
read_instant(PyObject **value, const char **at, const char *end)
{
    const char *digits = *at + 1;
    uint64_t microseconds = 0;
    if (*at == end || **at != ' ')
        return NO_LINE;
    for (*at = digits; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        if (*at - digits == INSTANT_DIGITS_MAX)
            return NO_LINE;
        microseconds = microseconds * 10 + (uint64_t)(**at - '0');
    }
    if (*at == digits || end - *at < 2 || memcmp(*at, "t\n", 2) != 0
        || microseconds >= INSTANT_END)
        return NO_LINE;
    *at += 2;
    *value = instant_of(microseconds);
    return *value == NULL ? -1 : 0;
}

static int
read_values(PyObject *values[FIELDS_MAX], const Reader *reader, const char **at, const char *end)
{
    char before = ' ';
    int result = 0;
    for (int index = 0; result == 0 && index < reader->field_count; index++) {
        Py_ssize_t size = reader->name_sizes[index];
        if (index == reader->ts || end - *at < size + 3 || **at != before
            || (*at)[size + 1] != '=' || memcmp(*at + 1, reader->names[index], size) != 0)
            continue;
        *at += size + 2;
        before = ',';
        result = read_field(&values[index], at, end);
    }
    return result == 0 ? read_instant(&values[reader->ts], at, end) : result;
}

static int
name_given(Reader *reader, uint32_t given, Py_ssize_t count)
{
    if (reader->given_names != NULL && reader->given == given)
        return 0;
    PyObject *names = PyTuple_New(count);
    if (names == NULL)
        return -1;
    for (Py_ssize_t index = 0, place = 0; index < reader->field_count; index++)
        if (given >> index & 1)
            PyTuple_SET_ITEM(names, place++,
                             Py_NewRef(PyTuple_GET_ITEM(reader->fields, index)));
    Py_XSETREF(reader->given_names, names);
    reader->given = given;
    return 0;
}

/* Read one line and move `at` behind it. 0; `NO_LINE`; -1 with an exception set. */
static int
read_row(PyObject **row, Reader *reader, const char **at, const char *end)
{
    PyObject *values[FIELDS_MAX] = {NULL};
    int result = read_values(values, reader, at, end);
    uint32_t given = 0;
    Py_ssize_t count = 0;
    for (int index = 0; index < reader->field_count; index++)
        if (values[index] != NULL) {
            given |= 1u << index;
            values[count++] = values[index];
        }
    if (result == 0 && (result = name_given(reader, given, count)) == 0) {
        *row = PyObject_Vectorcall(reader->type, values, 0, reader->given_names);
        result = *row == NULL ? -1 : 0;
    }
    while (count)
        Py_DECREF(values[--count]);
    return result;
}

static int
read_rows(PyObject *rows, Reader *reader, PyObject *lines, PyObject *table)
{
    const char *begin = PyBytes_AS_STRING(lines), *at = begin;
    const char *end = begin + PyBytes_GET_SIZE(lines);
    Py_ssize_t table_size = PyBytes_GET_SIZE(table);
    while (at < end) {
        const char *line = at;
        PyObject *row = NULL;
        int result = NO_LINE;
        if (end - at > table_size && memcmp(at, PyBytes_AS_STRING(table), table_size) == 0) {
            at += table_size;
            result = read_row(&row, reader, &at, end);
        }
        if (result == 0) {
            result = PyList_Append(rows, row);
            Py_DECREF(row);
        }
        if (result == NO_LINE)
            PyErr_Format(PyExc_AssertionError, "no line of our encoder at byte %zd", line - begin);
        if (result != 0)
            return -1;
    }
    return 0;
}

/* ilp_rows(lines, table, record_type): see `_native.pyi`. */
PyObject *
ilp_rows(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 3 || !PyBytes_Check(arguments[0]) || !PyBytes_Check(arguments[1])
        || !PyType_Check(arguments[2])) {
        PyErr_SetString(PyExc_TypeError, "ilp_rows takes lines and a table as bytes, and a type");
        return NULL;
    }
    if (PyDateTimeAPI == NULL)
        PyDateTime_IMPORT;
    if (PyDateTimeAPI == NULL)
        return NULL;
    Reader reader;
    PyObject *rows = PyList_New(0);
    int result = rows == NULL ? -1 : read_type(&reader, arguments[2]);
    if (result == 0)
        result = read_rows(rows, &reader, arguments[0], arguments[1]);
    if (rows != NULL) {
        Py_XDECREF(reader.fields);
        Py_XDECREF(reader.given_names);
    }
    if (result < 0)
        Py_CLEAR(rows);
    return rows;
}
