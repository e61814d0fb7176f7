/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random numbers that a seed repeats, with a state for each thread (splitmix64).
 */
#ifndef LAB_STRESS_RANDOM_H
#define LAB_STRESS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/random.h>

#define RANDOM_STEP	0x9e3779b97f4a7c15ULL

static __thread uint64_t random_state;

/* NUMBER is this thread's among the threads with this seed. */
static inline void seed_thread(uint64_t seed, uint64_t number)
{
	random_state = seed ^ (number + 1) * RANDOM_STEP;
}

/* A random number below N. */
static inline uint32_t rnd(uint32_t n)
{
	uint64_t x = random_state += RANDOM_STEP;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	x ^= x >> 31;
	return (x >> 32) * n >> 32;
}

static inline bool one_in(uint32_t n)
{
	return !rnd(n);
}

/* SEED, or a random one if it is 0; 0 with errno if getrandom() fails. */
static inline uint64_t seed_or_new(uint64_t seed)
{
	while (!seed)
		if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
			return 0;
	return seed;
}

#endif /* LAB_STRESS_RANDOM_H */
