/*
 * Four threads keep data in the 128 bytes below the stack pointer, as leaf functions may, without
 * system calls. Any other value there is harm.
 */
#include "victim.h"

#define THREADS 4
#define ROUNDS	2000000

/*
 * Fills the red zone with @pattern and adds up how often a word of it was different, for ROUNDS
 * rounds. Leaves the memory as compilers use it: only by addresses relative to the stack pointer.
 */
static __attribute__((noinline)) uint64_t rounds(uint64_t pattern, uint64_t count)
{
	uint64_t wrong = 0, value;

	__asm__ volatile(".irp at,8,16,24,32,40,48,56,64,72,80,88,96,104,112,120,128\n\t"
			 "mov %[pattern], -\\at(%%rsp)\n\t"
			 ".endr\n"
			 "1:\n\t"
			 ".irp at,8,16,24,32,40,48,56,64,72,80,88,96,104,112,120,128\n\t"
			 "mov -\\at(%%rsp), %[value]\n\t"
			 "xor %[pattern], %[value]\n\t"
			 "or %[value], %[wrong]\n\t"
			 ".endr\n\t"
			 "dec %[count]\n\t"
			 "jnz 1b\n"
			 : [wrong] "+r"(wrong), [count] "+r"(count), [value] "=&r"(value)
			 : [pattern] "r"(pattern)
			 : "cc", "memory");
	return wrong;
}

/* The compiler may keep its own data in the red zone of rounds(): move away from it first. */
static __attribute__((noinline)) uint64_t rounds_below(uint64_t pattern, uint64_t count)
{
	uint64_t wrong;

	__asm__ volatile("" ::: "memory");
	wrong = rounds(pattern, count);
	__asm__ volatile("" ::: "memory");
	return wrong;
}

static void one_round(uint64_t *state)
{
	uint64_t pattern = random_next(state), wrong = rounds_below(pattern, ROUNDS / 4);

	expect(!wrong, "pattern %#lx in the red zone, bits %#lx changed", (long)pattern,
	       (long)wrong);
	victim_count();
}

static void *run(void *data)
{
	uint64_t state = (uint64_t)(uintptr_t)data;

	while (!victim_stopping())
		one_round(&state);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS - 1];
	struct context context;
	uint64_t state = 99;
	uintptr_t i;

	victim_start();
	for (i = 0; i < THREADS - 1; i++)
		threads[i] = thread_start(run, (void *)(i + 1));
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		one_round(&state);
		context_check(&context);
	}
	for (i = 0; i < THREADS - 1; i++)
		thread_join(threads[i]);
	victim_unharmed();
}
