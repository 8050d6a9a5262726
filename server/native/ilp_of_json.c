/* Lines of JSON to ILP lines with event ids, without an object for any row. A line that is in any
 * way unusual is left to the JSON decoder, so that there is one judge of what a record is. */
#include "content.h"
#include "json_values.h"
#include "line.h"

#include <string.h>

#define DAY_MICROSECONDS 86400000000ULL
#define DOUBTS_FREE 16 /* so many may be in doubt before their share counts */
#define DOUBTS_SHARE 4 /* then one in so many: more are cheaper for the decoder alone */

/* What the record type demands of a field. */
typedef struct {
    char kind; /* `t` for instants, `s` for texts, `d` for numbers */
    int is_required;
    int is_identifier;
    int is_signed;
    Py_ssize_t characters_max;
} Rules;

typedef struct {
    Layout layout;
    Rules rules[FIELDS_MAX];
    uint32_t required; /* a bit for each field */
    unsigned char order[FIELDS_MAX + 1]; /* the fields of the record before, as they came */
    unsigned long long first; /* instants from here on, */
    unsigned long long end; /* and before this one */
} Record;

static int
read_rules(Record *record, PyObject *fields)
{
    Layout *layout = &record->layout;
    *record = (Record){.layout = {.ts = -1, .event_id = -1}};
    int is_known = PyTuple_GET_SIZE(fields) <= FIELDS_MAX;
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(fields) && at < FIELDS_MAX; at++) {
        int index = layout->field_count++, kind;
        Field *field = &layout->fields[index];
        Rules *rules = &record->rules[index];
        PyObject *item = PyTuple_GET_ITEM(fields, at);
        if (!PyTuple_Check(item)) {
            PyErr_SetString(PyExc_TypeError, "a field is a tuple");
            return -1;
        }
        if (!PyArg_ParseTuple(item, "s#Cppnp", &field->name, &field->name_size, &kind,
                              &rules->is_required, &rules->is_identifier, &rules->characters_max,
                              &rules->is_signed))
            return -1;
        rules->kind = (char)kind;
        record->required |= (uint32_t)rules->is_required << index;
        if (strcmp(field->name, "ts") == 0 && kind == 't')
            layout->ts = index;
        else if (strcmp(field->name, "event_id") == 0 && kind == 's')
            layout->event_id = index;
        else
            is_known &= kind == 's' || kind == 'd';
        is_known &= field->name_size <= NAME_BYTES_MAX;
    }
    if (is_known && layout->ts >= 0 && layout->event_id >= 0
        && record->rules[layout->ts].is_required)
        return 0;
    PyErr_SetString(PyExc_ValueError, "cannot read these fields");
    return -1;
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

/* Tell whether an identifier is surely neither empty nor blank: by its first character. */
static int
is_named(const Value *value)
{
    unsigned char first = value->size ? (unsigned char)*value->text : ' ';
    return first != ' ' && first != 0xc2 && first != 0xe1 && first != 0xe2 && first != 0xe3;
}

static int
read_value(const char **at, const char *end, const Rules *rules, Value *value)
{
    Py_ssize_t characters;
    if (**at == 'n')
        return !rules->is_required && json_letters(at, "null");
    if (rules->kind == 'd')
        return json_number(at, value) && (rules->is_signed || value->number >= 0);
    if (**at != '"')
        return 0;
    ++*at;
    if (rules->kind == 't')
        return json_time(at, value);
    return json_text(at, end, value, &characters) && characters <= rules->characters_max
        && (!rules->is_identifier || is_named(value));
}

/* Read a line and move behind it; 0 where it is in doubt. */
static int
read_record(const char **at, const char *end, Record *record, Value values[FIELDS_MAX])
{
    const Layout *layout = &record->layout;
    const char *here = json_blanks(*at);
    uint32_t seen = 0;
    int index, place = 0;
    for (int field = 0; field < layout->field_count; field++)
        values[field].kind = VALUE_ABSENT;
    if (*here != '{')
        return 0;
    do {
        here = json_blanks(here + 1);
        if (*here++ != '"' || (index = read_name(&here, end, layout, record->order[place])) < 0)
            return 0;
        record->order[place] = (unsigned char)index;
        place += place < FIELDS_MAX;
        here = json_blanks(here);
        if (*here != ':')
            return 0;
        here = json_blanks(here + 1);
        if (index == layout->field_count) {
            if (!json_scalar(&here, end))
                return 0;
        }
        else if (seen >> index & 1 || !read_value(&here, end, &record->rules[index], &values[index]))
            return 0;
        else
            seen |= 1U << index;
        here = json_blanks(here);
    } while (*here == ',');
    if (*here != '}')
        return 0;
    here = json_blanks(here + 1);
    if (*here != '\n' || (seen & record->required) != record->required)
        return 0;
    uint64_t instant = values[layout->ts].microseconds;
    if (instant < record->first || instant >= record->end)
        return 0;
    *at = here + 1;
    return 1;
}

/* The lines of one call, with what they came to. */
typedef struct {
    Output lines, ends, content;
    PyObject *days, *doubts;
    uint64_t day; /* of the row before */
    Py_ssize_t row_bound; /* most bytes of a content or line beside its texts */
} Result;

/* Return most bytes of the content or the line of any row, its texts and its table not counted. The
 * texts are parts of the line of JSON, and nothing in them is escaped. */
