/* The canonical MessagePack content of a row, its XXH3-128 hash, and the text of the UUIDv8 made of
 * that. */
#include "content.h"
#include "xxh3.h"

#include <string.h>

#define CLIENT_SEED 0 /* no stream has this number */

static const char HEXADECIMAL[] = "0123456789abcdef";

/* QuestDB stores this UUID as NULL, so it is hashed like any other text. */
static const char NULL_UUID[] = "80000000-0000-0000-8000-000000000000";

static char *
put_big_endian(char *to, uint64_t value, int bytes)
{
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        *to++ = (char)(value >> shift);
    return to;
}

static char *
put_text(char *to, const char *text, Py_ssize_t size)
{
    if (size <= NAME_BYTES_MAX)
        *to++ = (char)(0xa0 | size);
    else if (size <= UINT8_MAX)
        to = put_big_endian(to, 0xd900 | size, 2);
    else if (size <= UINT16_MAX)
        to = put_big_endian(to, 0xda0000 | size, 3);
    else
        to = put_big_endian(to, 0xdb00000000 | size, 5);
    return copy_short(to, text, size);
}

static char *
put_number(char *to, double value)
{
    uint64_t bits;
    value += 0.0; /* minus zero becomes zero */
    memcpy(&bits, &value, sizeof bits);
    *to++ = (char)0xcb;
    return put_big_endian(to, bits, 8);
}

/* A MessagePack timestamp: of 32 bits where there is no fraction, else of 64. The years up to 2100
 * need no more. */
static char *
put_instant(char *to, uint64_t microseconds)
{
    uint64_t seconds = microseconds / 1000000, nanoseconds = microseconds % 1000000 * 1000;
    if (nanoseconds == 0 && seconds <= UINT32_MAX)
        return put_big_endian(put_big_endian(to, 0xd6ff, 2), seconds, 4);
    return put_big_endian(put_big_endian(to, 0xd7ff, 2), nanoseconds << 34 | seconds, 8);
}

Py_ssize_t
content_bound(const Layout *layout, const Value values[FIELDS_MAX])
{
    Py_ssize_t bound = CONTENT_HEAD_BYTES;
    for (int field = 0; field < layout->field_count; field++) {
        bound += layout->fields[field].name_size + CONTENT_FIELD_BYTES_MAX;
        if (values[field].kind == VALUE_TEXT)
            bound += values[field].size;
    }
    return bound;
}

char *
put_content(char *to, const Layout *layout, const Value values[FIELDS_MAX])
{
    char *head = to++;
    int count = 0;
    for (int field = 0; field < layout->field_count; field++) {
        const Value *value = &values[field];
        if (field == layout->event_id || value->kind == VALUE_ABSENT)
            continue;
        count++;
        to = put_text(to, layout->fields[field].name, layout->fields[field].name_size);
        if (value->kind == VALUE_TEXT)
            to = put_text(to, value->text, value->size);
        else if (value->kind == VALUE_NUMBER)
            to = put_number(to, value->number);
        else
            to = put_instant(to, value->microseconds);
    }
    *head = (char)(0x80 | count);
    return to;
}

void
put_hashed_id(char *to, const char *data, Py_ssize_t size, uint64_t seed)
{
    char bytes[16];
    Hash128 hash = xxh3_128((const unsigned char *)data, (size_t)size, seed);
    put_big_endian(put_big_endian(bytes, hash.high, 8), hash.low, 8);
    for (int index = 0; index < 16; index++) {
        unsigned char byte = (unsigned char)bytes[index];
        if (index == 6)
            byte = 0x80 | (byte & 0x0f); /* the version */
        else if (index == 8)
            byte = 0x80 | (byte & 0x3f); /* the variant */
        if (index == 4 || index == 6 || index == 8 || index == 10)
            *to++ = '-';
        *to++ = HEXADECIMAL[byte >> 4];
        *to++ = HEXADECIMAL[byte & 0x0f];
    }
}

/* Write hexadecimal digits in lower case; return whether all are digits. No branch depends on them. */
static int
put_digits(char *to, const char *text, int size)
{
    int all = 1;
    for (int index = 0; index < size; index++) {
        unsigned char byte = (unsigned char)text[index], lower = byte | 0x20;
        int is_letter = (unsigned char)(lower - 'a') < 6;
        all &= is_letter | ((unsigned char)(byte - '0') < 10);
        to[index] = (char)(is_letter ? lower : byte);
    }
    return all;
}

void
put_client_id(char *to, const char *text, Py_ssize_t size)
{
    static const struct { int start, size; } groups[] = {{0, 8}, {9, 4}, {14, 4}, {19, 4}, {24, 12}};
    int is_uuid = size == UUID_CHARACTERS && memcmp(text, NULL_UUID, UUID_CHARACTERS) != 0;
    if (is_uuid) {
        for (int group = 0; group < 5; group++)
            is_uuid &= put_digits(to + groups[group].start, text + groups[group].start,
                                  groups[group].size);
        for (int group = 1; group < 5; group++) {
            is_uuid &= text[groups[group].start - 1] == '-';
            to[groups[group].start - 1] = '-';
        }
    }
    if (!is_uuid)
        put_hashed_id(to, text, size, CLIENT_SEED);
}

void
set_event_id(Value values[FIELDS_MAX], const Layout *layout, char id[UUID_CHARACTERS], char *content,
             uint64_t seed)
{
    Value *event_id = &values[layout->event_id];
    if (event_id->kind == VALUE_TEXT)
        put_client_id(id, event_id->text, event_id->size);
    else
        put_hashed_id(id, content, put_content(content, layout, values) - content, seed);
    *event_id = (Value){.kind = VALUE_TEXT, {{id, UUID_CHARACTERS, .is_plain = 1}}};
}
