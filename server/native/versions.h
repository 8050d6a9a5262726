/* A row as two hashes, of its key and of its content, as `records.row_versions` describes them. */
#ifndef UTILITY_TS_ANALYTICS_VERSIONS_H
#define UTILITY_TS_ANALYTICS_VERSIONS_H

#include "rows.h"

#define VERSION_BYTES 16

/* The fields that are hashed, those of the key first, and the seed of both hashes. */
typedef struct {
    int fields[FIELDS_MAX];
    int field_count;
    int key_count;
    uint64_t seed;
} Hashing;

/* Put the fields in order, by the names of the key. 0, or -1 with an exception set. */
int read_key(Hashing *hashing, const Layout *layout, PyObject *names);

/* Write the hashes of a row; in `scratch` there is room for its content. Usable without the GIL. */
void put_version(char *to, char *scratch, const Value values[FIELDS_MAX], const Hashing *hashing);

#endif
