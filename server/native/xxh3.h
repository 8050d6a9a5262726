/* XXH3-128 with a seed. */
#ifndef UTILITY_TS_ANALYTICS_XXH3_H
#define UTILITY_TS_ANALYTICS_XXH3_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t low;
    uint64_t high;
} Hash128;

/* Hash `size` bytes, any number. */
Hash128 xxh3_128(const unsigned char *input, size_t size, uint64_t seed);

#endif
