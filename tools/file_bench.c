/*
 * Times of snapshot files of any size, without a process to take them of. Used by
 *scripts/bench-file; not installed.
 *
 *	file_bench make N FILE [compress]	a heap of N records, written to FILE
 *	file_bench open FILE			opened
 *
 * A record is three objects with seven references: an instance that the collector tracks, with
 * its type and attributes: a str and an int of its own, the record before it, one of the last
 * thousand, and a shared object; and each is in a list of 64, and these in one of a module. As in a
 *real heap, equal sizes stand side by side, one object in ten is elsewhere, and reference counts
 *are small.
 */
#include "base/clock.h"
#include "heap/builder.h"
#include "heap/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	SHARED = 256,
	SHARED_COUNT = 1 << 30, /* as of an immortal object */
	TYPES = 50,
	GROUP = 64, /* records in a list */
	RECENT = 1000,
	PARTS = 3,
	ATTRIBUTES = 5,
	TYPE_STR = TYPES,
	TYPE_INT,
	TYPE_LIST,
	TYPE_COUNT
};

struct bench {
	struct heap_builder *builder;
	size_t records;
	uint64_t random;
	uint32_t *owners; /* of each record */
	uint32_t *counts; /* references to each record */
	uint32_t labels[ATTRIBUTES], type_label, item_label;
};

/* Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8 (2003). */
static uint32_t below(struct bench *b, uint32_t limit)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return (uint32_t)((b->random >> 11) % limit);
}

/* Part @part of record @i: pools of 16 KiB for each size, some far away. */
static raddr_t place(struct bench *b, size_t i, unsigned int part)
{
	raddr_t pool = 0x7f0000000000 + (i / 256 * PARTS + part) * 0x4000;

	if (!below(b, 10))
		pool += 0x400000000;
	return pool + i % 256 * 64;
}

static struct error *add_names(struct bench *b)
{
	static const char *const names[ATTRIBUTES] = {"name", "count", "before", "owner", "kind"};
	struct heap_list list = {.generation = 2, .ordered = 1};
	char text[32];
	heap_text_t id;
	uint32_t i;

	for (i = 0; i < TYPE_COUNT; i++) {
		(void)snprintf(text, sizeof(text), "app.models.Record%u", i);
		try_(heap_builder_add_type(b->builder, 0x555500000000 + i * 0x400,
					   i == TYPE_STR    ? "builtins.str"
					   : i == TYPE_INT  ? "builtins.int"
					   : i == TYPE_LIST ? "builtins.list"
							    : text));
	}
	for (i = 0; i < ATTRIBUTES; i++) {
		try_(heap_builder_add_text(b->builder, names[i], &id));
		try_(heap_builder_add_label(b->builder, HEAP_ATTRIBUTE, id, &b->labels[i]));
	}
	try_(heap_builder_add_label(b->builder, HEAP_TYPE, HEAP_NONE, &b->type_label));
	try_(heap_builder_add_label(b->builder, HEAP_ITEM, HEAP_NONE, &b->item_label));
	return heap_builder_add_list(b->builder, &list);
}

static struct error *add_object(struct bench *b, raddr_t address, uint32_t type, uint64_t size,
				uint64_t count)
{
	struct heap_object object = {
		.address = address,
		.type = type,
		.list = type == TYPE_STR || type == TYPE_INT ? HEAP_UNTRACKED : 0,
		.size = size,
		.refcount = count,
		.body = type < TYPES ? (uint32_t)address * 2654435761u : 0,
	};

	return heap_builder_add_object(b->builder, &object);
}

/* Who refers to whom among the records, and so their reference counts. */
static struct error *choose_owners(struct bench *b)
{
	size_t i;

	b->owners = calloc(b->records, sizeof(*b->owners));
	b->counts = calloc(b->records, sizeof(*b->counts));
	if (!b->owners || !b->counts)
		return &error_no_memory;
	for (i = 0; i < b->records; i++) {
		b->owners[i] = (uint32_t)i - below(b, i < RECENT ? (uint32_t)i + 1 : RECENT);
		b->counts[b->owners[i]]++;
		b->counts[i ? i - 1 : 0]++;
		b->counts[i]++;
	}
	return NULL;
}

/* The shared objects come first, then each record's three, then the lists. */
static struct error *add_objects(struct bench *b)
{
	size_t i;

	for (i = 0; i < SHARED; i++)
		try_(add_object(b, 0x555600000000 + i * 32, TYPE_INT, 28, SHARED_COUNT));
	for (i = 0; i < b->records; i++) {
		try_(add_object(b, place(b, i, 0), (uint32_t)(i % TYPES), 56, b->counts[i]));
		try_(add_object(b, place(b, i, 1), TYPE_STR, 50 + below(b, 12), 1));
		try_(add_object(b, place(b, i, 2), TYPE_INT, 28, 1));
	}
	for (i = 0; i < b->records; i += GROUP)
		try_(add_object(b, 0x7e0000000000 + i * 16, TYPE_LIST, 568, 1));
	return add_object(b, 0x7d0000000000, TYPE_LIST, 56 + b->records / GROUP * 8, 1);
}

