#include "export_series.h"

#include "base/file.h"
#include "sequence.h"

#include <stdlib.h>
#include <string.h>

void export_series_deinit(struct export_series *series)
{
	size_t i;

	for (i = 0; i < series->count; i++)
		heap_destroy(series->heaps[i]);
	free(series->heaps);
	free(series->names);
}

struct error *export_series_open(const struct command_context *context,
				 const struct capture_values *values, struct export_series *series)
{
	const struct arguments *files = &context->arguments;
	_cleanup_(sequence_deinit) struct sequence sequence = {0};
	int i;

	series->heaps = calloc((size_t)files->count + 1, sizeof(*series->heaps));
	series->names = calloc((size_t)files->count + 1, sizeof(*series->names));
	if (!series->heaps || !series->names)
		return &error_no_memory;
	try_(source_open(context, values, SOURCE_GRAPH, &series->heaps[0]));
	series->names[0] = context->file ? file_base_name(context->file) : NULL;
	series->count = 1;
	try_(sequence_add(&sequence, series->heaps[0], source_name(context)));
	for (i = 0; i < files->count; i++) {
		try_(source_open_file(files->items[i], SOURCE_GRAPH,
				      &series->heaps[series->count]));
		series->names[series->count++] = file_base_name(files->items[i]);
		try_(sequence_add(&sequence, series->heaps[i + 1], files->items[i]));
	}
	return NULL;
}
