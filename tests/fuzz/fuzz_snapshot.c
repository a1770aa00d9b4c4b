/*
 * Snapshot files without their checksums: whatever is not refused must be safe to read.
 */
#include "heap/file_private.h"
#include "use_heap.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heap *heap = NULL;
	void *aligned = malloc(size + 1);
	struct error *err;

	/* A mapping is aligned, too; and reading behind the end of this is seen. */
	if (!aligned)
		return 0;
	memcpy(aligned, data, size);
	err = heap_file_parse(aligned, size, false, &heap);
	if (!err)
		(void)heap_use_all(heap);
	error_free(err);
	heap_destroy(heap);
	free(aligned);
	return 0;
}
