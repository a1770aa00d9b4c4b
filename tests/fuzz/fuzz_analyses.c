/*
 * What the analyses do with a snapshot that is well-formed and makes no sense.
 */
#include "analyze/dominators.h"
#include "analyze/histogram.h"
#include "analyze/honesty.h"
#include "analyze/identity.h"
#include "analyze/leaks.h"
#include "heap/builder.h"
#include "heap/file_private.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A heap of one object, against which all others are new. */
static struct error *make_baseline(struct heap **ret)
{
	_cleanup_heap_builder_ struct heap_builder *builder = NULL;
	struct heap_object object = {.address = 0x1000, .list = HEAP_UNTRACKED, .size = 16};

	try_(heap_builder_create(&builder));
	try_(heap_builder_add_type(builder, 0x10, "t"));
	try_(heap_builder_add_object(builder, &object));
	return heap_builder_finish(builder, ret);
}

static void find_leaks(const struct heap *heap)
{
	_cleanup_heap_ struct heap *baseline = NULL;
	struct error *err = make_baseline(&baseline);
	struct leaks leaks = {0};

	if (!err) {
		const struct heap *const series[] = {baseline, heap, heap};

		baseline->facts = heap->facts;
		err = leaks_find(series, ARRAY_SIZE(series), &leaks);
	}
	error_free(err);
	leaks_deinit(&leaks);
}

static void analyse(const struct heap *heap)
{
	struct histogram histogram = {0};
	struct identity identity = {0};
	struct dominators dominators = {0};
	struct honesty honesty = {0};

	error_free(histogram_count(&histogram, heap, NULL, NULL));
	histogram_deinit(&histogram);
	error_free(identity_match(heap, heap, &identity));
	identity_deinit(&identity);
	error_free(dominators_make(heap, &dominators));
	dominators_deinit(&dominators);
	error_free(honesty_measure(heap, &honesty));
	honesty_deinit(&honesty);
	find_leaks(heap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heap *heap = NULL;
	void *aligned = malloc(size + 1);
	struct error *err;

	if (!aligned)
		return 0;
	memcpy(aligned, data, size);
	err = heap_file_parse(aligned, size, false, &heap);
	if (!err)
		analyse(heap);
	error_free(err);
	heap_destroy(heap);
	free(aligned);
	return 0;
}
