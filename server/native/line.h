/* One row as an ILP line. No Python object is touched: usable without the GIL. */
#ifndef UTILITY_TS_ANALYTICS_LINE_H
#define UTILITY_TS_ANALYTICS_LINE_H

#include "rows.h"

#define LINE_FLOAT_TYPE 16 /* behind `=`; eight bytes follow */
#define LINE_FIELD_BYTES_MAX 14 /* beside its name and twice its text */
#define LINE_STAMP_BYTES_MAX 24 /* a space, up to 20 digits, `t`, a newline */

/* Most bytes of the line of a row, the name of its table not counted. */
Py_ssize_t line_bound(const Layout *layout, const Value values[FIELDS_MAX]);

/* Write the line of a row and return where it ends. There is room for the name of the table and
 * `line_bound`; at least one field beside `ts` is not absent. */
char *put_line(char *to, const char *table, Py_ssize_t table_size, const Layout *layout,
               const Value values[FIELDS_MAX]);

#endif
