/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"): a hash of which nobody
 * who has not the key can compute one value, however many others he has seen.
 */
#ifndef REFTRACKER_BASE_SIPHASH_H
#define REFTRACKER_BASE_SIPHASH_H

#include "base/compiler.h"

#include <stddef.h>

enum {
	SIPHASH_KEY_WORDS = 2
};

/** 128 bits that are not to be guessed. */
struct siphash_key {
	uint64_t words[SIPHASH_KEY_WORDS];
};

/** The hash of @count words, each as its 8 bytes in the order of little-endian machines. */
uint64_t siphash(const struct siphash_key *key, const uint64_t *words, size_t count);

#endif
