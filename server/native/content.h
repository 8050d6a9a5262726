/* The canonical content of a row and the ids made of it, as `records.event_id` describes them. No
 * Python object is touched: usable without the GIL. */
#ifndef UTILITY_TS_ANALYTICS_CONTENT_H
#define UTILITY_TS_ANALYTICS_CONTENT_H

#include "rows.h"

#define UUID_CHARACTERS 36
#define CONTENT_HEAD_BYTES 1
#define CONTENT_FIELD_BYTES_MAX 11 /* beside its name and its text */

/* Most bytes of the content of a row. */
Py_ssize_t content_bound(const Layout *layout, const Value values[FIELDS_MAX]);

/* Write the content of a row, all fields but `event_id`, and return where it ends. There is room
 * for `content_bound`; `ts` is before the year 2514. */
char *put_content(char *to, const Layout *layout, const Value values[FIELDS_MAX]);

/* Write the id of a content, or of any bytes: the text of a UUIDv8. */
void put_hashed_id(char *to, const char *data, Py_ssize_t size, uint64_t seed);

/* Write the id that a client's own text stands for: itself in lower case if it is a UUID. */
void put_client_id(char *to, const char *text, Py_ssize_t size);

/* Set the `event_id` of a row: the client's own or a derived one. It is kept in `id`; there is room in
 * `content` for `content_bound`. */
void set_event_id(Value values[FIELDS_MAX], const Layout *layout, char id[UUID_CHARACTERS],
                  char *content, uint64_t seed);

#endif
