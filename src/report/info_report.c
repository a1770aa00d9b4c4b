#include "report_private.h"

#include "base/clock.h"
#include "base/units.h"

#include <time.h>

/* Keys of the JSON document and labels of the table. ORDER heap-string */
static const struct {
	const char *key, *label;
} strings[HEAP_STRINGS] = {
	[HEAP_STRING_COMMAND] = {"command", "command"},
	[HEAP_STRING_HOST] = {"host", "host"},
	[HEAP_STRING_BOOT_ID] = {"boot_id", "boot"},
	[HEAP_STRING_CGROUP] = {"cgroup", "cgroup"},
	[HEAP_STRING_EXECUTABLE] = {"executable", "executable"},
	[HEAP_STRING_LAYOUT] = {"layout", "layout"},
};

/* "2026-11-25T21:21:30.123Z"; @size bytes. */
static const char *time_text(uint64_t ns, char *buffer, size_t size)
{
	time_t seconds = (time_t)(ns / NSEC_PER_SEC);
	char text[32] = "";
	struct tm parts;

	if (gmtime_r(&seconds, &parts))
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	(void)snprintf(buffer, size, "%s.%03uZ", text, (unsigned int)(ns / NSEC_PER_MSEC % 1000));
	return buffer;
}

/* "readings" are objects, "readings_bytes" their bytes. */
static struct error *put_readings(json_t *document, const struct heap_facts *facts)
{
	json_t *objects = json_object(), *bytes;
	size_t i;

	try_(json_put(document, "readings", objects));
	bytes = json_object();
	try_(json_put(document, "readings_bytes", bytes));
	for (i = 0; i < HEAP_READINGS; i++) {
		const char *name = heap_reading_name((enum heap_reading)i);

		try_(put_integer(objects, name, facts->readings[i].objects));
		try_(put_integer(bytes, name, facts->readings[i].bytes));
	}
	return NULL;
}

static struct error *put_facts(json_t *document, const struct heap_facts *facts)
{
	char text[64];

	try_(put_integer(document, "pid", facts->pid));
	try_(put_text(document, "time", time_text(facts->time, text, sizeof(text))));
	if (facts->from_core) {
		try_(json_put(document, "start_time", json_null()));
		try_(json_put(document, "resident", json_null()));
	} else {
		try_(put_integer(document, "start_time", facts->start_time));
		try_(put_integer(document, "resident", facts->resident));
	}
	try_(put_taken(document, facts));
	try_(put_integer(document, "attempts", facts->attempts));
	try_(json_put(document, "values", json_boolean(facts->with_values)));
	try_(json_put(document, "graph", json_boolean(facts->with_graph)));
	try_(put_integer(document, "unsized", facts->unsized));
	try_(put_integer(document, "own_sizes", facts->own_sizes));
	try_(put_integer(document, "damaged", facts->damaged));
	return put_readings(document, facts);
}

static struct error *info_json(const struct report_style *style, const char *path,
			       const struct heap_file_info *info, const char *version)
{
	_cleanup_json_ json_t *document = json_object();
	char format[32];
	size_t i;

	if (!document)
		return &error_no_memory;
	(void)snprintf(format, sizeof(format), "%u.%u", info->major, info->minor);
	try_(json_put(document, "schema", json_string("reftracker.info/1")));
	try_(put_text(document, "file", path));
	try_(put_text(document, "format", format));
	try_(put_integer(document, "bytes", info->bytes));
	try_(put_integer(document, "raw_bytes", info->raw_bytes));
	try_(json_put(document, "compressed", json_boolean(info->compressed)));
	try_(put_text(document, "version", version));
	for (i = 0; i < HEAP_STRINGS; i++)
		try_(put_text(document, strings[i].key, info->strings[i]));
	try_(put_facts(document, &info->facts));
	try_(put_integer(document, "objects", info->objects));
	try_(put_integer(document, "tracked", info->tracked));
	try_(put_integer(document, "references", info->references));
	try_(put_integer(document, "types", info->types));
	try_(put_integer(document, "roots", info->roots));
	try_(put_integer(document, "threads", info->threads));
	try_(put_integer(document, "frames", info->frames));
	return json_write(style, document, false);
}

static struct error *print_strings(const struct report_style *style,
				   const struct heap_file_info *info)
{
	size_t i;

	for (i = 0; i < HEAP_STRINGS; i++) {
		if (info->strings[i])
			try_(report_line(style, "%-12s %s", strings[i].label, info->strings[i]));
	}
	return NULL;
}

static void print_facts(const struct report_style *style, const struct heap_facts *facts)
{
	char time[64], taken[REPORT_TAKEN], bytes[UNIT_TEXT];

	(void)fprintf(style->stream, "taken        %s, %s\n",
		      time_text(facts->time, time, sizeof(time)), report_taken(facts, taken));
	if (facts->from_core)
		(void)fprintf(style->stream, "began        not known: a core file does not say\n");
	(void)fprintf(style->stream, "%s  %s\n", facts->from_core ? "in the core" : "resident   ",
		      units_bytes(facts->resident, bytes));
	(void)fprintf(style->stream, "holds        %s%s\n",
		      facts->with_values ? "names, keys and previews of values"
					 : "names, no values",
		      facts->with_graph ? "" : "; no references");
}

static void print_counts(const struct report_style *style, const struct heap_file_info *info)
{
	char a[UNIT_TEXT], b[UNIT_TEXT], c[UNIT_TEXT], d[UNIT_TEXT];

	(void)fprintf(style->stream, "objects      %s, %s of them tracked, of %s\n",
		      units_count(info->objects, a), units_count(info->tracked, b),
		      units_things(info->types, "type", c));
	(void)fprintf(style->stream, "references   %s, and %s\n", units_count(info->references, a),
		      units_things(info->roots, "root", b));
	(void)fputs("read         ", style->stream);
	print_readings(style->stream, &info->facts);
	(void)fprintf(style->stream, "threads      %s, %s\n", units_count(info->threads, c),
		      units_things(info->frames, "Python frame", d));
}

static struct error *info_table(const struct report_style *style, const char *path,
				const struct heap_file_info *info, const char *version)
{
	char bytes[UNIT_TEXT], raw[UNIT_TEXT];

	try_(report_line(style, "file         %s", path));
	(void)fprintf(style->stream, "format       %u.%u, %s%s%s\n", info->major, info->minor,
		      units_bytes(info->bytes, bytes), info->compressed ? ", compressed from " : "",
		      info->compressed ? units_bytes(info->raw_bytes, raw) : "");
	(void)fprintf(style->stream, "process      %ju, CPython %s\n", (uintmax_t)info->facts.pid,
		      version);
	try_(print_strings(style, info));
	print_facts(style, &info->facts);
	print_counts(style, info);
	return NULL;
}

struct error *report_info(const struct report_style *style, const char *path,
			  const struct heap_file_info *info, const char *version)
{
	return style->format == REPORT_JSON ? info_json(style, path, info, version)
					    : info_table(style, path, info, version);
}
