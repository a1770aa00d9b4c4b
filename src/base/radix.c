/*
 * Least significant digit first, 11 bits at a time. Digits in which no two keys differ are
 * skipped, and so are the lowest bits if they are all the same: addresses are aligned.
 */
#include "base/radix.h"

#include <string.h>

enum {
	DIGIT_BITS = 11,
	BUCKETS = 1 << DIGIT_BITS
};

static size_t digit(uint64_t key, unsigned int shift)
{
	return (size_t)(key >> shift) & (BUCKETS - 1);
}

static void pass(const struct radix_row *from, struct radix_row *to, size_t count,
		 unsigned int shift)
{
	size_t start[BUCKETS] = {0};
	size_t sum = 0, i;

	for (i = 0; i < count; i++)
		start[digit(from[i].key, shift)]++;
	for (i = 0; i < BUCKETS; i++) {
		size_t n = start[i];

		start[i] = sum;
		sum += n;
	}
	for (i = 0; i < count; i++)
		to[start[digit(from[i].key, shift)]++] = from[i];
}

void radix_sort(struct radix_row *rows, size_t count, struct radix_row *scratch)
{
	struct radix_row *from = rows, *to = scratch;
	uint64_t differing = 0;
	unsigned int shift;
	size_t i;

	for (i = 1; i < count; i++)
		differing |= rows[i].key ^ rows[0].key;
	if (!differing)
		return;
	for (shift = (unsigned int)__builtin_ctzll(differing); shift < 64; shift += DIGIT_BITS) {
		struct radix_row *other = from;

		if (!digit(differing, shift))
			continue;
		pass(from, to, count, shift);
		from = to;
		to = other;
	}
	if (from != rows)
		memcpy(rows, from, count * sizeof(*rows));
}
