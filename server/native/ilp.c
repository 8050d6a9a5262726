/* Rows to ILP lines. */
#include "line.h"

static int
add_line(Output *output, const Layout *layout, PyObject *row, PyObject *table)
{
    Value values[FIELDS_MAX];
    if (row_values(values, layout, row) < 0)
        return -1;
    Py_ssize_t table_size = PyBytes_GET_SIZE(table);
    char *to = output_room(output, table_size + line_bound(layout, values));
    if (to == NULL)
        return -1;
    output->size += put_line(to, PyBytes_AS_STRING(table), table_size, layout, values) - to;
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
