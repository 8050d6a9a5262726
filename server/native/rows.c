/* Rows as C sees them: msgspec structs, whose fields are slots at fixed offsets like those of
 * `__slots__`. The offsets come from the type's own member descriptors, so nothing here depends on
 * how msgspec lays out its objects. */
#include "rows.h"

#include <datetime.h>
#include <structmember.h>
#include <string.h>

static int
add_field(Layout *layout, PyObject *name)
{
    if (layout->field_count == FIELDS_MAX) {
        PyErr_SetString(PyExc_TypeError, "a record type has too many fields");
        return -1;
    }
    Field *field = &layout->fields[layout->field_count];
    field->name = PyUnicode_AsUTF8AndSize(name, &field->name_size);
    if (field->name == NULL)
        return -1;
    PyObject *descriptor = PyObject_GetAttr((PyObject *)layout->type, name);
    if (descriptor == NULL)
        return -1;
    int is_slot = Py_TYPE(descriptor) == &PyMemberDescr_Type
        && ((PyMemberDescrObject *)descriptor)->d_member->type == T_OBJECT_EX
        && field->name_size <= NAME_BYTES_MAX;
    if (is_slot)
        field->offset = ((PyMemberDescrObject *)descriptor)->d_member->offset;
    Py_DECREF(descriptor);
    if (!is_slot) {
        PyErr_Format(PyExc_TypeError, "%U is no field that can be read", name);
        return -1;
    }
    if (strcmp(field->name, "ts") == 0)
        layout->ts = layout->field_count;
    else if (strcmp(field->name, "event_id") == 0)
        layout->event_id = layout->field_count;
    layout->field_count++;
    return 0;
}

int
layout_of(Layout *layout, PyObject *first_row)
{
    *layout = (Layout){.type = Py_TYPE(first_row), .ts = -1, .event_id = -1};
    PyObject *names = PyObject_GetAttrString((PyObject *)layout->type, "__struct_fields__");
    if (names == NULL && PyErr_ExceptionMatches(PyExc_AttributeError))
        PyErr_Clear();
    int result = names != NULL && PyTuple_Check(names) ? 0 : -1;
    for (Py_ssize_t index = 0; result == 0 && index < PyTuple_GET_SIZE(names); index++)
        result = add_field(layout, PyTuple_GET_ITEM(names, index));
    Py_XDECREF(names);
    if (result == 0 && (layout->ts < 0 || layout->event_id < 0))
        result = -1;
    if (result < 0 && !PyErr_Occurred())
        PyErr_SetString(PyExc_TypeError, "a row must be a record with ts and event_id");
    return result;
}

PyObject *
row_at(const Layout *layout, PyObject *rows, Py_ssize_t index)
{
    PyObject *row = PySequence_Fast_GET_ITEM(rows, index);
    if (Py_TYPE(row) == layout->type)
        return row;
    PyErr_SetString(PyExc_TypeError, "the rows are of different types");
    return NULL;
}

PyObject *
field_value(const Layout *layout, PyObject *row, int field)
{
    PyObject *value = *(PyObject **)((char *)row + layout->fields[field].offset);
    if (value == NULL)
        PyErr_Format(PyExc_AttributeError, "%s", layout->fields[field].name);
    return value;
}

/* Counts in years that begin in March, so that the leap day is the last of a year, and in eras of 400
 * of them. */
int64_t
days_to(int year, int month, int day)
{
    int march_year = month <= 2 ? year - 1 : year;
    int era = march_year / 400; /* datetime's years are never negative */
    int year_of_era = march_year - era * 400;
    int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (int64_t)era * 146097 + day_of_era - 719468;
}

/* Whole microseconds from 1970-01-01 UTC to an aware datetime; -1 with an exception set. */
static int64_t
microseconds_of(PyObject *instant)
{
    if (!PyDateTime_Check(instant)) {
        PyErr_SetString(PyExc_TypeError, "ts must be a datetime");
        return -1;
    }
    int64_t seconds = days_to(PyDateTime_GET_YEAR(instant), PyDateTime_GET_MONTH(instant),
                              PyDateTime_GET_DAY(instant)) * 86400
        + PyDateTime_DATE_GET_HOUR(instant) * 3600 + PyDateTime_DATE_GET_MINUTE(instant) * 60
        + PyDateTime_DATE_GET_SECOND(instant);
    int64_t microseconds = seconds * 1000000 + PyDateTime_DATE_GET_MICROSECOND(instant);
    if (PyDateTime_DATE_GET_TZINFO(instant) != PyDateTime_TimeZone_UTC) {
        PyObject *offset = PyObject_CallMethod(instant, "utcoffset", NULL);
        if (offset == NULL)
            return -1;
        if (!PyDelta_Check(offset)) {
            Py_DECREF(offset);
            PyErr_SetString(PyExc_ValueError, "ts must have a zone");
            return -1;
        }
        microseconds -= ((int64_t)PyDateTime_DELTA_GET_DAYS(offset) * 86400
                         + PyDateTime_DELTA_GET_SECONDS(offset)) * 1000000
            + PyDateTime_DELTA_GET_MICROSECONDS(offset);
        Py_DECREF(offset);
    }
    if (microseconds < 0 || microseconds >= MICROSECONDS_END) {
        PyErr_SetString(PyExc_ValueError, "ts must not be before 1970 or after 2513");
        return -1;
    }
    return microseconds;
}

static int
read_value(Value *value, const Field *field, PyObject *object)
{
    if (object == Py_None)
        value->kind = VALUE_ABSENT;
    else if (PyFloat_CheckExact(object)) {
        value->kind = VALUE_NUMBER;
        value->number = PyFloat_AS_DOUBLE(object);
    }
    else if (PyUnicode_Check(object)) {
        value->kind = VALUE_TEXT;
        value->is_plain = 0;
        value->text = PyUnicode_AsUTF8AndSize(object, &value->size);
        if (value->text == NULL)
            return -1;
        if (value->size > UINT32_MAX) {
            PyErr_SetString(PyExc_ValueError, "a text is too long");
            return -1;
        }
    }
    else {
        PyErr_Format(PyExc_TypeError, "%s holds neither text nor a float", field->name);
        return -1;
    }
    return 0;
}

int
row_values(Value values[FIELDS_MAX], const Layout *layout, PyObject *row)
{
    for (int field = 0; field < layout->field_count; field++) {
        PyObject *object = field_value(layout, row, field);
        if (object == NULL)
            return -1;
        if (field != layout->ts) {
            if (read_value(&values[field], &layout->fields[field], object) < 0)
                return -1;
            continue;
        }
        int64_t microseconds = microseconds_of(object);
        if (microseconds < 0)
            return -1;
        values[field].kind = VALUE_INSTANT;
        values[field].microseconds = (uint64_t)microseconds;
    }
    return 0;
}

char *
output_room(Output *output, Py_ssize_t more)
{
    Py_ssize_t capacity = PyBytes_GET_SIZE(output->data);
    if (more > capacity - output->size) {
        if (more > PY_SSIZE_T_MAX / 2 - capacity) {
            PyErr_NoMemory();
            return NULL;
        }
        if (_PyBytes_Resize(&output->data, capacity * 2 + more) < 0)
            return NULL;
    }
    return PyBytes_AS_STRING(output->data) + output->size;
}

int
rows_init(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI == NULL ? -1 : 0;
}
