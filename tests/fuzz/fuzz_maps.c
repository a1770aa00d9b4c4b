/*
 * The text of /proc/PID/maps.
 */
#include "target/proc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proc_maps maps = {0};
	char *text = malloc(size + 1);
	struct error *err;
	size_t i;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	err = proc_maps_parse(text, &maps);
	for (i = 0; !err && i < maps.list.count; i++) {
		const struct mapping *m = &maps.list.items[i];

		/* What it promises: sorted, not empty, and each found by its addresses. */
		if (m->start >= m->end || (i && m[-1].end > m->start) ||
		    proc_maps_find(&maps, m->start) != m ||
		    proc_maps_find(&maps, m->end - 1) != m || strlen(m->path) > size)
			__builtin_trap();
	}
	error_free(err);
	proc_maps_deinit(&maps);
	free(text);
	return 0;
}
