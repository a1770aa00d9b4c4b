/*
 * Snapshot files for the fuzzer to begin with: seeds DIR.
 */
#include "heap/builder.h"
#include "heap/file.h"

#include <fcntl.h>
#include <stdio.h>

enum {
	OBJECTS = 80
};

static struct error *add_tables(struct heap_builder *builder)
{
	struct heap_thread thread = {.native_id = 7, .ident = 77};
	struct heap_frame frame = {.object = HEAP_NONE, .line = 3, .file = HEAP_NONE};
	struct heap_root root = {.kind = HEAP_ROOT_FRAME, .target = 1};
	heap_text_t text;

	try_(heap_builder_set_string(builder, HEAP_STRING_COMMAND, "python app.py"));
	try_(heap_builder_add_text(builder, "main", &text));
	thread.name = frame.function = root.name = text;
	try_(heap_builder_add_thread(builder, &thread));
	try_(heap_builder_add_frame(builder, &frame));
	frame.depth = 1;
	try_(heap_builder_add_frame(builder, &frame));
	try_(heap_builder_add_root(builder, &root));
	return heap_builder_set_object_text(builder, 3, text);
}

static struct error *add_objects(struct heap_builder *builder)
{
	struct heap_list list = {.generation = 2, .ordered = 1};
	uint32_t i;

	try_(heap_builder_add_type(builder, 0x9000, "builtins.dict"));
	try_(heap_builder_add_type(builder, 0x9100, "app.A"));
	try_(heap_builder_add_list(builder, &list));
	for (i = 0; i < OBJECTS; i++) {
		struct heap_object object = {
			.address = 0x7f0000000000 + (uint64_t)i * 0x40000000,
			.type = i % 2,
			.list = i % 3 ? 0 : HEAP_UNTRACKED,
			.size = i == 5 ? UINT64_C(5000000000) : 16 + i,
			.refcount = i == 7 ? 100000 : i,
		};

		try_(heap_builder_add_object(builder, &object));
	}
	return NULL;
}

static struct error *add_refs(struct heap_builder *builder)
{
	uint32_t i;

	for (i = 0; i < OBJECTS; i++) {
		struct heap_ref refs[3];
		uint32_t k;

		for (k = 0; k < 3; k++) {
			refs[k].target = (i * 7 + k) % OBJECTS;
			try_(heap_builder_add_label(builder, (enum heap_kind)(i % HEAP_KINDS),
						    HEAP_NONE, &refs[k].label));
		}
		try_(heap_builder_add_refs(builder, refs, i % 4));
	}
	return NULL;
}

static struct error *write_seeds(const char *folder)
{
	_cleanup_heap_builder_ struct heap_builder *builder = NULL;
	_cleanup_heap_ struct heap *heap = NULL;
	char path[512];
	int i;

	try_(heap_builder_create(&builder));
	heap_builder_facts(builder)->with_graph = 1;
	try_(add_tables(builder));
	try_(add_objects(builder));
	try_(add_refs(builder));
	try_(heap_builder_finish(builder, &heap));
	for (i = 0; i < 2; i++) {
		struct heap_file_options options = {.compress = i};

		(void)snprintf(path, sizeof(path), "%s/seed%d", folder, i);
		try_(heap_file_write(heap, AT_FDCWD, path, &options, NULL));
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct error *err = argc == 2 ? write_seeds(argv[1]) : NULL;

	if (err)
		(void)fprintf(stderr, "seeds: %s\n", error_message(err));
	return argc != 2 || err;
}
