/* XXH3-128 from the XXH3 specification (xxHash, doc/xxhash_spec.md), whose sections are by the size
 * of the input. The tests hold every size up to several blocks against the xxhash package. */
#include "xxh3.h"

#include <string.h>

#define PRIME32_1 0x9E3779B1U
#define PRIME32_2 0x85EBCA77U
#define PRIME32_3 0xC2B2AE3DU
#define PRIME64_1 0x9E3779B185EBCA87ULL
#define PRIME64_2 0xC2B2AE3D27D4EB4FULL
#define PRIME64_3 0x165667B19E3779F9ULL
#define PRIME64_4 0x85EBCA77C2B2AE63ULL
#define PRIME64_5 0x27D4EB2F165667C5ULL
#define PRIME_MX1 0x165667919E3779F9ULL
#define PRIME_MX2 0x9FB21C651E98DF25ULL

#define SECRET_BYTES 192
#define STRIPE_BYTES 64
#define STRIPES_PER_BLOCK ((SECRET_BYTES - STRIPE_BYTES) / 8)
#define BLOCK_BYTES (STRIPE_BYTES * STRIPES_PER_BLOCK)

static const unsigned char SECRET[SECRET_BYTES] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

static uint64_t
read64(const unsigned char *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static uint32_t
read32(const unsigned char *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static void
write64(unsigned char *to, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(to, &value, sizeof value);
}

static Hash128
multiply(uint64_t left, uint64_t right)
{
    __extension__ unsigned __int128 product = (unsigned __int128)left * right;
    return (Hash128){(uint64_t)product, (uint64_t)(product >> 64)};
}

static uint64_t
fold(uint64_t left, uint64_t right)
{
    Hash128 product = multiply(left, right);
    return product.low ^ product.high;
}

static uint64_t
mix16(const unsigned char *input, const unsigned char *secret, uint64_t seed)
{
    return fold(read64(input) ^ (read64(secret) + seed), read64(input + 8) ^ (read64(secret + 8) - seed));
}

static void
mix32(Hash128 *state, const unsigned char *first, const unsigned char *second,
      const unsigned char *secret, uint64_t seed)
{
    state->low += mix16(first, secret, seed);
    state->low ^= read64(second) + read64(second + 8);
    state->high += mix16(second, secret + 16, seed);
    state->high ^= read64(first) + read64(first + 8);
}

static uint64_t
avalanche(uint64_t hash)
{
    hash = (hash ^ hash >> 37) * PRIME_MX1;
    return hash ^ hash >> 32;
}

static uint64_t
avalanche64(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * PRIME64_2;
    hash = (hash ^ hash >> 29) * PRIME64_3;
    return hash ^ hash >> 32;
}

static Hash128
hash_to_3(const unsigned char *input, size_t size, uint64_t seed)
{
    if (size == 0)
        return (Hash128){avalanche64(seed ^ read64(SECRET + 64) ^ read64(SECRET + 72)),
                         avalanche64(seed ^ read64(SECRET + 80) ^ read64(SECRET + 88))};
    uint32_t low = (uint32_t)input[0] << 16 | (uint32_t)input[size / 2] << 24 | input[size - 1]
        | (uint32_t)size << 8;
    uint32_t swapped = __builtin_bswap32(low);
    uint32_t high = swapped << 13 | swapped >> 19;
    uint64_t low_key = (uint64_t)(read32(SECRET) ^ read32(SECRET + 4)) + seed;
    uint64_t high_key = (uint64_t)(read32(SECRET + 8) ^ read32(SECRET + 12)) - seed;
    return (Hash128){avalanche64(low ^ low_key), avalanche64(high ^ high_key)};
}

static Hash128
hash_to_8(const unsigned char *input, size_t size, uint64_t seed)
{
    seed ^= (uint64_t)__builtin_bswap32((uint32_t)seed) << 32;
    uint64_t both = read32(input) + ((uint64_t)read32(input + size - 4) << 32);
    uint64_t key = (read64(SECRET + 16) ^ read64(SECRET + 24)) + seed;
    Hash128 state = multiply(both ^ key, PRIME64_1 + (size << 2));
    state.high += state.low << 1;
    state.low ^= state.high >> 3;
    state.low = (state.low ^ state.low >> 35) * PRIME_MX2;
    return (Hash128){state.low ^ state.low >> 28, avalanche(state.high)};
}

static Hash128
hash_to_16(const unsigned char *input, size_t size, uint64_t seed)
{
    uint64_t first = read64(input), last = read64(input + size - 8);
    uint64_t low_key = (read64(SECRET + 32) ^ read64(SECRET + 40)) - seed;
    uint64_t high_key = (read64(SECRET + 48) ^ read64(SECRET + 56)) + seed;
    Hash128 state = multiply(first ^ last ^ low_key, PRIME64_1);
    state.low += (uint64_t)(size - 1) << 54;
    last ^= high_key;
    state.high += last + (last & UINT32_MAX) * (PRIME32_2 - 1);
    state.low ^= __builtin_bswap64(state.high);
    Hash128 result = multiply(state.low, PRIME64_2);
    result.high += state.high * PRIME64_2;
    return (Hash128){avalanche(result.low), avalanche(result.high)};
}

static Hash128
hash_to_240(const unsigned char *input, size_t size, uint64_t seed)
{
    Hash128 state = {size * PRIME64_1, 0};
    if (size <= 128) {
        for (size_t pair = (size - 1) / 32; pair > 0; pair--)
            mix32(&state, input + 16 * pair, input + size - 16 * (pair + 1), SECRET + 32 * pair, seed);
        mix32(&state, input, input + size - 16, SECRET, seed);
    }
    else {
        for (size_t end = 32; end < 160; end += 32)
            mix32(&state, input + end - 32, input + end - 16, SECRET + end - 32, seed);
        state.low = avalanche(state.low);
        state.high = avalanche(state.high);
        for (size_t end = 160; end <= size; end += 32)
            mix32(&state, input + end - 32, input + end - 16, SECRET + end - 157, seed);
        mix32(&state, input + size - 16, input + size - 32, SECRET + 103, 0 - seed);
    }
    uint64_t high = state.low * PRIME64_1 + state.high * PRIME64_4 + (size - seed) * PRIME64_2;
    return (Hash128){avalanche(state.low + state.high), 0 - avalanche(high)};
}

static void
add_stripes(uint64_t sums[8], const unsigned char *input, const unsigned char *secret, size_t count)
{
    for (; count > 0; count--, input += STRIPE_BYTES, secret += 8)
        for (int lane = 0; lane < 8; lane++) {
            uint64_t value = read64(input + 8 * lane), key = value ^ read64(secret + 8 * lane);
            sums[lane ^ 1] += value;
            sums[lane] += (key & UINT32_MAX) * (key >> 32);
        }
}

static uint64_t
merged(const uint64_t sums[8], const unsigned char *secret, uint64_t start)
{
    for (int pair = 0; pair < 4; pair++)
        start += fold(sums[2 * pair] ^ read64(secret + 16 * pair),
                      sums[2 * pair + 1] ^ read64(secret + 16 * pair + 8));
    return avalanche(start);
}

static Hash128
hash_long(const unsigned char *input, size_t size, uint64_t seed)
{
    unsigned char secret[SECRET_BYTES];
    for (int at = 0; at < SECRET_BYTES; at += 16) {
        write64(secret + at, read64(SECRET + at) + seed);
        write64(secret + at + 8, read64(SECRET + at + 8) - seed);
    }
    uint64_t sums[8] = {PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3,
                        PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1};
    const unsigned char *last = input + size - STRIPE_BYTES;
    size_t left = size - 1;
    for (; left >= BLOCK_BYTES; left -= BLOCK_BYTES, input += BLOCK_BYTES) {
        add_stripes(sums, input, secret, STRIPES_PER_BLOCK);
        for (int lane = 0; lane < 8; lane++) {
            uint64_t key = read64(secret + SECRET_BYTES - STRIPE_BYTES + 8 * lane);
            sums[lane] = (sums[lane] ^ sums[lane] >> 47 ^ key) * PRIME32_1;
        }
    }
    add_stripes(sums, input, secret, left / STRIPE_BYTES);
    add_stripes(sums, last, secret + SECRET_BYTES - STRIPE_BYTES - 7, 1);
    return (Hash128){merged(sums, secret + 11, size * PRIME64_1),
                     merged(sums, secret + SECRET_BYTES - STRIPE_BYTES - 11, ~(size * PRIME64_2))};
}

Hash128
xxh3_128(const unsigned char *input, size_t size, uint64_t seed)
{
    if (size <= 3)
        return hash_to_3(input, size, seed);
    if (size <= 8)
        return hash_to_8(input, size, seed);
    if (size <= 16)
        return hash_to_16(input, size, seed);
    if (size <= 240)
        return hash_to_240(input, size, seed);
    return hash_long(input, size, seed);
}
