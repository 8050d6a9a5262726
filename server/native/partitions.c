/* Keys to partitions of a Kafka topic, as Java clients choose them. */
#include "rows.h"

#include <string.h>

#define MULTIPLIER 0x5bd1e995u
#define SEED 0x9747b28cu
#define PARTITIONS_MAX 65536

/* `org.apache.kafka.common.utils.Utils.murmur2`; words are little-endian. */
static uint32_t
murmur2(const unsigned char *data, size_t size)
{
    uint32_t hash = SEED ^ (uint32_t)size;
    for (; size >= 4; data += 4, size -= 4) {
        uint32_t word = data[0] | data[1] << 8 | data[2] << 16 | (uint32_t)data[3] << 24;
        word *= MULTIPLIER;
        word ^= word >> 24;
        hash = hash * MULTIPLIER ^ word * MULTIPLIER;
    }
    if (size > 0) {
        for (size_t index = 0; index < size; index++)
            hash ^= (uint32_t)data[index] << (8 * index);
        hash *= MULTIPLIER;
    }
    hash ^= hash >> 13;
    hash *= MULTIPLIER;
    return hash ^ hash >> 15;
}

/* Add up the size of each partition's lines. 0, or -1 with ValueError. */
static int
measure(Py_ssize_t *sizes, Py_ssize_t partitions, const Py_buffer *lines, const Py_buffer *numbers)
{
    const char *at = lines->buf, *end = at + lines->len;
    const uint16_t *number = numbers->buf;
    Py_ssize_t rows = numbers->len / (Py_ssize_t)sizeof *number;
    for (Py_ssize_t row = 0; row < rows; row++) {
        const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        if (newline == NULL || number[row] >= partitions) {
            PyErr_SetString(PyExc_ValueError, "lines and partitions do not match");
            return -1;
        }
        sizes[number[row]] += newline + 1 - at;
        at = newline + 1;
    }
    if (at != end)
        PyErr_SetString(PyExc_ValueError, "there are more lines than partitions of lines");
    return at == end ? 0 : -1;
}

/* Return the lines of each partition as bytes; None where it has none. */
static PyObject *
distribute(Py_ssize_t *sizes, Py_ssize_t partitions, const Py_buffer *lines,
           const Py_buffer *numbers)
{
    char **ends = PyMem_New(char *, partitions);
    PyObject *groups = ends == NULL ? PyErr_NoMemory() : PyList_New(partitions);
    for (Py_ssize_t index = 0; groups != NULL && index < partitions; index++) {
        PyObject *group = sizes[index] ? PyBytes_FromStringAndSize(NULL, sizes[index])
                                       : Py_NewRef(Py_None);
        if (group == NULL) {
            Py_CLEAR(groups);
            break;
        }
        ends[index] = sizes[index] ? PyBytes_AS_STRING(group) : NULL;
        PyList_SET_ITEM(groups, index, group);
    }
    const char *at = lines->buf, *end = at + lines->len;
    const uint16_t *number = numbers->buf;
    for (; groups != NULL && at < end; number++) {
        size_t size = (size_t)((const char *)memchr(at, '\n', (size_t)(end - at)) + 1 - at);
        memcpy(ends[*number], at, size);
        ends[*number] += size;
        at += size;
    }
    PyMem_Free(ends);
    return groups;
}

/* lines_by_partition(lines, numbers, partitions): see `_native.pyi`. */
PyObject *
lines_by_partition(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Py_ssize_t partitions = count == 3 ? PyLong_AsSsize_t(arguments[2]) : 0;
    if (PyErr_Occurred())
        return NULL;
    if (partitions < 1 || partitions > PARTITIONS_MAX) {
        PyErr_SetString(PyExc_ValueError, "lines_by_partition takes 1 to 65536 partitions");
        return NULL;
    }
    Py_buffer lines, numbers;
    if (PyObject_GetBuffer(arguments[0], &lines, PyBUF_SIMPLE) < 0)
        return NULL;
    if (PyObject_GetBuffer(arguments[1], &numbers, PyBUF_SIMPLE) < 0) {
        PyBuffer_Release(&lines);
        return NULL;
    }
    PyObject *groups = NULL;
    Py_ssize_t *sizes = PyMem_Calloc((size_t)partitions, sizeof *sizes);
    if (sizes == NULL)
        PyErr_NoMemory();
    else if (measure(sizes, partitions, &lines, &numbers) == 0)
        groups = distribute(sizes, partitions, &lines, &numbers);
    PyMem_Free(sizes);
    PyBuffer_Release(&numbers);
    PyBuffer_Release(&lines);
    return groups;
}

/* key_partitions(keys, count): see `_native.pyi`. */
PyObject *
key_partitions(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t argument_count)
{
    Py_ssize_t partitions = argument_count == 2 ? PyLong_AsSsize_t(arguments[1]) : 0;
    if (PyErr_Occurred())
        return NULL;
    if (partitions < 1 || partitions > PARTITIONS_MAX) {
        PyErr_SetString(PyExc_ValueError, "key_partitions takes keys and 1 to 65536 partitions");
        return NULL;
    }
    PyObject *keys = PySequence_Fast(arguments[0], "keys must be a sequence");
    if (keys == NULL)
        return NULL;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(keys);
    PyObject *numbers = PyBytes_FromStringAndSize(NULL, count * (Py_ssize_t)sizeof(uint16_t));
    for (Py_ssize_t index = 0; numbers != NULL && index < count; index++) {
        Py_ssize_t size;
        const char *key = PyUnicode_AsUTF8AndSize(PySequence_Fast_GET_ITEM(keys, index), &size);
        if (key == NULL) {
            Py_CLEAR(numbers);
            break;
        }
        uint32_t hash = murmur2((const unsigned char *)key, (size_t)size) & 0x7fffffffu;
        uint16_t number = (uint16_t)(hash % (uint32_t)partitions);
        memcpy(PyBytes_AS_STRING(numbers) + index * sizeof number, &number, sizeof number);
    }
    Py_DECREF(keys);
    return numbers;
}
