/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"): a hash of which nobody
 * who has not the key can compute one value, however many others he has seen.
 *
 * Of words only: begin, add each as its 8 bytes in the order of little-endian machines, end. All
 * is inline, so that what hashes a fixed number of words has it without a loop.
 */
#ifndef REFTRACKER_BASE_SIPHASH_H
#define REFTRACKER_BASE_SIPHASH_H

#include "base/compiler.h"

enum {
	SIPHASH_KEY_WORDS = 2
};

/** 128 bits that are not to be guessed. */
struct siphash_key {
	uint64_t words[SIPHASH_KEY_WORDS];
};

/** A hash that has begun. A copy of it goes on from there. */
struct siphash {
	uint64_t a, b, c, d;
};

static inline struct siphash siphash_begin(const struct siphash_key *key)
{
	/* The paper's constants. */
	return (struct siphash){
		.a = key->words[0] ^ UINT64_C(0x736f6d6570736575),
		.b = key->words[1] ^ UINT64_C(0x646f72616e646f6d),
		.c = key->words[0] ^ UINT64_C(0x6c7967656e657261),
		.d = key->words[1] ^ UINT64_C(0x7465646279746573),
	};
}

/* Private to the functions below. */
static inline uint64_t siphash_rotate(uint64_t word, unsigned int bits)
{
	return word << bits | word >> (64 - bits);
}

/* Likewise. */
static inline void siphash_round(struct siphash *hash)
{
	hash->a += hash->b;
	hash->c += hash->d;
	hash->b = siphash_rotate(hash->b, 13) ^ hash->a;
	hash->d = siphash_rotate(hash->d, 16) ^ hash->c;
	hash->a = siphash_rotate(hash->a, 32);
	hash->c += hash->b;
	hash->a += hash->d;
	hash->b = siphash_rotate(hash->b, 17) ^ hash->c;
	hash->d = siphash_rotate(hash->d, 21) ^ hash->a;
	hash->c = siphash_rotate(hash->c, 32);
}

static inline void siphash_add(struct siphash *hash, uint64_t word)
{
	hash->d ^= word;
	siphash_round(hash);
	hash->a ^= word;
}

/** The hash of the @count words that were added. */
static inline uint64_t siphash_end(struct siphash hash, size_t count)
{
	/* What is left of a word, here never anything, below the length in bytes modulo 256. */
	siphash_add(&hash, (uint64_t)(count * sizeof(uint64_t)) << 56);
	hash.c ^= 0xff;
	siphash_round(&hash);
	siphash_round(&hash);
	siphash_round(&hash);
	return hash.a ^ hash.b ^ hash.c ^ hash.d;
}

#endif
