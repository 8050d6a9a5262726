/* Event ids of rows. */
#include "content.h"

#include <string.h>

static int
set_client_id(const Layout *layout, PyObject *row, PyObject *given)
{
    char id[UUID_CHARACTERS];
    Py_ssize_t size;
    if (!PyUnicode_Check(given)) {
        PyErr_SetString(PyExc_TypeError, "event_id is no text");
        return -1;
    }
    const char *text = PyUnicode_AsUTF8AndSize(given, &size);
    if (text == NULL)
        return -1;
    put_client_id(id, text, size);
    if (size == UUID_CHARACTERS && memcmp(id, text, UUID_CHARACTERS) == 0)
        return 0;
    PyObject *kept = PyUnicode_FromStringAndSize(id, UUID_CHARACTERS);
    if (kept == NULL)
        return -1;
    PyObject **slot = (PyObject **)((char *)row + layout->fields[layout->event_id].offset);
    Py_SETREF(*slot, kept);
    return 0;
}

static int
set_derived_id(const Layout *layout, PyObject *row, Output *content, uint64_t seed)
{
    Value values[FIELDS_MAX];
    if (row_values(values, layout, row) < 0)
        return -1;
    content->size = 0;
    char *start = output_room(content, content_bound(layout, values));
    PyObject *text = start == NULL ? NULL : PyUnicode_New(UUID_CHARACTERS, 127);
    if (text == NULL)
        return -1;
    char *end = put_content(start, layout, values);
    put_hashed_id((char *)PyUnicode_1BYTE_DATA(text), start, end - start, seed);
    PyObject **slot = (PyObject **)((char *)row + layout->fields[layout->event_id].offset);
    Py_SETREF(*slot, text);
    return 0;
}

/* derive_event_ids(rows, seed): see `_native.pyi`. */
PyObject *
derive_event_ids(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "derive_event_ids takes rows and a seed");
        return NULL;
    }
    unsigned long long seed = PyLong_AsUnsignedLongLong(arguments[1]);
    if (PyErr_Occurred())
        return NULL;
    PyObject *rows = PySequence_Fast(arguments[0], "rows must be a sequence");
    if (rows == NULL)
        return NULL;
    Output content = {PyBytes_FromStringAndSize(NULL, 512), 0};
    Py_ssize_t row_count = PySequence_Fast_GET_SIZE(rows);
    Layout layout;
    int result = content.data == NULL ? -1 : 0;
    if (result == 0 && row_count)
        result = layout_of(&layout, PySequence_Fast_GET_ITEM(rows, 0));
    for (Py_ssize_t index = 0; result == 0 && index < row_count; index++) {
        PyObject *row = row_at(&layout, rows, index);
        PyObject *event_id = row == NULL ? NULL : field_value(&layout, row, layout.event_id);
        if (event_id == NULL)
            result = -1;
        else if (event_id != Py_None)
            result = set_client_id(&layout, row, event_id);
        else
            result = set_derived_id(&layout, row, &content, seed);
    }
    Py_XDECREF(content.data);
    Py_DECREF(rows);
    if (result < 0)
        return NULL;
    Py_RETURN_NONE;
}
