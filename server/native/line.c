/* Lines byte for byte as the QuestDB client's `Buffer.row` writes them (protocol version 2), which
 * the tests hold against it. */
#include "line.h"


/* Bit 7 of a byte is set where that byte of `word` is zero, and perhaps above one that is. */
static uint64_t
zero_bytes(uint64_t word)
{
    return (word - EACH_BYTE) & ~word & 0x80 * EACH_BYTE;
}

static int
must_escape(char character)
{
    return character == '"' || character == '\\' || character == '\n' || character == '\r';
}

/* Write `text` with what would end or change a quoted value escaped; return where it ends. There
 * must be room for twice its size. Eight bytes at a time where there is nothing to escape. */
static char *
put_escaped(char *to, const char *text, Py_ssize_t size)
{
    const char *end = text + size;
    while (end - text >= 8) {
        uint64_t word;
        memcpy(&word, text, sizeof word);
        if (zero_bytes(word ^ '"' * EACH_BYTE) | zero_bytes(word ^ '\\' * EACH_BYTE)
            | zero_bytes(word ^ '\n' * EACH_BYTE) | zero_bytes(word ^ '\r' * EACH_BYTE))
            break;
        memcpy(to, text, 8);
        text += 8;
        to += 8;
    }
    for (; text < end; text++) {
        if (must_escape(*text))
            *to++ = '\\';
        *to++ = *text;
    }
    return to;
}

static char *
put_float(char *to, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    *to++ = '=';
    *to++ = LINE_FLOAT_TYPE;
    for (int shift = 0; shift < 64; shift += 8) /* little-endian on every machine */
        *to++ = (char)(bits >> shift);
    return to;
}

static char *
put_stamp(char *to, uint64_t microseconds)
{
    char digits[20], *first = digits + sizeof digits;
    for (; microseconds >= 10; microseconds /= 100) { /* two at a time: a division takes longest */
        int pair = (int)(microseconds % 100);
        *--first = (char)('0' + pair % 10);
        *--first = (char)('0' + pair / 10);
    }
    if (microseconds || first == digits + sizeof digits)
        *--first = (char)('0' + microseconds);
    *to++ = ' ';
    to = copy_short(to, first, digits + sizeof digits - first);
    *to++ = 't';
    *to++ = '\n';
    return to;
}

Py_ssize_t
line_bound(const Layout *layout, const Value values[FIELDS_MAX])
{
    Py_ssize_t bound = LINE_STAMP_BYTES_MAX;
    for (int field = 0; field < layout->field_count; field++) {
        bound += layout->fields[field].name_size + LINE_FIELD_BYTES_MAX;
        if (values[field].kind == VALUE_TEXT)
            bound += 2 * values[field].size;
    }
    return bound;
}

char *
put_line(char *to, const char *table, Py_ssize_t table_size, const Layout *layout,
         const Value values[FIELDS_MAX])
{
    to = copy_short(to, table, table_size);
    char before = ' ';
    for (int index = 0; index < layout->field_count; index++) {
        const Value *value = &values[index];
        if (value->kind == VALUE_ABSENT || index == layout->ts)
            continue;
        const Field *field = &layout->fields[index];
        *to++ = before;
        before = ',';
        to = copy_short(to, field->name, field->name_size);
        *to++ = '=';
        if (value->kind == VALUE_TEXT) {
            *to++ = '"';
            to = value->is_plain ? copy_short(to, value->text, value->size)
                                 : put_escaped(to, value->text, value->size);
            *to++ = '"';
        }
        else
            to = put_float(to, value->number);
    }
    return put_stamp(to, values[layout->ts].microseconds);
}
