#include "report_private.h"

#include "base/clock.h"
#include "base/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

struct error *json_put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) ? &error_no_memory : NULL;
}

struct error *json_text(const char *text, json_t **ret)
{
	_cleanup_free_ char *clean = NULL;

	try_(units_clean(text, UNITS_VALID, &clean));
	*ret = json_string(clean);
	return *ret ? NULL : &error_no_memory;
}

struct error *put_integer(json_t *to, const char *key, uint64_t value)
{
	return json_put(to, key, json_integer((json_int_t)value));
}

struct error *put_text(json_t *to, const char *key, const char *text)
{
	json_t *value;

	if (!text)
		return json_put(to, key, json_null());
	try_(json_text(text, &value));
	return json_put(to, key, value);
}

struct error *put_address(json_t *to, const char *key, uint64_t address)
{
	char text[32];

	if (!address)
		return json_put(to, key, json_null());
	(void)snprintf(text, sizeof(text), "0x%" PRIx64, address);
	return json_put(to, key, json_string(text));
}

struct error *put_msec(json_t *to, const char *key, uint64_t ns)
{
	return json_put(to, key, json_real((double)(ns / NSEC_PER_USEC) / 1e3));
}

struct error *put_object(json_t *to, const struct heap *heap, uint32_t id)
{
	try_(put_address(to, "address", heap_address(heap, id)));
	return put_text(to, "type", heap_type_name(heap, id));
}

struct error *append_object(json_t *list, json_t **ret)
{
	*ret = json_object();
	return *ret && !json_array_append_new(list, *ret) ? NULL : &error_no_memory;
}

struct error *append_snapshot(json_t *list, const char *file, const struct heap_facts *facts,
			      uint64_t objects, uint64_t bytes)
{
	double time = (double)facts->time / (double)NSEC_PER_SEC;
	json_t *item;

	try_(append_object(list, &item));
	try_(put_text(item, "file", file));
	try_(json_put(item, "time", json_real(time)));
	try_(put_integer(item, "pid", facts->pid));
	try_(put_integer(item, "objects", objects));
	return put_integer(item, "bytes", bytes);
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

enum {
	DELETE = 0x7f /* the only control character that jansson does not escape */
};

/* Where in the text of a document we are. */
struct printer {
	FILE *stream;
	bool escape;	     /**< behind a backslash */
	unsigned int digits; /**< of a \u escape that are still to come */
};

/* jansson has its hexadecimal digits in capitals, all other programs in small letters. */
static void print_byte(struct printer *printer, char c)
{
	if (printer->digits) {
		printer->digits--;
		c = (char)tolower((unsigned char)c);
	} else if (printer->escape) {
		printer->escape = false;
		printer->digits = c == 'u' ? 4 : 0;
	} else {
		printer->escape = c == '\\';
	}
	(void)putc_unlocked(c, printer->stream);
}

/* jansson hands over whole characters; beyond ASCII they stand in strings only. */
static int print_some(const char *text, size_t size, void *ctx)
{
	struct printer *printer = ctx;
	const unsigned char *from = (const unsigned char *)text, *end = from + size;

	while (from < end) {
		size_t length = units_character(from);

		if (length < 2 && *from != DELETE)
			print_byte(printer, (char)*from);
		else if (units_is_control(from))
			(void)fprintf(printer->stream, "\\u%04" PRIx32, units_code_point(from));
		else
			(void)fwrite(from, 1, length, printer->stream);
		from += length ? length : 1;
	}
	return ferror(printer->stream) ? -1 : 0;
}

struct error *json_print(FILE *stream, const json_t *value, size_t flags)
{
	struct printer printer = {.stream = stream};

	/* A real number as people write it: 17 digits make 1.2 of it 1.1999999999999999. */
	flags |= JSON_REAL_PRECISION(15);
	if (json_dump_callback(value, print_some, &printer, flags) && !ferror(stream))
		return &error_no_memory;
	return NULL;
}

struct error *json_write(const struct report_style *style, const json_t *document, bool compact)
{
	try_(json_print(style->stream, document, compact ? JSON_COMPACT : JSON_INDENT(1)));
	(void)fputc('\n', style->stream);
	return NULL;
}