static uint32_t record(size_t i)
{
	return (uint32_t)(SHARED + i * PARTS);
}

static struct error *add_record_refs(struct bench *b, size_t i)
{
	struct heap_ref refs[] = {
		{below(b, SHARED), b->type_label},    {record(i) + 1, b->labels[0]},
		{record(i) + 2, b->labels[1]},	      {record(i ? i - 1 : 0), b->labels[2]},
		{record(b->owners[i]), b->labels[3]}, {below(b, SHARED), b->labels[4]},
	};

	try_(heap_builder_add_refs(b->builder, refs, ARRAY_SIZE(refs)));
	try_(heap_builder_add_refs(b->builder, NULL, 0));
	return heap_builder_add_refs(b->builder, NULL, 0);
}

/* The list of lists, and the module that holds it. */
static struct error *add_top(struct bench *b)
{
	_cleanup_(heap_ref_array_deinit) struct heap_ref_array items = {0};
	struct heap_root root = {.kind = HEAP_ROOT_MODULE,
				 .name = HEAP_NONE,
				 .thread = HEAP_NONE,
				 .frame = HEAP_NONE};
	uint32_t first = record(b->records);
	size_t lists = (b->records + GROUP - 1) / GROUP, i;

	for (i = 0; i < lists; i++) {
		struct heap_ref item = {first + (uint32_t)i, b->item_label};

		try_(heap_ref_array_append(&items, item));
	}
	root.target = first + (uint32_t)lists;
	try_(heap_builder_add_refs(b->builder, items.items, items.count));
	return heap_builder_add_root(b->builder, &root);
}

static struct error *add_refs(struct bench *b)
{
	struct heap_ref items[GROUP];
	size_t i, k;

	for (i = 0; i < SHARED; i++)
		try_(heap_builder_add_refs(b->builder, NULL, 0));
	for (i = 0; i < b->records; i++)
		try_(add_record_refs(b, i));
	for (i = 0; i < b->records; i += GROUP) {
		for (k = 0; k < GROUP && i + k < b->records; k++)
			items[k] = (struct heap_ref){record(i + k), b->item_label};
		try_(heap_builder_add_refs(b->builder, items, k));
	}
	return add_top(b);
}

static double seconds_since(uint64_t start)
{
	return (double)(clock_now() - start) / (double)NSEC_PER_SEC;
}

static double peak_mib(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

static struct error *make(size_t records, const char *path, bool compress)
{
	_cleanup_heap_builder_ struct heap_builder *builder = NULL;
	_cleanup_heap_ struct heap *heap = NULL;
	struct bench b = {.records = records, .random = 88172645463325252};
	struct heap_file_options options = {.compress = compress};
	uint64_t start = clock_now(), bytes;
	double built;

	try_(heap_builder_create(&builder));
	b.builder = builder;
	heap_builder_facts(builder)->with_graph = 1;
	heap_builder_facts(builder)->immortal = SHARED_COUNT;
	try_(choose_owners(&b));
	try_(add_names(&b));
	try_(add_objects(&b));
	try_(add_refs(&b));
	try_(heap_builder_finish(builder, &heap));
	free(b.owners);
	free(b.counts);
	built = seconds_since(start);
	start = clock_now();
	try_(heap_file_write(heap, AT_FDCWD, path, &options, &bytes));
	(void)printf("{\"objects\": %zu, \"tracked\": %zu, \"references\": %zu, \"bytes\": %ju, "
		     "\"build\": %.3f, \"write\": %.3f, \"peak_mib\": %.0f}\n",
		     heap->count, heap->tracked_count, heap->ref_count, (uintmax_t)bytes, built,
		     seconds_since(start), peak_mib());
	return NULL;
}

static struct error *open_file(const char *path)
{
	_cleanup_heap_ struct heap *heap = NULL;
	uint64_t start = clock_now();

	try_(heap_file_open(path, &heap));
	(void)printf("{\"open\": %.4f, \"peak_mib\": %.0f}\n", seconds_since(start), peak_mib());
	return NULL;
}

int main(int argc, char **argv)
{
	struct error *err;

	if (argc == 3 && !strcmp(argv[1], "open"))
		err = open_file(argv[2]);
	else if (argc >= 4 && !strcmp(argv[1], "make"))
		err = make(strtoull(argv[2], NULL, 10), argv[3], argc > 4);
	else
		return 2;
	if (err)
		(void)fprintf(stderr, "file_bench: %s\n", error_message(err));
	error_free(err);
	return err != NULL;
}
