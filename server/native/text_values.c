/* Values of texts: see `text_values.h`. */
#include "text_values.h"

#include <string.h>

#define MANTISSA_DIGITS_MAX 19 /* so many always fit 64 bits */
#define EXACT_MANTISSA (1ULL << 53)
#define EXACT_POWER 22 /* the largest power of ten that is a float */
#define EXACT_DIVISOR 19 /* the largest that fits 64 bits */
#define EXPONENT_MAX 1000

__extension__ typedef unsigned __int128 Wide;

static const double POWERS[EXACT_POWER + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static int
is_digit(char character)
{
    return (unsigned char)(character - '0') <= 9;
}

/* Texts */

/* Return 8 bytes of which the first that is not 0 stands where `word` has its first quote, backslash,
 * control character or byte that is no ASCII; all are 0 if it has none. */
static uint64_t
special_bytes(uint64_t word)
{
    uint64_t quotes = word ^ '"' * EACH_BYTE, backslashes = word ^ '\\' * EACH_BYTE;
    return ((quotes - EACH_BYTE) | (backslashes - EACH_BYTE) | (word - ' ' * EACH_BYTE) | word)
        & 0x80 * EACH_BYTE;
}

static int
is_special(char character)
{
    unsigned char byte = (unsigned char)character;
    return byte == '"' || byte == '\\' || byte < ' ' || byte >= 0x80;
}

/* Return where the first special character of a text stands, or its end. */
static const char *
plain_end(const char *text, const char *end)
{
    while (end - text >= 8) {
        uint64_t word;
        memcpy(&word, text, sizeof word);
        uint64_t found = special_bytes(word);
        if (found) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            return text + (__builtin_ctzll(found) >> 3);
#else
            break;
#endif
        }
        text += 8;
    }
    while (text < end && !is_special(*text))
        text++;
    return text;
}

/* Return how many bytes the character of two or more bytes at `text` has; 0 if it is none. */
static int
wide_character(const unsigned char *text)
{
    unsigned char first = text[0], second_min = 0x80, second_max = 0xbf;
    int size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    if (first == 0xe0)
        second_min = 0xa0; /* less would fit two bytes */
    else if (first == 0xed)
        second_max = 0x9f; /* more are surrogates */
    else if (first == 0xf0)
        second_min = 0x90;
    else if (first == 0xf4)
        second_max = 0x8f;
    if (text[1] < second_min || text[1] > second_max)
        return 0;
    for (int index = 2; index < size; index++)
        if ((text[index] & 0xc0) != 0x80)
            return 0;
    return size;
}

const char *
read_text(const char *start, const char *end, Value *value, Py_ssize_t *characters)
{
    const char *here = plain_end(start, end);
    Py_ssize_t surplus_bytes = 0;
    while (here < end && *here != '"') {
        int size = wide_character((const unsigned char *)here);
        if (size == 0)
            return NULL;
        here = plain_end(here + size, end);
        surplus_bytes += size - 1;
    }
    value->kind = VALUE_TEXT;
    value->text = start;
    value->size = here - start;
    value->is_plain = 1;
    *characters = value->size - surplus_bytes;
    return here;
}

/* Numbers */

/* Return `mantissa / 10**power`, rounded once, for a mantissa of over 53 bits and a power of at most
 * 19: the quotient then has at least 54 bits above 2**-64, and what the division leaves tells more
 * than a half from a half. */
static double
divided(uint64_t mantissa, int power)
{
    uint64_t divisor = 1;
    for (int index = 0; index < power; index++)
        divisor *= 10;
    uint64_t whole = mantissa / divisor;
    Wide rest = (Wide)(mantissa % divisor) << 64;
    uint64_t fraction = (uint64_t)(rest / divisor);
    int is_exact = rest == (Wide)fraction * divisor;
    Wide quotient = (Wide)whole << 64 | fraction;
    int surplus = (whole ? 128 - __builtin_clzll(whole) : 64 - __builtin_clzll(fraction)) - 53;
    uint64_t kept = (uint64_t)(quotient >> surplus);
    Wide cut = quotient - ((Wide)kept << surplus);
    Wide half = (Wide)1 << (surplus - 1);
    if (cut > half || (cut == half && (!is_exact || (kept & 1))))
        kept++;
    double scale; /* 2**(surplus - 64) */
    uint64_t scale_bits = (uint64_t)(1023 + surplus - 64) << 52;
    memcpy(&scale, &scale_bits, sizeof scale);
    return (double)kept * scale;
}

/* Return the float of any number; 0 for those that are none, and for which it is zero. */
static double
converted(const char *start, const char *end)
{
    char text[64];
    if (end - start >= (Py_ssize_t)sizeof text)
        return 0.0;
    memcpy(text, start, end - start);
    text[end - start] = '\0';
    double number = PyOS_string_to_double(text, NULL, NULL);
    if (PyErr_Occurred())
        PyErr_Clear();
    else if (number - number == 0.0) /* finite */
        return number;
    return 0.0;
}

/* Read `e` or `E` and an exponent, if they stand there. */
static int
read_exponent(const char **at, int *exponent)
{
    const char *here = *at;
    if ((*here | 0x20) != 'e')
        return 1;
    int is_negative = *++here == '-', value = 0;
    if (*here == '-' || *here == '+')
        here++;
    if (!is_digit(*here))
        return 0;
    for (; is_digit(*here); here++)
        if ((value = value * 10 + (*here - '0')) > EXPONENT_MAX)
            return 0;
    *exponent += is_negative ? -value : value;
    *at = here;
    return 1;
}

