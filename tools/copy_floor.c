/*
 * The floor for any copy of a process: one thread, one process_vm_readv() a mapping, all private
 * writable mappings, into memory that is there already. Used by scripts/bench; not installed.
 *
 *	copy_floor PID		prints seconds and bytes
 */
#include "base/clock.h"
#include "target/proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

static bool is_wanted(const struct mapping *m)
{
	return (m->flags & MAPPING_READ) && (m->flags & MAPPING_WRITE) &&
	       !(m->flags & MAPPING_SHARED);
}

static void *touched(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	(void)madvise(memory, size, MADV_HUGEPAGE);
	return memset(memory, 1, size);
}

int main(int argc, char **argv)
{
	_cleanup_(proc_maps_deinit) struct proc_maps maps = {0};
	_cleanup_error_ struct error *err = NULL;
	uint64_t bytes = 0, ns = 0;
	size_t i;

	err = proc_maps_read(argc == 2 ? (pid_t)atoi(argv[1]) : 0, &maps);
	for (i = 0; !err && i < maps.list.count; i++) {
		const struct mapping *m = &maps.list.items[i];
		size_t size = m->end - m->start;
		struct iovec remote = {(void *)(uintptr_t)m->start, size};
		struct iovec local = {is_wanted(m) ? touched(size) : NULL, size};
		uint64_t start = clock_now();

		if (!local.iov_base)
			continue;
		if (process_vm_readv(atoi(argv[1]), &local, 1, &remote, 1, 0) > 0)
			bytes += size;
		ns += clock_now() - start;
		(void)munmap(local.iov_base, size);
	}
	if (err) {
		(void)fprintf(stderr, "copy_floor: %s\n", error_message(err));
		return 1;
	}
	(void)printf("%.6f %" PRIu64 "\n", (double)ns / 1e9, bytes);
	return 0;
}
