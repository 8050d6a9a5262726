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
