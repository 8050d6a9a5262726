/* Values as readings usually have them in texts. Each function reads one at `*at` and moves `*at` behind
 * it; it returns 0 where it is in any doubt, and then says nothing about the text: another reader has
 * the last word. Behind the value a newline has to come; none of them reads beyond one. */
#ifndef UTILITY_TS_ANALYTICS_TEXT_VALUES_H
#define UTILITY_TS_ANALYTICS_TEXT_VALUES_H

#include "rows.h"

/* Read UTF-8 up to a quote or to `end`, and return where that is; NULL where a backslash or control
 * character stands before. `characters` are its code points. */
const char *read_text(const char *start, const char *end, Value *value, Py_ssize_t *characters);

/* Read a number as JSON has it that is no minus zero and fits a float; the nearest float, ties to even. */
int read_number(const char **at, Value *value);

/* Read an RFC 3339 time of up to six decimals, from 1970 on. */
int read_time(const char **at, Value *value);

#endif
