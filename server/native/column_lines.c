/* Arrow columns to ILP lines with event ids. The GIL is let go while the columns are checked and read;
 * no Python object is needed then. It is let go once: whoever asks for it back may wait 5 ms beside a
 * busy thread. */
#include "columns.h"
#include "content.h"
#include "line.h"

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
        read_row(values, columns, row);
        set_event_id(values, layout, id, content, seed);
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
        set_column_fault(columns, index, fault);
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
    unsigned long long seed = PyLong_AsUnsignedLongLong(arguments[3]);
    if (PyErr_Occurred())
        return NULL;
    Columns columns;
    PyObject *result = NULL;
    if (open_columns(&columns, arguments[0], arguments[1]) == 0)
        result = lines_of(&columns, arguments[2], seed);
    drop_columns(&columns);
    return result;
}
