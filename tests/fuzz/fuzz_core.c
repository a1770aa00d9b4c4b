/*
 * Core files: segments, notes, mappings, what can be read. Files that they name are looked for
 * where there are none.
 */
#include "target/core.h"

#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct core *core)
{
	struct proc_maps maps = {0};
	struct error *err = core_maps(core, &maps);
	unsigned char bytes[64];
	size_t i;

	for (i = 0; !err && i < maps.list.count; i++) {
		const struct mapping *m = &maps.list.items[i];
		int fd;

		/* What it promises: sorted, not empty. */
		if (m->start >= m->end || (i && m[-1].end > m->start))
			__builtin_trap();
		(void)image_read(core_image(core), m->start, bytes, sizeof(bytes));
		(void)image_read(core_image(core), m->end - 1, bytes, 1);
		(void)image_read(core_image(core), m->end - 8, bytes, sizeof(bytes));
		if (m->inode)
			error_free(core_open_mapping(core, m, &fd));
	}
	error_free(err);
	proc_maps_deinit(&maps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct core_options options = {.path = "fuzz", .sysroot = "/nowhere"};
	struct core *core = NULL;
	struct error *err;
	void *bytes;

	if (!size)
		return 0;
	bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		return 0;
	memcpy(bytes, data, size);
	err = core_open_bytes(bytes, size, &options, &core);
	if (!err)
		ask(core);
	error_free(err);
	core_destroy(core);
	return 0;
}
