/*
 * info: the process and the capture, one fact a row.
 */
#include "sql_private.h"

#include "base/clock.h"

#include <stdio.h>
#include <time.h>

enum {
	LONGEST = 64 /* characters of a number or a time */
};

/* A fact is a string of the heap's, or a number, or something that is made for it. */
struct fact {
	const char *key;
	enum {
		STRING,
		NUMBER,
		COUNT,
		FILE_NAME,
		TIME,
		VERSION,
		WAY,
		READING,
		COLLECTOR
	} kind;
	size_t at; /* NUMBER: offset in struct heap_facts; COUNT: in struct heap; else an index */
};

#define FACT(member)  NUMBER, offsetof(struct heap_facts, member)
#define TALLY(member) COUNT, offsetof(struct heap, member)

static const struct fact facts[] = {
	{"file", FILE_NAME, 0},
	{"time", TIME, 0},
	{"pid", FACT(pid)},
	{"command", STRING, HEAP_STRING_COMMAND},
	{"python", VERSION, 0},
	{"executable", STRING, HEAP_STRING_EXECUTABLE},
	{"host", STRING, HEAP_STRING_HOST},
	{"cgroup", STRING, HEAP_STRING_CGROUP},
	{"boot_id", STRING, HEAP_STRING_BOOT_ID},
	{"start_time", FACT(start_time)},
	{"threads", FACT(threads)},
	{"resident", FACT(resident)},
	{"objects", TALLY(count)},
	{"tracked", TALLY(tracked_count)},
	{"references", TALLY(ref_count)},
	{"roots", TALLY(root_count)},
	{"capture", WAY, 0},
	{"pause_ns", FACT(pause)},
	{"longest_pause_ns", FACT(longest_pause)},
	{"attempts", FACT(attempts)},
	{"copied", FACT(copied)},
	{"layout", STRING, HEAP_STRING_LAYOUT},
	{"with_graph", FACT(with_graph)},
	{"with_values", FACT(with_values)},
	{"unsized", FACT(unsized)},
	{"own_sizes", FACT(own_sizes)},
	{"damaged", FACT(damaged)},
	{"automatic_collection", COLLECTOR, 0},
	{"read_exact", READING, HEAP_READ_EXACT},
	{"read_decoded", READING, HEAP_READ_DECODED},
	{"read_conservative", READING, HEAP_READ_CONSERVATIVE},
	{"read_failed", READING, HEAP_READ_FAILED},
	{"read_leaf", READING, HEAP_READ_LEAF},
};

static size_t rows(const struct sql_source *source)
{
	(void)source;
	return ARRAY_SIZE(facts);
}

/* RFC 3339, UTC. */
static void print_time(uint64_t ns, char *buffer)
{
	time_t seconds = (time_t)(ns / NSEC_PER_SEC);
	struct tm parts;
	size_t length = 0;

	if (gmtime_r(&seconds, &parts))
		length = strftime(buffer, LONGEST, "%Y-%m-%dT%H:%M:%S", &parts);
	(void)snprintf(buffer + length, LONGEST - length, ".%03uZ",
		       (unsigned int)(ns % NSEC_PER_SEC / NSEC_PER_MSEC));
}

/* PY_VERSION_HEX: major, minor, micro, a nibble for alpha, beta, candidate or final, and its
 * number. */
static void print_version(uint64_t version, char *buffer)
{
	static const char *const levels[16] = {[0xa] = "a", [0xb] = "b", [0xc] = "rc"};
	const char *level = levels[version >> 4 & 0xf];
	int length = snprintf(buffer, LONGEST, "%u.%u.%u", (unsigned int)(version >> 24 & 0xff),
			      (unsigned int)(version >> 16 & 0xff),
			      (unsigned int)(version >> 8 & 0xff));

	if (level)
		(void)snprintf(buffer + length, LONGEST - (size_t)length, "%s%u", level,
			       (unsigned int)(version & 0xf));
}

static void print_number(uint64_t number, char *buffer)
{
	(void)snprintf(buffer, LONGEST, "%ju", (uintmax_t)number);
}

/* Whether the collector of the main interpreter runs by itself. */
static const char *automatic(const struct heap *heap)
{
	size_t i;

	for (i = 0; i < heap->list_count; i++) {
		if (heap->lists[i].interp)
			continue;
		if (heap->lists[i].automatic == HEAP_AUTOMATIC_UNKNOWN)
			return NULL;
		return heap->lists[i].automatic == HEAP_AUTOMATIC_OFF ? "0" : "1";
	}
	return NULL;
}

/* NULL: not known. Else a text of the heap's or in @buffer. */
static const char *text_of(const struct sql_source *source, const struct fact *fact, char *buffer)
{
	const struct heap *heap = source->heap;

	switch (fact->kind) {
	case STRING:
		return heap_text(heap, heap->strings[fact->at]);
	case FILE_NAME:
		return source->file;
	case WAY:
		return heap->facts.cloned ? "clone" : "copy";
	case COLLECTOR:
		return automatic(heap);
	case TIME:
		print_time(heap->facts.time, buffer);
		break;
	case VERSION:
		print_version(heap->facts.version, buffer);
		break;
	case NUMBER:
		print_number(*(const uint64_t *)((const char *)&heap->facts + fact->at), buffer);
		break;
	case COUNT:
		print_number(*(const size_t *)((const char *)heap + fact->at), buffer);
		break;
	case READING:
		print_number(heap->facts.readings[fact->at].objects, buffer);
		break;
	}
	return buffer;
}

static void value(const struct sql_source *source, size_t row, int column, sqlite3_context *context)
{
	char buffer[LONGEST];
	const char *text = column ? text_of(source, &facts[row], buffer) : facts[row].key;

	if (text)
		sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

const struct sql_table table_info = {
	.name = "info",
	.columns = "key TEXT, value TEXT",
	.module = &rows_module,
	.rows = rows,
	.value = value,
};
