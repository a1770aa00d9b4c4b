/*
 * Handlers run long on an alternate stack, with and without SS_AUTODISARM. Memory of the handler
 * that changes, a byte below the alternate stack that changes, or another state of the stack
 * inside and after the handler is harm.
 */
#include "victim.h"

#include <sys/mman.h>

#define STACK  16384
#define BELOW  16384
#define FILL   0x5c
#define FRAMES 256

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static unsigned char *area; /* BELOW bytes of pattern, then the alternate stack */
static volatile sig_atomic_t runs;
static unsigned int how;

static void expect_below(const char *when)
{
	size_t i;

	for (i = 0; i < BELOW; i++)
		expect(area[i] == FILL, "%s: byte %zu below the alternate stack is %#x", when,
		       BELOW - i, area[i]);
}

/* Goes down until little of the alternate stack is left, then stays there for a while. */
static __attribute__((noinline)) unsigned int descend(unsigned int seed, uint64_t until)
{
	volatile unsigned int frame[FRAMES / 4];
	unsigned int i, sum = 0;

	for (i = 0; i < FRAMES / 4; i++)
		frame[i] = seed * 31 + i;
	if ((uintptr_t)frame - (uintptr_t)(area + BELOW) > 2048)
		sum = descend(seed + 1, until);
	else
		while (now() < until)
			;
	for (i = 0; i < FRAMES / 4; i++)
		expect(frame[i] == seed * 31 + i, "the handler's frame %u changed", seed);
	return sum + frame[1];
}

static void on_signal(int number)
{
	stack_t seen;
	int flags;

	(void)number;
	expect_value(0, sigaltstack(NULL, &seen));
	flags = how & SS_AUTODISARM ? SS_DISABLE : SS_ONSTACK;
	expect(seen.ss_flags == flags, "in the handler: stack flags %#x expected, %#x seen",
	       (unsigned int)flags, (unsigned int)seen.ss_flags);
	(void)descend((unsigned int)runs, now() + 5 * MS);
	doze(5 * MS);
	expect_value(0, sigaltstack(NULL, &seen));
	expect(seen.ss_flags == flags, "later in the handler: stack flags %#x expected, %#x seen",
	       (unsigned int)flags, (unsigned int)seen.ss_flags);
	expect_below("in the handler");
	runs++;
}

static void set_stack(unsigned int flags)
{
	stack_t stack = {.ss_sp = area + BELOW, .ss_size = STACK, .ss_flags = (int)flags};

	how = flags;
	expect_value(0, sigaltstack(&stack, NULL));
}

int main(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
	struct context context;
	unsigned int i;

	victim_start();
	area = mmap(NULL, BELOW + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	expect(area != MAP_FAILED, "mmap(): errno %d", errno);
	memset(area, FILL, BELOW + STACK);
	expect_value(0, sigaction(SIGUSR1, &action, NULL));
	victim_ready(getpid());
	for (i = 0; !victim_told(); i++) {
		int before = runs;

		set_stack(i % 2 ? SS_AUTODISARM : 0);
		context_save(&context);
		doze(MS);
		context_check(&context);
		expect_value(0, raise(SIGUSR1));
		expect(runs == before + 1, "raise(): %d handlers ran", runs - before);
		context_check(&context);
		expect_below("after the handler");
		expect_childless();
		victim_count();
	}
	victim_unharmed();
}
