/* Lines of JSON to ILP lines with event ids, without an object for any row. A line that is in any
 * way unusual is left to the JSON decoder, so that there is one judge of what a record is. */
#include "text_rows.h"
#include "text_values.h"

#define DOUBTS_SHARE 4

typedef struct {
    TextRows rows;
    unsigned char order[FIELDS_MAX + 1]; /* the fields of the record before, as they came */
} Reader;

static inline const char *
json_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\r')
        at++;
    return at;
}

/* Pass these letters if they stand there. */
static int
json_letters(const char **at, const char *letters)
{
    const char *here = *at;
    for (; *letters; letters++, here++)
        if (*here != *letters)
            return 0;
    *at = here;
    return 1;
}

/* Read a text behind its opening quote and move behind the closing one; 0 in doubt. */
static int
json_text(const char **at, const char *end, Value *value, Py_ssize_t *characters)
{
    const char *quote = read_text(*at, end, value, characters);
    if (quote == NULL || quote == end)
        return 0;
    *at = quote + 1;
    return 1;
}

/* Read `null`, `true`, `false`, a number or a text; what it says is of no interest. */
static int
json_scalar(const char **at, const char *end)
{
    Value ignored;
    Py_ssize_t characters;
    switch (**at) {
    case '"':
        ++*at;
        return json_text(at, end, &ignored, &characters);
    case 'n':
        return json_letters(at, "null");
    case 't':
        return json_letters(at, "true");
    case 'f':
        return json_letters(at, "false");
    default:
        return read_number(at, &ignored);
    }
}

/* Compare names: memcmp would be called for each. */
static int
is_same(const char *one, const char *other, Py_ssize_t size)
{
    uint64_t first, second, others_first, others_second;
    if (size > 2 * (Py_ssize_t)sizeof first)
        return memcmp(one, other, size) == 0;
    if (size < (Py_ssize_t)sizeof first) {
        while (size && *one == *other)
            size--, one++, other++;
        return size == 0;
    }
    memcpy(&first, one, sizeof first);
    memcpy(&others_first, other, sizeof first);
    memcpy(&second, one + size - sizeof second, sizeof second);
    memcpy(&others_second, other + size - sizeof second, sizeof second);
    return first == others_first && second == others_second;
}

/* Read a name behind its opening quote, if it is that of this field. */
static int
is_name(const char **at, const char *end, const Field *field)
{
    if (end - *at <= field->name_size || (*at)[field->name_size] != '"'
        || !is_same(*at, field->name, field->name_size))
        return 0;
    *at += field->name_size + 1;
    return 1;
}

/* Read a name behind its opening quote. Returns its field, `field_count` if it is none, -1 in doubt.
 * Most records have their names in the order of the one before: `expected` is the field that this
 * one had there. */
static int
read_name(const char **at, const char *end, const Layout *layout, int expected)
{
    if (expected < layout->field_count && is_name(at, end, &layout->fields[expected]))
        return expected;
    for (int index = 0; index < layout->field_count; index++)
        if (is_name(at, end, &layout->fields[index]))
            return index;
    Value other;
    Py_ssize_t characters;
    return json_text(at, end, &other, &characters) ? layout->field_count : -1;
}

static int
read_value(const char **at, const char *end, const Rules *rules, Value *value)
{
    Py_ssize_t characters;
    if (**at == 'n')
        return !rules->is_required && json_letters(at, "null");
    if (rules->kind == 'd')
        return read_number(at, value) && (rules->is_signed || value->number >= 0);
    if (**at != '"')
        return 0;
    ++*at;
    if (rules->kind == 't')
        return read_time(at, value) && *(*at)++ == '"';
    return json_text(at, end, value, &characters) && text_rows_text(rules, value, characters);
}

/* Read a line and move behind it; 0 where it is in doubt. */
static int
read_record(const char **at, const char *end, Reader *reader, Value values[FIELDS_MAX])
{
    const Layout *layout = &reader->rows.layout;
    const Rules *rules = reader->rows.rules;
    const char *here = json_blanks(*at);
    uint32_t seen = 0;
    int index, place = 0;
    for (int field = 0; field < layout->field_count; field++)
        values[field].kind = VALUE_ABSENT;
    if (*here != '{')
        return 0;
    do {
        here = json_blanks(here + 1);
        if (*here++ != '"' || (index = read_name(&here, end, layout, reader->order[place])) < 0)
            return 0;
        reader->order[place] = (unsigned char)index;
        place += place < FIELDS_MAX;
        here = json_blanks(here);
        if (*here != ':')
            return 0;
        here = json_blanks(here + 1);
        if (index == layout->field_count) {
            if (!json_scalar(&here, end))
                return 0;
        }
        else if (seen >> index & 1 || !read_value(&here, end, &rules[index], &values[index]))
            return 0;
        else
            seen |= 1U << index;
        here = json_blanks(here);
    } while (*here == ',');
    if (*here != '}')
        return 0;
    here = json_blanks(here + 1);
    if (*here != '\n' || !text_rows_whole(&reader->rows, values, seen))
        return 0;
    *at = here + 1;
    return 1;
}

/* Read all lines; 0, 1 where the decoder should, -1 with an exception set. */
static int
read_lines(Reader *reader, PyObject *data)
{
    const char *at = PyBytes_AS_STRING(data), *end = at + PyBytes_GET_SIZE(data);
    Value values[FIELDS_MAX];
    int status = 0;
    for (Py_ssize_t line = 0; status == 0 && at < end; line++) {
        const char *start = at;
        if (read_record(&at, end, reader, values))
            status = text_rows_add(&reader->rows, values, at - start);
        else {
            status = text_rows_doubt(&reader->rows, line, DOUBTS_SHARE);
            at = (const char *)memchr(at, '\n', end - at) + 1;
        }
    }
    return status;
}

/* ilp_of_json(data, fields, table, seed, first, end, key_names): see `_native.pyi`. */
PyObject *
ilp_of_json(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 7) {
        PyErr_SetString(PyExc_TypeError, "ilp_of_json takes seven arguments");
        return NULL;
    }
    Reader reader = {.order = {0}};
    PyObject *answer = NULL;
    int status = text_rows_open(&reader.rows, arguments);
    if (status == 0)
        status = read_lines(&reader, arguments[0]);
    if (status == 0)
        answer = text_rows_result(&reader.rows, PyBytes_GET_SIZE(arguments[0]));
    else if (status == 1)
        answer = Py_NewRef(Py_None);
    text_rows_drop(&reader.rows);
    return answer;
}
