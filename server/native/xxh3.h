/* XXH3-128 with a seed, of 17 to 240 bytes: the sizes that event ids need. */
#ifndef UTILITY_TS_ANALYTICS_XXH3_H
#define UTILITY_TS_ANALYTICS_XXH3_H

#include <stddef.h>
#include <stdint.h>

#define XXH3_SIZE_MIN 17
#define XXH3_SIZE_MAX 240

typedef struct {
    uint64_t low;
    uint64_t high;
} Hash128;

Hash128 xxh3_128(const unsigned char *input, size_t size, uint64_t seed);

#endif
