/*
 * The SQL layer with statements of any kind over two small heaps: no crash, nothing written, and an
 * end.
 */
#include "heap/builder.h"
#include "sql/sql.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	OBJECTS = 12,
	TYPES = 3,
	MOST_ROWS = 1000,
	LOOKS = 200 /* some 2 million instructions of SQLite's machine */
};

static unsigned int looks;

static bool long_enough(void)
{
	return ++looks > LOOKS;
}

static struct error *add_objects(struct heap_builder *builder, uint32_t more)
{
	uint32_t i;

	for (i = 0; i < OBJECTS + more; i++) {
		struct heap_object object = {
			.address = 0x1000 + 16 * (raddr_t)i,
			.type = i % TYPES,
			.list = i % 4 ? 0 : HEAP_UNTRACKED,
			.size = i == 5 ? UINT64_C(1) << 33 : 16 * i,
			.refcount = i == 7 ? UINT64_C(1) << 40 : i,
			.content = (uint16_t)i,
		};

		try_(heap_builder_add_object(builder, &object));
	}
	return NULL;
}

/* Of each kind one, in turn, and keys with their values. */
static struct error *add_refs(struct heap_builder *builder, uint32_t more)
{
	struct heap_ref refs[HEAP_KINDS];
	heap_text_t name;
	uint32_t i, kind;

	try_(heap_builder_add_text(builder, "name", &name));
	for (i = 0; i < OBJECTS + more; i++) {
		for (kind = 0; kind < HEAP_KINDS; kind++) {
			refs[kind].target = (i * 5 + kind) % OBJECTS;
			try_(heap_builder_add_label(builder, (enum heap_kind)kind,
						    kind % 2 ? HEAP_NONE : name,
						    &refs[kind].label));
		}
		try_(heap_builder_add_refs(builder, refs, i % (HEAP_KINDS + 1)));
		try_(heap_builder_set_object_text(builder, i, name));
	}
	return NULL;
}

static struct error *add_roots(struct heap_builder *builder)
{
	struct heap_thread thread = {.native_id = 7, .name = HEAP_NONE};
	struct heap_frame frame = {.line = 3, .object = HEAP_NONE};
	struct heap_root root = {.kind = HEAP_ROOT_FRAME, .counted = 1, .name = HEAP_NONE};

	try_(heap_builder_add_text(builder, "function", &frame.function));
	try_(heap_builder_add_text(builder, "file.py", &frame.file));
	try_(heap_builder_add_thread(builder, &thread));
	try_(heap_builder_add_frame(builder, &frame));
	return heap_builder_add_root(builder, &root);
}

static struct error *make_heap(uint32_t more, struct heap **ret)
{
	_cleanup_heap_builder_ struct heap_builder *builder = NULL;
	struct heap_list list = {.generation = 2, .ordered = true};

	try_(heap_builder_create(&builder));
	try_(heap_builder_add_type(builder, 0x10, "m.A"));
	try_(heap_builder_add_type(builder, 0x20, "m.B"));
	try_(heap_builder_add_type(builder, 0x30, "m.A"));
	try_(heap_builder_add_list(builder, &list));
	try_(add_objects(builder, more));
	try_(add_refs(builder, more));
	try_(add_roots(builder));
	heap_builder_facts(builder)->immortal = UINT64_C(1) << 31;
	heap_builder_facts(builder)->with_graph = 1;
	return heap_builder_finish(builder, ret);
}

struct sink {
	size_t columns, rows;
	volatile char seen; /* so that the last byte of each text is read */
};

static struct error *begin(void *ctx, const char *const *columns, size_t count)
{
	struct sink *sink = ctx;
	size_t i;

	sink->columns = count;
	for (i = 0; i < count; i++)
		sink->seen = columns[i][strlen(columns[i])];
	return NULL;
}

static struct error *row(void *ctx, const struct cell *cells, bool *ret_stop)
{
	struct sink *sink = ctx;
	size_t i;

	for (i = 0; i < sink->columns; i++) {
		if (cells[i].kind == CELL_TEXT)
			sink->seen = cells[i].text[strlen(cells[i].text)];
	}
	*ret_stop = ++sink->rows > MOST_ROWS;
	return NULL;
}

static struct error *end(void *ctx)
{
	(void)ctx;
	return NULL;
}

static struct sql_heap heaps[2];

/* Once: heaps do not change. */
static void make_heaps(void)
{
	struct heap *made;
	uint32_t i;

	for (i = 0; i < ARRAY_SIZE(heaps) && !heaps[i].heap; i++) {
		if (make_heap(i, &made))
			abort();
		heaps[i] = (struct sql_heap){.heap = made, .file = "file"};
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_sql_ struct sql *sql = NULL;
	_cleanup_free_ char *text = malloc(size + 1);
	struct sink sink = {0};
	const struct cell_sink to = {.ctx = &sink, .begin = begin, .row = row, .end = end};

	make_heaps();
	if (!text || sql_open(heaps, ARRAY_SIZE(heaps), long_enough, &sql))
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	looks = 0;
	error_free(sql_run(sql, text, &to));
	return 0;
}
