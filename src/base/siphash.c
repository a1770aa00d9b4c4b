#include "base/siphash.h"

enum {
	ROUNDS_WORD = 1,
	ROUNDS_END = 3
};

static uint64_t rotate(uint64_t word, unsigned int bits)
{
	return word << bits | word >> (64 - bits);
}

static void rounds(uint64_t v[4], unsigned int count)
{
	while (count--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	rounds(v, ROUNDS_WORD);
	v[0] ^= word;
}

uint64_t siphash(const struct siphash_key *key, const uint64_t *words, size_t count)
{
	/* The paper's constants. */
	uint64_t v[4] = {
		key->words[0] ^ UINT64_C(0x736f6d6570736575),
		key->words[1] ^ UINT64_C(0x646f72616e646f6d),
		key->words[0] ^ UINT64_C(0x6c7967656e657261),
		key->words[1] ^ UINT64_C(0x7465646279746573),
	};
	size_t i;

	for (i = 0; i < count; i++)
		absorb(v, words[i]);
	/* What is left of a word, here never anything, below the length in bytes modulo 256. */
	absorb(v, (uint64_t)(count * sizeof(*words)) << 56);
	v[2] ^= 0xff;
	rounds(v, ROUNDS_END);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
