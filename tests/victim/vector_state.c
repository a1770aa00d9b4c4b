/*
 * Fills every register with patterns, keeps them for a while and compares: the general ones, the
 * flags (the direction flag set), all vector and mask registers that the CPU has, the x87 stack
 * and both control words. One thread computes meanwhile, another is blocked in a system call. Any
 * bit that differs is harm.
 */
#include "victim.h"

#include <stddef.h>
#include <sys/syscall.h>

/* The order of the general registers is that of their numbers; rsp is left out. */
struct registers {
	uint64_t general[16];
	uint64_t flags;
	uint32_t mxcsr;
	uint16_t control, status;
	uint8_t x87[8][16];
	uint64_t mask[8];
	uint8_t vector[32][64];
};

_Static_assert(offsetof(struct registers, flags) == 128, "known to the assembler");
_Static_assert(offsetof(struct registers, mxcsr) == 136, "known to the assembler");
_Static_assert(offsetof(struct registers, control) == 140, "known to the assembler");
_Static_assert(offsetof(struct registers, status) == 142, "known to the assembler");
_Static_assert(offsetof(struct registers, x87) == 144, "known to the assembler");
_Static_assert(offsetof(struct registers, mask) == 272, "known to the assembler");
_Static_assert(offsetof(struct registers, vector) == 336, "known to the assembler");

/* Loads @in, then counts rcx down to 0, or makes the system call in rax; stores to @out. */
typedef void keep_fn(const struct registers *in, struct registers *out);

void keep_sse_compute(const struct registers *in, struct registers *out);
void keep_sse_blocked(const struct registers *in, struct registers *out);
void keep_avx_compute(const struct registers *in, struct registers *out);
void keep_avx_blocked(const struct registers *in, struct registers *out);
void keep_avx512_compute(const struct registers *in, struct registers *out);
void keep_avx512_blocked(const struct registers *in, struct registers *out);

/* clang-format off */
__asm__(
".macro vectors_sse op\n"
"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
"	.ifc \\op,load\n	movdqu 336+64*\\n(%rdi), %xmm\\n\n"
"	.else\n	movdqu %xmm\\n, 336+64*\\n(%rdi)\n	.endif\n"
"	.endr\n"
".endm\n"
".macro vectors_avx op\n"
"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
"	.ifc \\op,load\n	vmovdqu 336+64*\\n(%rdi), %ymm\\n\n"
"	.else\n	vmovdqu %ymm\\n, 336+64*\\n(%rdi)\n	.endif\n"
"	.endr\n"
".endm\n"
".macro vectors_avx512 op\n"
"	.irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
"	.ifc \\op,load\n	vmovdqu64 336+64*\\n(%rdi), %zmm\\n\n"
"	.else\n	vmovdqu64 %zmm\\n, 336+64*\\n(%rdi)\n	.endif\n"
"	.endr\n"
"	.irp n,0,1,2,3,4,5,6,7\n"
"	.ifc \\op,load\n	kmovq 272+8*\\n(%rdi), %k\\n\n"
"	.else\n	kmovq %k\\n, 272+8*\\n(%rdi)\n	.endif\n"
"	.endr\n"
".endm\n"
".macro compute\n"
"1:	lea -1(%rcx), %rcx\n"	/* without touching the flags */
"	jrcxz 2f\n"
"	jmp 1b\n"
"2:\n"
".endm\n"
".macro blocked\n"
"	syscall\n"
".endm\n"
".macro general op\n"
"	\\op %rbx, 3*8\n	\\op %rbp, 5*8\n	\\op %rsi, 6*8\n	\\op %r8, 8*8\n"
"	\\op %r9, 9*8\n	\\op %r10, 10*8\n	\\op %r11, 11*8\n	\\op %r12, 12*8\n"
"	\\op %r13, 13*8\n	\\op %r14, 14*8\n	\\op %r15, 15*8\n"
"	\\op %rax, 0\n	\\op %rcx, 8\n	\\op %rdx, 2*8\n"
".endm\n"
".macro load register at\n	mov \\at(%rdi), \\register\n.endm\n"
".macro store register at\n	mov \\register, \\at(%rdi)\n.endm\n"
".macro keep set how\n"
"	.globl keep_\\set\\()_\\how\n"
"	.type keep_\\set\\()_\\how, @function\n"
"keep_\\set\\()_\\how:\n"
"	push %rbx\n	push %rbp\n	push %r12\n	push %r13\n	push %r14\n	push %r15\n"
"	push %rsi\n	push %rdi\n"
"	vectors_\\set load\n"
"	fninit\n	fldcw 140(%rdi)\n"
"	.irp n,7,6,5,4,3,2,1,0\n	fldt 144+16*\\n(%rdi)\n	.endr\n"
"	ldmxcsr 136(%rdi)\n"
"	general load\n"
"	pushq 128(%rdi)\n	popfq\n"
"	mov 7*8(%rdi), %rdi\n"
"	\\how\n"
"	push %rdi\n"
"	mov 16(%rsp), %rdi\n"	/* out */
"	general store\n"
"	pushfq\n	popq 128(%rdi)\n	cld\n"
"	popq 7*8(%rdi)\n"
"	stmxcsr 136(%rdi)\n	fnstcw 140(%rdi)\n	fnstsw 142(%rdi)\n"
"	.irp n,0,1,2,3,4,5,6,7\n	fstpt 144+16*\\n(%rdi)\n	.endr\n"
"	vectors_\\set store\n"
"	.ifnc \\set,sse\n	vzeroupper\n	.endif\n"
"	fninit\n"
"	pushq $0x1f80\n	ldmxcsr (%rsp)\n	add $8, %rsp\n"
"	pop %rdi\n	pop %rsi\n"
"	pop %r15\n	pop %r14\n	pop %r13\n	pop %r12\n	pop %rbp\n	pop %rbx\n"
"	ret\n"
"	.size keep_\\set\\()_\\how, .-keep_\\set\\()_\\how\n"
".endm\n"
".text\n"
"keep sse compute\n	keep sse blocked\n"
"keep avx compute\n	keep avx blocked\n"
"keep avx512 compute\n	keep avx512 blocked\n");
/* clang-format on */

