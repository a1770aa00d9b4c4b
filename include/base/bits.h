/*
 * Counting bits. The processor's instruction for it is not on every one of its kind, so the
 * compiler would call a function.
 */
#ifndef REFTRACKER_BASE_BITS_H
#define REFTRACKER_BASE_BITS_H

#include <stddef.h>
#include <stdint.h>

/** How many bits of @word are set: first of each two bits, then of each four, and so on. */
static inline uint32_t bits_count(uint64_t word)
{
	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

/** Those below bit @end, which is one of the word. */
static inline uint32_t bits_count_below(uint64_t word, size_t end)
{
	return bits_count(word & ((UINT64_C(1) << end) - 1));
}

#endif
