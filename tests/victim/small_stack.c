/*
 * Threads with the smallest stacks, blocked in system calls with little room left, and coroutines
 * (swapcontext) on small ones. The memory right below each stack is filled with a pattern that must
 * never change, nor may what lies on the stacks. Only while the main thread rests between two
 * rounds is there a stack with room for a call.
 */
#include "victim.h"

#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define BELOW	   8192
#define THREADS	   3
#define COROUTINES 4
#define FILL	   0x3b
#define ROOM	   1024 /* what is left of a stack while its thread is blocked */

struct stack {
	unsigned char *memory; /* BELOW bytes of pattern, then the stack */
	size_t size;
};

struct coroutine {
	struct stack stack;
	ucontext_t context;
	uint64_t state;
	unsigned long turns;
};

static struct coroutine coroutines[COROUTINES];
static ucontext_t scheduler;
static struct coroutine *current;
static bool over;

static void stack_alloc(struct stack *stack, size_t size)
{
	stack->size = size;
	stack->memory = mmap(NULL, BELOW + size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(stack->memory != MAP_FAILED, "mmap(): errno %d", errno);
	memset(stack->memory, FILL, BELOW);
}

static void stack_check(const struct stack *stack, const char *whose)
{
	size_t i;

	for (i = 0; i < BELOW; i++)
		expect(stack->memory[i] == FILL, "%s: byte %zu below the stack is %#x", whose,
		       BELOW - i, stack->memory[i]);
}

/* No function of the C library: nothing but the frame itself lies on the stack. */
static __attribute__((noinline)) void block_bare(uint64_t wanted, const char *whose)
{
	struct timespec time = timespec_of(wanted);
	uint64_t start = now();
	long result = SYS_nanosleep;

	__asm__ volatile("syscall" : "+a"(result) : "D"(&time), "S"(NULL) : "rcx", "r11", "memory");
	expect(!result, "%s: nanosleep: %ld", whose, result);
	expect_elapsed(whose, start, wanted, 0);
}

/* Goes down to where ROOM bytes are left. */
static __attribute__((noinline)) unsigned int descend(const struct stack *stack, unsigned int seed,
						      uint64_t wanted, const char *whose)
{
	volatile unsigned int frame[32];
	unsigned int i, sum = 0;

	for (i = 0; i < 32; i++)
		frame[i] = seed ^ i * 77;
	if ((uintptr_t)frame - (uintptr_t)(stack->memory + BELOW) > ROOM)
		sum = descend(stack, seed + 1, wanted, whose);
	else
		block_bare(wanted, whose);
	for (i = 0; i < 32; i++)
		expect(frame[i] == (seed ^ i * 77), "%s: a frame of the stack changed", whose);
	return sum + frame[3];
}

static void *run_thread(void *data)
{
	const struct stack *stack = data;

	while (!victim_stopping()) {
		(void)descend(stack, 1, 12 * MS, "thread");
		victim_count();
	}
	return NULL;
}

static void run_coroutine(void)
{
	struct coroutine *self = current;
	uint64_t local = self->state;

	while (!over) {
		(void)descend(&self->stack, (unsigned int)local, 2 * MS, "coroutine");
		(void)random_next(&local);
		(void)random_next(&self->state);
		self->turns++;
		victim_count();
		expect_value(0, swapcontext(&self->context, &scheduler));
		expect(current == self, "another coroutine's stack");
		expect(local == self->state, "coroutine: %#lx expected, %#lx seen",
		       (long)self->state, (long)local);
	}
}

static void coroutine_make(struct coroutine *coroutine, size_t size, uint64_t seed)
{
	stack_alloc(&coroutine->stack, size);
	coroutine->state = seed;
	expect_value(0, getcontext(&coroutine->context));
	coroutine->context.uc_stack.ss_sp = coroutine->stack.memory + BELOW;
	coroutine->context.uc_stack.ss_size = size;
	coroutine->context.uc_link = &scheduler;
	makecontext(&coroutine->context, run_coroutine, 0);
}

static void run_all(void)
{
	int i;

	for (i = 0; i < COROUTINES; i++) {
		unsigned long before = coroutines[i].turns;

		current = &coroutines[i];
		expect_value(0, swapcontext(&scheduler, &coroutines[i].context));
		expect(coroutines[i].turns == before + !over, "coroutine %d: %lu turns", i,
		       coroutines[i].turns - before);
		stack_check(&coroutines[i].stack, "coroutine");
	}
}

static pthread_t thread_start_on(struct stack *stack)
{
	pthread_attr_t attr;
	pthread_t thread;

	stack_alloc(stack, (size_t)PTHREAD_STACK_MIN);
	expect_value(0, pthread_attr_init(&attr));
	expect_value(0, pthread_attr_setstack(&attr, stack->memory + BELOW, stack->size));
	expect_value(0, pthread_create(&thread, &attr, run_thread, stack));
	return thread;
}

int main(void)
{
	pthread_t threads[THREADS];
	struct stack stacks[THREADS];
	struct context context;
	int i;

	victim_start();
	(void)now(); /* the dynamic linker's first look for a function takes more stack than there
			is */
	for (i = 0; i < THREADS; i++)
		threads[i] = thread_start_on(&stacks[i]);
	for (i = 0; i < COROUTINES; i++)
		coroutine_make(&coroutines[i], i % 2 ? 8192 : 16384, (uint64_t)i + 9);
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		run_all();
		for (i = 0; i < THREADS; i++)
			stack_check(&stacks[i], "thread");
		context_check(&context);
		doze(MS);
	}
	over = true;
	run_all();
	for (i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	victim_unharmed();
}
