#include "report_private.h"

#include "report/units.h"

#include <string.h>

struct error *json_put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) ? &error_no_memory : NULL;
}

struct error *json_text(const char *text, json_t **ret)
{
	_cleanup_free_ char *clean = NULL;

	try_(units_clean(text, true, &clean));
	*ret = json_string(clean);
	return *ret ? NULL : &error_no_memory;
}

static struct error *json_group(const struct histogram_row *row, bool with_change, json_t **ret)
{
	_cleanup_json_ json_t *group = json_object();
	json_t *name;

	if (!group)
		return &error_no_memory;
	try_(json_text(row->type, &name));
	try_(json_put(group, "type", name));
	try_(json_put(group, "count", json_integer((json_int_t)row->count)));
	try_(json_put(group, "size", json_integer((json_int_t)row->size)));
	if (with_change)
		try_(json_put(group, "change", json_integer(row->change)));
	*ret = steal_ptr(group);
	return NULL;
}

struct error *json_groups(const struct report_style *style, const struct histogram *histogram,
			  bool with_change, json_t **ret)
{
	_cleanup_(row_pointers_deinit) struct row_pointers rows = {0};
	_cleanup_json_ json_t *list = json_array();
	uint64_t count, size;
	size_t i;

	if (!list)
		return &error_no_memory;
	try_(select_rows(style, histogram, &rows, &count, &size));
	for (i = 0; i < rows.count; i++) {
		json_t *group;

		try_(json_group(rows.items[i], with_change, &group));
		if (json_array_append_new(list, group))
			return &error_no_memory;
	}
	*ret = steal_ptr(list);
	return NULL;
}

struct error *json_write(const struct report_style *style, const json_t *document, bool compact)
{
	size_t flags = compact ? JSON_COMPACT : JSON_INDENT(1);

	/* Whether everything could be written is checked when the stream is closed. */
	if (json_dumpf(document, style->stream, flags) && !ferror(style->stream))
		return &error_no_memory;
	(void)fputc('\n', style->stream);
	return NULL;
}