static const struct {
	keep_fn *compute, *blocked;
	size_t vectors, width;
	bool masks;
} sets[] = {
	{keep_sse_compute, keep_sse_blocked, 16, 16, false},
	{keep_avx_compute, keep_avx_blocked, 16, 32, false},
	{keep_avx512_compute, keep_avx512_blocked, 32, 64, true},
};

static size_t set_of_cpu(void)
{
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
		return 2;
	return __builtin_cpu_supports("avx") ? 1 : 0; /* GCC 12 gives some bit */
}

/* Carry, parity, adjust, zero, sign, direction and overflow as the bits of @state come. */
static void fill(struct registers *in, uint64_t *state)
{
	size_t i, j;

	memset(in, 0, sizeof(*in));
	for (i = 0; i < 16; i++)
		in->general[i] = random_next(state);
	in->flags = 0x202 | (random_next(state) & 0x8d5) | 0x400;
	in->mxcsr = 0x1f80 | (uint32_t)(random_next(state) % 4) << 13 | 0x8000;
	in->control = (uint16_t)(0x007f | (random_next(state) % 4) << 10 | 0x300);
	for (i = 0; i < 8; i++) {
		long double value = (long double)random_next(state) / 3;

		memcpy(in->x87[i], &value, 10);
		in->mask[i] = random_next(state);
	}
	for (i = 0; i < 32; i++)
		for (j = 0; j < 64; j += 8) {
			uint64_t value = random_next(state);

			memcpy(&in->vector[i][j], &value, 8);
		}
}

static void compare_general(const struct registers *in, const struct registers *out,
			    const char *where)
{
	static const char *const names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
	size_t i;

	for (i = 0; i < 16; i++)
		expect(i == 4 || in->general[i] == out->general[i],
		       "%s: %s %#lx expected, %#lx seen", where, names[i], (long)in->general[i],
		       (long)out->general[i]);
	expect(in->flags == out->flags, "%s: rflags %#lx expected, %#lx seen", where,
	       (long)in->flags, (long)out->flags);
}

static void compare(const struct registers *in, const struct registers *out, size_t set,
		    const char *where)
{
	size_t i;

	compare_general(in, out, where);
	expect(in->mxcsr == out->mxcsr, "%s: mxcsr %#x expected, %#x seen", where, in->mxcsr,
	       out->mxcsr);
	expect(in->control == out->control, "%s: x87 control word %#x expected, %#x seen", where,
	       in->control, out->control);
	expect(!(out->status & 0x38ff), "%s: x87 status word %#x", where, out->status);
	for (i = 0; i < 8; i++) {
		expect(!memcmp(in->x87[i], out->x87[i], 10), "%s: st(%zu) changed", where, i);
		expect(!sets[set].masks || in->mask[i] == out->mask[i],
		       "%s: k%zu %#lx expected, %#lx seen", where, i, (long)in->mask[i],
		       (long)out->mask[i]);
	}
	for (i = 0; i < sets[set].vectors; i++)
		expect(!memcmp(in->vector[i], out->vector[i], sets[set].width),
		       "%s: vector register %zu changed", where, i);
	victim_count();
}

static void compute(size_t set, uint64_t *state)
{
	struct registers in, out;

	fill(&in, state);
	in.general[1] = 3000000;
	memset(&out, 0, sizeof(out));
	sets[set].compute(&in, &out);
	in.general[1] = 0;
	compare(&in, &out, set, "computing");
}

/* rcx and r11 are the kernel's; it leaves all others but rax alone. */
static void block(size_t set, uint64_t *state, uint64_t wanted)
{
	struct timespec time = timespec_of(wanted);
	struct registers in, out;
	uint64_t start;

	fill(&in, state);
	in.general[0] = SYS_nanosleep;
	in.general[7] = (uint64_t)(uintptr_t)&time;
	in.general[6] = 0;
	memset(&out, 0, sizeof(out));
	start = now();
	sets[set].blocked(&in, &out);
	expect_elapsed("nanosleep", start, wanted, 0);
	in.general[0] = 0;
	in.general[1] = out.general[1];
	in.general[11] = out.general[11];
	compare(&in, &out, set, "in a system call");
}

static void *block_in_thread(void *data)
{
	uint64_t state = 17;
	size_t set;

	while (!victim_stopping())
		for (set = 0; set <= *(size_t *)data; set++)
			block(set, &state, 15 * MS);
	return NULL;
}

int main(void)
{
	size_t most = set_of_cpu(), set;
	struct context context;
	uint64_t state = 23;
	pthread_t thread;

	victim_start();
	thread = thread_start(block_in_thread, &most);
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		for (set = 0; set <= most; set++)
			compute(set, &state);
		context_check(&context);
		expect_childless();
	}
	thread_join(thread);
	victim_unharmed();
}