/* Add the digits at `*at` to a mantissa and move behind them; `count` is that of all digits from the
 * first that is not zero. */
static uint64_t
read_digits(const char **at, uint64_t mantissa, Py_ssize_t *count)
{
    const char *here = *at;
    for (; is_digit(*here); here++) {
        mantissa = mantissa * 10 + (uint64_t)(*here - '0');
        *count += *count || *here != '0'; /* of 2**64 the mantissa is zero */
    }
    *at = here;
    return mantissa;
}

int
read_number(const char **at, Value *value)
{
    const char *start = *at, *here = start + (*start == '-');
    const char *first = here;
    Py_ssize_t digits = 0;
    int exponent = 0;
    if (!is_digit(*here) || (*here == '0' && is_digit(here[1])))
        return 0;
    uint64_t mantissa = read_digits(&here, 0, &digits);
    if (*here == '.') {
        const char *point = here++;
        if (!is_digit(*here))
            return 0;
        mantissa = read_digits(&here, mantissa, &digits);
        if (here - point > EXPONENT_MAX)
            return 0;
        exponent = -(int)(here - point - 1);
    }
    if (!read_exponent(&here, &exponent))
        return 0;
    int is_short = digits <= MANTISSA_DIGITS_MAX;
    double number;
    if (is_short && mantissa == 0) {
        if (*start == '-')
            return 0;
        number = 0.0;
    }
    else if (is_short && mantissa <= EXACT_MANTISSA && exponent >= -EXACT_POWER
             && exponent <= EXACT_POWER)
        number = exponent < 0 ? (double)mantissa / POWERS[-exponent]
                              : (double)mantissa * POWERS[exponent];
    else if (is_short && mantissa > EXACT_MANTISSA && exponent <= 0 && exponent >= -EXACT_DIVISOR)
        number = divided(mantissa, -exponent);
    else {
        number = converted(first, here);
        if (number == 0.0)
            return 0;
    }
    value->kind = VALUE_NUMBER;
    value->number = *start == '-' ? -number : number;
    *at = here;
    return 1;
}

/* Times */

/* Read two digits; -1 if they are none. The second is not looked at behind what is no digit. */
static int
two_digits(const char *at)
{
    return is_digit(at[0]) && is_digit(at[1]) ? (at[0] - '0') * 10 + (at[1] - '0') : -1;
}

static int
is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Read `2024-02-29`; days from 1970-01-01 on, -1 if it is no such date. */
static int64_t
read_date(const char *at)
{
    static const signed char lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int century = two_digits(at), years = century < 0 ? -1 : two_digits(at + 2);
    if (years < 0 || at[4] != '-')
        return -1;
    int year = century * 100 + years, month = two_digits(at + 5);
    if (year < 1970 || month < 1 || month > 12 || at[7] != '-')
        return -1;
    int day = two_digits(at + 8);
    int last = lengths[month - 1] + (month == 2 && is_leap(year));
    return day < 1 || day > last ? -1 : days_to(year, month, day);
}

/* Read `T23:59:59`; seconds, -1 if it is no such time. */
static int
read_clock(const char *at)
{
    if (at[0] != 'T')
        return -1;
    int hour = two_digits(at + 1);
    if (hour < 0 || hour > 23 || at[3] != ':')
        return -1;
    int minute = two_digits(at + 4);
    if (minute < 0 || minute > 59 || at[6] != ':')
        return -1;
    int second = two_digits(at + 7);
    return second < 0 || second > 59 ? -1 : (hour * 60 + minute) * 60 + second;
}

/* Read `Z` or `+01:00` and move behind it; whether it is one of these. */
static int
read_offset(const char **at, int *minutes)
{
    const char *here = *at;
    *minutes = 0;
    if (*here == 'Z') {
        *at = here + 1;
        return 1;
    }
    if (*here != '+' && *here != '-')
        return 0;
    int hour = two_digits(here + 1);
    if (hour < 0 || hour > 23 || here[3] != ':')
        return 0;
    int minute = two_digits(here + 4);
    if (minute < 0 || minute > 59)
        return 0;
    *minutes = (hour * 60 + minute) * (*here == '-' ? -1 : 1);
    *at = here + 6;
    return 1;
}

int
read_time(const char **at, Value *value)
{
    const char *here = *at;
    int64_t days = read_date(here);
    int seconds = days < 0 ? -1 : read_clock(here + 10), offset, microseconds = 0;
    if (seconds < 0)
        return 0;
    here += 19;
    if (*here == '.') {
        int digits = 0;
        for (here++; is_digit(*here) && digits < 6; here++, digits++)
            microseconds = microseconds * 10 + (*here - '0');
        if (digits == 0)
            return 0;
        for (; digits < 6; digits++)
            microseconds *= 10;
    }
    if (!read_offset(&here, &offset))
        return 0;
    int64_t instant = ((days * 1440 - offset) * 60 + seconds) * 1000000 + microseconds;
    if (instant < 0 || instant >= MICROSECONDS_END)
        return 0;
    value->kind = VALUE_INSTANT;
    value->microseconds = (uint64_t)instant;
    *at = here;
    return 1;
}
