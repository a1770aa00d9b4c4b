#include "stack.h"

#include "base/file.h"
#include "image_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>

enum {
	PAGE = 4096
};

void stacks_deinit(struct stacks *stacks)
{
	proc_maps_deinit(&stacks->maps);
}

struct error *stacks_read(pid_t pid, pid_t leader, struct stacks *ret)
{
	struct stacks stacks = {.pid = pid, .leader = leader};
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	if (!file_number(path, "Max stack size", &stacks.limit))
		stacks.limit = UINT64_MAX;
	try_(proc_maps_read(pid, &stacks.maps));
	*ret = stacks;
	return NULL;
}

/* Stacks may have grown, and threads come, since the maps were read: costs time, so once a stop. */
static void make_current(struct stacks *stacks)
{
	struct proc_maps maps;
	struct error *err;

	if (stacks->current)
		return;
	err = proc_maps_read(stacks->pid, &maps);
	if (!err) {
		proc_maps_deinit(&stacks->maps);
		stacks->maps = maps;
		stacks->current = true;
	}
	error_free(err);
}

/*
 * The lowest address of a thread's stack. The descriptor (struct pthread of glibc and of musl) has
 * it in two neighbouring words somewhere: start or end of the block, and its size. The block holds
 * the stack pointer and ends at the descriptor or little above, and it begins in memory: a thread's
 * number and a pointer, or two pointers, make the same sum. The private offsets of these words
 * differ by version; what they must say does not. 0: not found.
 */
static raddr_t find_start(const struct stacks *stacks, raddr_t descriptor, raddr_t top)
{
	enum {
		MOST_ABOVE = 1 << 16
	};
	uint64_t words[ARCH_DESCRIPTOR_BYTES / sizeof(uint64_t)];
	raddr_t found = 0;
	size_t i, way;

	if (!live_peek(stacks->pid, descriptor, words, sizeof(words)))
		return 0;
	for (i = 0; i + 1 < ARRAY_SIZE(words); i++) {
		for (way = 0; way < 2; way++) {
			raddr_t start = way ? words[i] - words[i + 1] : words[i];
			raddr_t end = start + words[i + 1];

			if (start < top && end > top && end + MOST_ABOVE > descriptor &&
			    end < descriptor + MOST_ABOVE && start > found &&
			    proc_maps_find(&stacks->maps, start))
				found = start;
		}
	}
	return found;
}

static bool is_main(const struct mapping *mapping)
{
	return !strcmp(mapping->path, "[stack]");
}

static bool is_free(const struct proc_maps *maps, raddr_t start, raddr_t end)
{
	raddr_t at;

	for (at = start; at < end; at += PAGE) {
		if (proc_maps_find(maps, at))
			return false;
	}
	return true;
}

/*
 * The kernel lets a stack grow when it is touched from outside through ptrace() or /proc/PID/mem
 * (__access_remote_vm(), mm/memory.c), and since Linux 6.5 not by process_vm_readv(). It looks at
 * our own limit then, so the thread's is looked at here.
 */
static bool grow_main(struct stacks *stacks, pid_t tid, raddr_t top, raddr_t start)
{
	const struct mapping *mapping;

	make_current(stacks);
	mapping = proc_maps_find(&stacks->maps, top);
	if (!stacks->current || !mapping || !is_main(mapping))
		return false;
	if (start >= mapping->start)
		return true;
	if (mapping->end - start > stacks->limit || !is_free(&stacks->maps, start, mapping->start))
		return false;
	errno = 0;
	(void)ptrace(PTRACE_PEEKDATA, tid, start, NULL);
	return !errno;
}

bool stacks_have_room(struct stacks *stacks, pid_t tid, const struct user_regs_struct *registers,
		      raddr_t start)
{
	raddr_t top = arch_stack_pointer(registers), lowest;
	const struct mapping *mapping = proc_maps_find(&stacks->maps, top);

	if (!mapping) {
		make_current(stacks);
		mapping = proc_maps_find(&stacks->maps, top);
	}
	if (!mapping || !(mapping->flags & MAPPING_WRITE) || start >= top)
		return false;
	if (is_main(mapping))
		return tid == stacks->leader &&
		       (start >= mapping->start || grow_main(stacks, tid, top, start));
	lowest = find_start(stacks, arch_thread_descriptor(tid, registers), top);
	return lowest && start >= lowest && start >= mapping->start;
}
