/* Lines of separated text to ILP lines with event ids, without an object for any row. A line that is
 * in any way unusual is left to the reader of tables, which has the last word on it; where it may be
 * no record of its own, being blank or with quotes, so are all lines behind it. */
#include "text_rows.h"
#include "text_values.h"

#define CELLS_MAX 1024
#define DOUBTS_SHARE 32
#define QUOTE '"'

typedef struct {
    TextRows rows;
    const unsigned char *fields; /* of each cell; `field_count` or more where it is none */
    Py_ssize_t cell_count;
    char separator;
} Reader;

/* Read which field each cell is, and what separates them. 0, or -1 with an exception set. */
static int
read_layout(Reader *reader, PyObject *cells, PyObject *separator)
{
    if (!PyBytes_Check(cells) || !PyBytes_Check(separator)) {
        PyErr_SetString(PyExc_TypeError, "cells and separator are bytes");
        return -1;
    }
    reader->fields = (const unsigned char *)PyBytes_AS_STRING(cells);
    reader->cell_count = PyBytes_GET_SIZE(cells);
    reader->separator = PyBytes_GET_SIZE(separator) == 1 ? *PyBytes_AS_STRING(separator) : QUOTE;
    if (reader->cell_count && reader->cell_count <= CELLS_MAX && reader->separator
        && strchr(",;|\t", reader->separator))
        return 0;
    PyErr_SetString(PyExc_ValueError, "cannot read such cells");
    return -1;
}

/* A cell that ends before a separator or line end. */
typedef struct {
    const char *start, *end;
} Cell;

/* Find the next cell and move behind it, to what separates it from the next one; 0 in doubt. */
static int
find_cell(const char **at, char separator, Cell *cell)
{
    const char *here = *at;
    if (*here == QUOTE) {
        cell->start = ++here;
        while (*here != QUOTE && *here != '\n')
            here++;
        cell->end = here;
        if (*here++ != QUOTE)
            return 0;
        here += *here == '\r';
        *at = here;
        return *here == '\n' || (*here == separator && here[-1] == QUOTE);
    }
    cell->start = here;
    while (*here != separator && *here != '\n')
        if (*here++ == QUOTE)
            return 0;
    *at = cell->end = here;
    if (*here == '\n' && here > cell->start && here[-1] == '\r')
        cell->end--;
    return 1;
}

/* Read what a cell that is not empty holds; 0 in doubt. */
static int
read_cell(const Cell *cell, const Rules *rules, Value *value)
{
    const char *at = cell->start;
    Py_ssize_t characters;
    if (rules->kind == 's')
        return read_text(at, cell->end, value, &characters) == cell->end
            && text_rows_text(rules, value, characters);
    if (rules->kind == 't')
        return read_time(&at, value) && at == cell->end;
    return read_number(&at, value) && at == cell->end && (rules->is_signed || value->number >= 0);
}

/* Read a line and move behind it; 0 where it is in doubt. */
static int
read_record(const char **at, const Reader *reader, Value values[FIELDS_MAX])
{
    const Layout *layout = &reader->rows.layout;
    const char *here = *at;
    uint32_t seen = 0;
    for (int field = 0; field < layout->field_count; field++)
        values[field].kind = VALUE_ABSENT;
    for (Py_ssize_t index = 0; index < reader->cell_count; index++) {
        int field = reader->fields[index];
        Cell cell;
        if (!find_cell(&here, reader->separator, &cell))
            return 0;
        if (index + 1 < reader->cell_count && *here++ != reader->separator)
            return 0;
        if (field >= layout->field_count) {
            if (memchr(cell.start, '\r', cell.end - cell.start))
                return 0;
        }
        else if (cell.end > cell.start) {
            if (!read_cell(&cell, &reader->rows.rules[field], &values[field]))
                return 0;
            seen |= 1U << field;
        }
    }
    if (*here != '\n' || !text_rows_whole(&reader->rows, values, seen))
        return 0;
    *at = here + 1;
    return 1;
}

/* Tell whether a line is one record for sure, whatever is in it. */
static int
is_record(const char *line, const char *end)
{
    return *line != '\n' && *line != '\r' && memchr(line, QUOTE, end - line) == NULL;
}

/* Read lines; the bytes of those that were, -1 with an exception set. */
static Py_ssize_t
read_lines(Reader *reader, PyObject *data)
{
    const char *start = PyBytes_AS_STRING(data), *at = start, *end = start + PyBytes_GET_SIZE(data);
    Value values[FIELDS_MAX];
    int status = 0;
    for (Py_ssize_t index = 0; status == 0 && at < end; index++) {
        const char *line = at;
        if (read_record(&at, reader, values))
            status = text_rows_add(&reader->rows, values, at - line);
        else {
            at = memchr(line, '\n', end - line);
            if (!is_record(line, at++))
                return line - start;
            status = text_rows_doubt(&reader->rows, index, DOUBTS_SHARE);
        }
    }
    return status < 0 ? -1 : at - start;
}

/* ilp_of_csv(data, fields, table, seed, first, end, key_names, cells, separator): see `_native.pyi`. */
PyObject *
ilp_of_csv(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 9) {
        PyErr_SetString(PyExc_TypeError, "ilp_of_csv takes nine arguments");
        return NULL;
    }
    Reader reader;
    Py_ssize_t size = -1;
    if (text_rows_open(&reader.rows, arguments) == 0
        && read_layout(&reader, arguments[7], arguments[8]) == 0)
        size = read_lines(&reader, arguments[0]);
    PyObject *answer = NULL;
    if (size >= 0)
        answer = text_rows_result(&reader.rows, size);
    text_rows_drop(&reader.rows);
    return answer;
}