static Py_ssize_t
row_bound(const Layout *layout)
{
    Py_ssize_t bound = CONTENT_HEAD_BYTES + LINE_STAMP_BYTES_MAX + UUID_CHARACTERS;
    for (int field = 0; field < layout->field_count; field++)
        bound += layout->fields[field].name_size + LINE_FIELD_BYTES_MAX;
    return bound;
}

_Static_assert(CONTENT_FIELD_BYTES_MAX <= LINE_FIELD_BYTES_MAX, "the bound is for both");

static int
add_day(Result *result, uint64_t instant)
{
    uint64_t day = instant / DAY_MICROSECONDS;
    if (day == result->day)
        return 0;
    result->day = day;
    PyObject *number = PyLong_FromUnsignedLongLong(day);
    int status = number == NULL ? -1 : PySet_Add(result->days, number);
    Py_XDECREF(number);
    return status;
}

static int
add_line(Result *result, const Layout *layout, Value values[FIELDS_MAX], Py_ssize_t json_size,
         PyObject *table, uint64_t seed)
{
    char id[UUID_CHARACTERS];
    result->content.size = 0;
    char *content = output_room(&result->content, result->row_bound + json_size);
    if (content == NULL || add_day(result, values[layout->ts].microseconds) < 0)
        return -1;
    set_event_id(values, layout, id, content, seed);
    Py_ssize_t table_size = PyBytes_GET_SIZE(table);
    char *to = output_room(&result->lines, table_size + result->row_bound + json_size);
    char *end = to == NULL ? NULL : output_room(&result->ends, sizeof(int64_t));
    if (end == NULL)
        return -1;
    result->lines.size += put_line(to, PyBytes_AS_STRING(table), table_size, layout, values) - to;
    int64_t size = result->lines.size;
    memcpy(end, &size, sizeof size);
    result->ends.size += sizeof size;
    return 0;
}

/* Keep the index of a line in doubt. 1 where there are too many, -1 with an exception set. */
static int
add_doubt(Result *result, Py_ssize_t line)
{
    PyObject *number = PyLong_FromSsize_t(line);
    int status = number == NULL ? -1 : PyList_Append(result->doubts, number);
    Py_XDECREF(number);
    if (status == 0 && PyList_GET_SIZE(result->doubts) > DOUBTS_FREE + line / DOUBTS_SHARE)
        return 1;
    return status;
}

/* Read all lines; 0, 1 where the decoder should, -1 with an exception set. */
static int
read_lines(Result *result, Record *record, PyObject *data, PyObject *table, uint64_t seed)
{
    const char *at = PyBytes_AS_STRING(data), *end = at + PyBytes_GET_SIZE(data);
    Value values[FIELDS_MAX];
    int status = 0;
    for (Py_ssize_t line = 0; status == 0 && at < end; line++) {
        const char *start = at;
        if (read_record(&at, end, record, values))
            status = add_line(result, &record->layout, values, at - start, table, seed);
        else {
            status = add_doubt(result, line);
            at = (const char *)memchr(at, '\n', end - at) + 1;
        }
    }
    return status;
}

/* ilp_of_json(data, fields, table, seed, first, end): see `_native.pyi`. */
PyObject *
ilp_of_json(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 6 || !PyBytes_Check(arguments[0]) || !PyTuple_Check(arguments[1])
        || !PyBytes_Check(arguments[2])) {
        PyErr_SetString(PyExc_TypeError,
                        "ilp_of_json takes bytes, a tuple, a table as bytes and three numbers");
        return NULL;
    }
    Py_ssize_t size = PyBytes_GET_SIZE(arguments[0]);
    Record record;
    if (read_rules(&record, arguments[1]) < 0)
        return NULL;
    unsigned long long seed = PyLong_AsUnsignedLongLong(arguments[3]);
    if (PyErr_Occurred())
        return NULL;
    record.first = PyLong_AsUnsignedLongLong(arguments[4]);
    if (PyErr_Occurred())
        return NULL;
    record.end = PyLong_AsUnsignedLongLong(arguments[5]);
    if (PyErr_Occurred())
        return NULL;
    if (size && PyBytes_AS_STRING(arguments[0])[size - 1] != '\n') {
        PyErr_SetString(PyExc_ValueError, "the last line must end with a newline");
        return NULL;
    }
    Result result = {
        .lines = {PyBytes_FromStringAndSize(NULL, 2 * size + 512), 0},
        .ends = {PyBytes_FromStringAndSize(NULL, size / 16 + 64), 0},
        .content = {PyBytes_FromStringAndSize(NULL, 512), 0},
        .days = PyFrozenSet_New(NULL),
        .doubts = PyList_New(0),
        .day = UINT64_MAX,
        .row_bound = row_bound(&record.layout),
    };
    int status = -1;
    if (result.lines.data && result.ends.data && result.content.data && result.days
        && result.doubts)
        status = read_lines(&result, &record, arguments[0], arguments[2], seed);
    if (status == 0 && _PyBytes_Resize(&result.lines.data, result.lines.size) < 0)
        status = -1;
    if (status == 0 && _PyBytes_Resize(&result.ends.data, result.ends.size) < 0)
        status = -1;
    PyObject *answer = NULL;
    if (status == 0)
        answer = PyTuple_Pack(4, result.lines.data, result.ends.data, result.days, result.doubts);
    else if (status == 1)
        answer = Py_NewRef(Py_None);
    Py_XDECREF(result.lines.data);
    Py_XDECREF(result.ends.data);
    Py_XDECREF(result.content.data);
    Py_XDECREF(result.days);
    Py_XDECREF(result.doubts);
    return answer;
}
