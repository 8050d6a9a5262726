/* What the parts of `_native` share: a row as values, how a record type lies in memory, and a buffer
 * that grows. */
#ifndef UTILITY_TS_ANALYTICS_ROWS_H
#define UTILITY_TS_ANALYTICS_ROWS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#define FIELDS_MAX 15 /* a MessagePack map of up to 15 fields has a head of one byte */
#define NAME_BYTES_MAX 31 /* and a text of up to 31 bytes too */
#define EACH_BYTE 0x0101010101010101ULL /* times a byte: eight of it */
#define MICROSECONDS_END ((int64_t)1000000 << 34) /* a MessagePack timestamp of 64 bits ends there */

/* What one field of one row holds. Texts are borrowed from the row or column. */
typedef struct {
    enum { VALUE_ABSENT, VALUE_TEXT, VALUE_NUMBER, VALUE_INSTANT } kind;
    union {
        struct {
            const char *text;
            Py_ssize_t size;
            int is_plain; /* known to hold no quote, backslash or line break */
        };
        double number;
        uint64_t microseconds; /* from 1970-01-01 UTC */
    };
} Value;

/* Copy `size` bytes and return where they end. Most are short, and a call of memcpy takes as long as
 * copying them. */
static inline char *
copy_short(char *to, const char *from, Py_ssize_t size)
{
    if (size > 32)
        memcpy(to, from, size);
    else if (size >= 16) {
        memcpy(to, from, 16);
        memcpy(to + size - 16, from + size - 16, 16);
    }
    else if (size >= 8) {
        memcpy(to, from, 8);
        memcpy(to + size - 8, from + size - 8, 8);
    }
    else if (size >= 4) {
        memcpy(to, from, 4);
        memcpy(to + size - 4, from + size - 4, 4);
    }
    else
        for (Py_ssize_t index = 0; index < size; index++)
            to[index] = from[index];
    return to + size;
}

/* One field of a record type. The name is borrowed from whatever outlives every row. */
typedef struct {
    const char *name;
    Py_ssize_t name_size;
    Py_ssize_t offset; /* of the slot in the row, bytes; of no meaning for columns */
} Field;

/* The fields of one record type, in the order it declares them. */
typedef struct {
    PyTypeObject *type; /* NULL where the rows are columns */
    Field fields[FIELDS_MAX];
    int field_count;
    int ts; /* index of that field */
    int event_id;
} Layout;

/* Fill `layout` from the type of the first row. 0, or -1 with an exception set. */
int layout_of(Layout *layout, PyObject *first_row);

/* Return row `index` of a fast sequence, borrowed; NULL with TypeError if its type is another. */
PyObject *row_at(const Layout *layout, PyObject *rows, Py_ssize_t index);

/* Return what a field of `row` holds, borrowed; NULL with an exception if it was never set. */
PyObject *field_value(const Layout *layout, PyObject *row, int field);

/* Read all fields of `row`; `ts` is an instant. 0, or -1 with an exception set. */
int row_values(Value values[FIELDS_MAX], const Layout *layout, PyObject *row);

/* Return the days from 1970-01-01 to a day of the proleptic Gregorian calendar; years are >= 0. */
int64_t days_to(int year, int month, int day);

/* Bytes that grow; `data` is a bytes object whose first `size` bytes are filled. */
typedef struct {
    PyObject *data;
    Py_ssize_t size;
} Output;

/* Make room for `more` bytes and return where they go; NULL with MemoryError. */
char *output_room(Output *output, Py_ssize_t more);

/* Import what `microseconds_of` needs; once, at import. 0, or -1 with an exception set. */
int rows_init(void);

PyObject *derive_event_ids(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *ilp_of_csv(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *ilp_of_json(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *json_lines(PyObject *module, PyObject *rows);
PyObject *key_partitions(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *lines_by_partition(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *ilp_lines(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *ilp_rows(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *needs_closer_look(PyObject *module, PyObject *data);
PyObject *array_part_end(PyObject *module, PyObject *const *args, Py_ssize_t args_count);
PyObject *column_lines(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *column_versions(PyObject *module, PyObject *const *arguments, Py_ssize_t count);
PyObject *row_versions(PyObject *module, PyObject *const *arguments, Py_ssize_t count);

#endif
