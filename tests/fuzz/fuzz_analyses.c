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

	if (!err && heap->facts.with_graph) {
		const struct heap *const series[] = {baseline, heap, heap};

		baseline->facts = heap->facts;
		err = leaks_find(series, ARRAY_SIZE(series), &leaks);
	}
	error_free(err);
	leaks_deinit(&leaks);
}

/* Some places swapped, so that objects are out of order, and some contents changed. */
static void change(const struct heap *heap, uint64_t random, uint32_t *place, uint16_t *content)
{
	size_t i;

	for (i = 0; i < heap->tracked_count; i++) {
		size_t other;
		uint32_t was = place[i];

		random = random * 6364136223846793005u + 1442695040888963407u;
		other = (size_t)(random >> 33) % heap->tracked_count;
		if (random >> 60 < 8) {
			place[i] = place[other];
			place[other] = was;
		}
	}
	for (i = 0; i < heap->count; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		if (random >> 60 < 4)
			content[i] ^= (uint16_t)(random >> 32);
	}
}

/* The heap against another one of the same objects. */
static void match_changed(const struct heap *heap)
{
	size_t places = heap->tracked_count * sizeof(*heap->place);
	size_t contents = heap->count * sizeof(*heap->content);
	uint32_t *place = malloc(places + 1);
	uint16_t *content = malloc(contents + 1);
	struct heap other = *heap;
	struct identity identity = {0};

	if (place && content && heap->tracked_count) {
		memcpy(place, heap->place, places);
		memcpy(content, heap->content, contents);
		change(heap, heap->facts.time, place, content);
		other.place = place;
		other.content = content;
		error_free(identity_match(heap, &other, &identity));
		identity_deinit(&identity);
	}
	free(place);
	free(content);
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
	match_changed(heap);
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
