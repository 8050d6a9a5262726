/* Rows as pairs of hashes, of the key and of the content: rows of equal key and unequal content are
 * versions of one reading. */
#include "columns.h"
#include "content.h"
#include "versions.h"
#include "xxh3.h"

/* Read the seed. 0, or -1 with an exception set. */
static int
read_seed(Hashing *hashing, PyObject *seed)
{
    hashing->seed = PyLong_AsUnsignedLongLong(seed);
    return PyErr_Occurred() ? -1 : 0;
}

static int
field_of(const Layout *layout, PyObject *name)
{
    const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
    for (int field = 0; text != NULL && field < layout->field_count; field++)
        if (field != layout->event_id && strcmp(text, layout->fields[field].name) == 0)
            return field;
    if (!PyErr_Occurred())
        PyErr_Format(PyUnicode_Check(name) ? PyExc_ValueError : PyExc_TypeError,
                     "%R is no field that can be of a key", name);
    return -1;
}

int
read_key(Hashing *hashing, const Layout *layout, PyObject *names)
{
    PyObject *items = PySequence_Tuple(names);
    if (items == NULL)
        return -1;
    char is_key[FIELDS_MAX] = {0};
    int field = 0;
    for (Py_ssize_t index = 0; field >= 0 && index < PyTuple_GET_SIZE(items); index++) {
        field = field_of(layout, PyTuple_GET_ITEM(items, index));
        if (field >= 0)
            is_key[field] = 1;
    }
    Py_DECREF(items);
    if (field < 0)
        return -1;
    hashing->field_count = 0;
    for (int turn = 1; turn >= 0; turn--) {
        for (field = 0; field < layout->field_count; field++)
            if (field != layout->event_id && is_key[field] == turn)
                hashing->fields[hashing->field_count++] = field;
        if (turn == 1)
            hashing->key_count = hashing->field_count;
    }
    return 0;
}

/* Write what a field holds, so that no two rows give the same bytes: what it is, how long it is, and
 * itself as it lies in memory. Never more than its part of `content_bound`. */
static inline char *
put_value(char *to, const Value *value)
{
    *to++ = (char)value->kind;
    if (value->kind == VALUE_TEXT) {
        uint32_t size = (uint32_t)value->size;
        memcpy(to, &size, sizeof size);
        memcpy(to + sizeof size, value->text, size);
        return to + sizeof size + size;
    }
    if (value->kind == VALUE_NUMBER) {
        double number = value->number + 0.0; /* minus zero becomes zero */
        memcpy(to, &number, sizeof number);
        return to + sizeof number;
    }
    if (value->kind == VALUE_INSTANT) {
        memcpy(to, &value->microseconds, sizeof value->microseconds);
        return to + sizeof value->microseconds;
    }
    return to;
}

void
put_version(char *to, char *scratch, const Value values[FIELDS_MAX], const Hashing *hashing)
{
    uint64_t hashes[2];
    char *end = scratch;
    int place = 0;
    for (; place < hashing->key_count; place++)
        end = put_value(end, &values[hashing->fields[place]]);
    hashes[0] = xxh3_128((unsigned char *)scratch, (size_t)(end - scratch), hashing->seed).low;
    for (; place < hashing->field_count; place++)
        end = put_value(end, &values[hashing->fields[place]]);
    hashes[1] = xxh3_128((unsigned char *)scratch, (size_t)(end - scratch), hashing->seed).low;
    memcpy(to, hashes, VERSION_BYTES);
}

static void
put_versions(char *to, char *scratch, const Columns *columns, const Hashing *hashing)
{
    Value values[FIELDS_MAX];
    for (Py_ssize_t row = 0; row < columns->row_count; row++) {
        read_row(values, columns, row);
        put_version(to + VERSION_BYTES * row, scratch, values, hashing);
    }
}

/* Return the hashes of all rows; NULL with an exception set. */
static PyObject *
versions_of(Columns *columns, const Hashing *hashing)
{
    PyObject *versions = PyBytes_FromStringAndSize(NULL, VERSION_BYTES * columns->row_count);
    if (versions == NULL)
        return NULL;
    char *to = PyBytes_AS_STRING(versions);
    const char *fault;
    int index, is_done = 0;
    Py_BEGIN_ALLOW_THREADS
    fault = check_columns(columns, &index);
    char *scratch = fault == NULL ? PyMem_RawMalloc(contents_bound(columns)) : NULL;
    if (scratch != NULL) {
        put_versions(to, scratch, columns, hashing);
        is_done = 1;
    }
    PyMem_RawFree(scratch);
    Py_END_ALLOW_THREADS
    if (is_done)
        return versions;
    if (fault != NULL)
        set_column_fault(columns, index, fault);
    else
        PyErr_NoMemory();
    Py_DECREF(versions);
    return NULL;
}

/* column_versions(columns, row_count, key_names, seed): see `_native.pyi`. */
PyObject *
column_versions(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 4) {
        PyErr_SetString(PyExc_TypeError,
                        "column_versions takes columns, a number of rows, names and a seed");
        return NULL;
    }
    Hashing hashing;
    if (read_seed(&hashing, arguments[3]) < 0)
        return NULL;
    Columns columns;
    PyObject *result = NULL;
    if (open_columns(&columns, arguments[0], arguments[1]) == 0
        && read_key(&hashing, &columns.layout, arguments[2]) == 0)
        result = versions_of(&columns, &hashing);
    drop_columns(&columns);
    return result;
}

/* Add the hashes of each row. 0, or -1 with an exception set. */
static int
add_versions(Output *versions, Output *scratch, const Layout *layout, PyObject *rows,
             const Hashing *hashing)
{
    for (Py_ssize_t index = 0; index < PySequence_Fast_GET_SIZE(rows); index++) {
        Value values[FIELDS_MAX];
        PyObject *row = row_at(layout, rows, index);
        if (row == NULL || row_values(values, layout, row) < 0)
            return -1;
        char *room = output_room(scratch, content_bound(layout, values));
        char *to = room == NULL ? NULL : output_room(versions, VERSION_BYTES);
        if (to == NULL)
            return -1;
        put_version(to, room, values, hashing);
        versions->size += VERSION_BYTES;
    }
    return 0;
}

/* row_versions(rows, key_names, seed): see `_native.pyi`. */
PyObject *
row_versions(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "row_versions takes rows, names and a seed");
        return NULL;
    }
    Hashing hashing;
    if (read_seed(&hashing, arguments[2]) < 0)
        return NULL;
    PyObject *rows = PySequence_Fast(arguments[0], "rows must be a sequence");
    if (rows == NULL)
        return NULL;
    Py_ssize_t row_count = PySequence_Fast_GET_SIZE(rows);
    Output versions = {PyBytes_FromStringAndSize(NULL, row_count * VERSION_BYTES), 0};
    Output scratch = {PyBytes_FromStringAndSize(NULL, 512), 0};
    Layout layout;
    int result = versions.data == NULL || scratch.data == NULL ? -1 : 0;
    if (result == 0 && row_count) {
        result = layout_of(&layout, PySequence_Fast_GET_ITEM(rows, 0));
        if (result == 0)
            result = read_key(&hashing, &layout, arguments[1]);
        if (result == 0)
            result = add_versions(&versions, &scratch, &layout, rows, &hashing);
    }
    Py_XDECREF(scratch.data);
    Py_DECREF(rows);
    if (result < 0) {
        Py_XDECREF(versions.data);
        return NULL;
    }
    _PyBytes_Resize(&versions.data, versions.size); /* NULL with MemoryError if that fails */
    return versions.data;
}
