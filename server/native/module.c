/* `utility_ts_analytics.records._native`: the loops over rows that cost most, in C. `_native.pyi` says
 * what they do; the Python versions beside their callers say the same in code. */
#include "rows.h"

static PyMethodDef METHODS[] = {
    {"derive_event_ids", (PyCFunction)(void (*)(void))derive_event_ids, METH_FASTCALL, NULL},
    {"column_lines", (PyCFunction)(void (*)(void))column_lines, METH_FASTCALL, NULL},
    {"column_versions", (PyCFunction)(void (*)(void))column_versions, METH_FASTCALL, NULL},
    {"row_versions", (PyCFunction)(void (*)(void))row_versions, METH_FASTCALL, NULL},
    {"ilp_lines", (PyCFunction)(void (*)(void))ilp_lines, METH_FASTCALL, NULL},
    {"ilp_rows", (PyCFunction)(void (*)(void))ilp_rows, METH_FASTCALL, NULL},
    {"ilp_of_csv", (PyCFunction)(void (*)(void))ilp_of_csv, METH_FASTCALL, NULL},
    {"ilp_of_json", (PyCFunction)(void (*)(void))ilp_of_json, METH_FASTCALL, NULL},
    {"key_partitions", (PyCFunction)(void (*)(void))key_partitions, METH_FASTCALL, NULL},
    {"lines_by_partition", (PyCFunction)(void (*)(void))lines_by_partition, METH_FASTCALL, NULL},
    {"array_part_end", (PyCFunction)(void (*)(void))array_part_end, METH_FASTCALL, NULL},
    {"json_lines", json_lines, METH_O, NULL},
    {"needs_closer_look", needs_closer_look, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_native",
    .m_size = -1,
    .m_methods = METHODS,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    if (rows_init() < 0)
        return NULL;
    return PyModule_Create(&MODULE);
}
