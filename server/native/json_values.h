/* Values of JSON as readings usually have them. Each function reads one value at `*at` and moves `*at`
 * behind it; it returns 0 where it is in any doubt, and then says nothing about the text: the JSON
 * decoder has the last word. Behind the value a newline has to come; none of them reads beyond one. */
#ifndef UTILITY_TS_ANALYTICS_JSON_VALUES_H
#define UTILITY_TS_ANALYTICS_JSON_VALUES_H

#include "rows.h"

/* Read a text behind its opening quote: UTF-8 without escapes; `end` is that of all that may be read.
 * `characters` are its code points. */
int json_text(const char **at, const char *end, Value *value, Py_ssize_t *characters);

/* Read a number that is no minus zero and fits a float; the nearest float, ties to even. */
int json_number(const char **at, Value *value);

/* Read an RFC 3339 time behind its opening quote, of up to six decimals, from 1970 on. */
int json_time(const char **at, Value *value);

/* Read `null`, `true`, `false`, a number or a text; what it says is of no interest. */
int json_scalar(const char **at, const char *end);

/* Pass these letters if they stand there. */
int json_letters(const char **at, const char *letters);

static inline const char *
json_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\r')
        at++;
    return at;
}

#endif
