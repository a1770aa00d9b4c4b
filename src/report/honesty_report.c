/*
 * How complete the graph is that a report speaks of: one line under a table, "honesty" in JSON.
 */
#include "report_private.h"

#include "analyze/honesty.h"
#include "base/units.h"

static double guessed_share(const struct honesty *honesty)
{
	return honesty->counted ? (double)honesty->guessed / (double)honesty->counted : 0;
}

static struct error *json_readings(const struct heap_facts *facts, json_t **ret)
{
	_cleanup_json_ json_t *readings = json_object();
	size_t i;

	if (!readings)
		return &error_no_memory;
	for (i = 0; i < HEAP_READINGS; i++) {
		const struct heap_tally *tally = &facts->readings[i];

		try_(json_put(readings, heap_reading_name((enum heap_reading)i),
			      json_pack("{s:I, s:I}", "objects", (json_int_t)tally->objects,
					"bytes", (json_int_t)tally->bytes)));
	}
	*ret = steal_ptr(readings);
	return NULL;
}

struct error *json_honesty(const struct heap *heap, json_t *document)
{
	_cleanup_(honesty_deinit) struct honesty honesty = {0};
	json_t *object, *readings;

	if (!heap->facts.with_graph)
		return NULL;
	try_(honesty_measure(heap, &honesty));
	object = json_pack("{s:I, s:I, s:I, s:I, s:f}", "counted", (json_int_t)honesty.counted,
			   "explained", (json_int_t)honesty.explained, "guessed",
			   (json_int_t)honesty.guessed, "surplus", (json_int_t)honesty.surplus,
			   "share", honesty_share(&honesty));
	try_(json_put(document, "honesty", object));
	try_(json_readings(&heap->facts, &readings));
	return json_put(object, "readings", readings);
}

void print_readings(FILE *stream, const struct heap_facts *facts)
{
	size_t i;

	for (i = 0; i < HEAP_READINGS; i++) {
		const struct heap_tally *tally = &facts->readings[i];
		char count[UNIT_TEXT], bytes[UNIT_TEXT];

		(void)fprintf(stream, "%s%s %s (%s)", i ? ", " : "",
			      heap_reading_name((enum heap_reading)i),
			      units_count(tally->objects, count), units_bytes(tally->bytes, bytes));
	}
	(void)fputc('\n', stream);
}

struct error *print_honesty(const struct report_style *style, const struct heap *heap)
{
	_cleanup_(honesty_deinit) struct honesty honesty = {0};

	if (!heap->facts.with_graph)
		return NULL;
	try_(honesty_measure(heap, &honesty));
	(void)fprintf(style->stream,
		      "explained: %.2f %% of the reference counts (guesses: %.2f %%); "
		      "objects read ",
		      100 * honesty_share(&honesty), 100 * guessed_share(&honesty));
	print_readings(style->stream, &heap->facts);
	return NULL;
}
