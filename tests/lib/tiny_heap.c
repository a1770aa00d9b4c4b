#include "tiny_heap.h"

#include "ck_error.h"
#include "heap/builder.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MOST = 512,
	NAME = 64
};

struct object {
	char name[NAME], type[NAME];
	uint64_t size;
	uint32_t type_id;
	bool is_module, is_local;
	struct heap_ref refs[MOST];
	size_t ref_count;
	uint64_t refcount, limit;
};

struct sketch {
	struct object *objects; /* MOST of them */
	size_t count;
	struct heap_builder *builder; /* NULL: only names are wanted */
};

static uint32_t find(struct sketch *sketch, const char *name)
{
	size_t i;

	for (i = 0; i < sketch->count; i++) {
		if (!strcmp(sketch->objects[i].name, name))
			return (uint32_t)i;
	}
	ck_assert_uint_lt(sketch->count, MOST);
	(void)snprintf(sketch->objects[i].name, NAME, "%s", name);
	(void)snprintf(sketch->objects[i].type, NAME, "t.%.*s", NAME - 3, name);
	sketch->objects[i].size = 16;
	sketch->count++;
	return (uint32_t)i;
}

/* A name at *@at and what is said of its type and size. */
static uint32_t take_object(struct sketch *sketch, const char **at)
{
	char name[NAME] = "", type[NAME] = "";
	const char *c = *at;
	size_t n = 0;
	uint32_t id;

	while (isalnum((unsigned char)*c) || *c == '_') {
		ck_assert_uint_lt(n, NAME - 1);
		name[n++] = *c++;
	}
	ck_assert_msg(n > 0, "a name is missing at '%s'", *at);
	id = find(sketch, name);
	if (*c == ':') {
		n = strcspn(++c, ": ");
		ck_assert_uint_lt(n, NAME);
		memcpy(type, c, n);
		(void)snprintf(sketch->objects[id].type, NAME, "%s", type);
		c += n;
		if (*c == ':')
			sketch->objects[id].size = strtoull(c + 1, (char **)&c, 0);
	}
	*at = c;
	return id;
}

static void refer(struct sketch *sketch, uint32_t from, uint32_t to, enum heap_kind kind,
		  const char *name)
{
	struct object *object = &sketch->objects[from];
	struct heap_ref ref = {.target = to};
	heap_text_t text;

	if (kind != HEAP_WEAK)
		sketch->objects[to].refcount++;
	if (!sketch->builder)
		return;
	ck_assert_uint_lt(object->ref_count, MOST);
	ck_ok(heap_builder_add_text(sketch->builder, name, &text));
	ck_ok(heap_builder_add_label(sketch->builder, kind, text, &ref.label));
	object->refs[object->ref_count++] = ref;
}

static void take_value(struct sketch *sketch, uint32_t from, const char **at)
{
	const char *end = strchr(*at + 2, '\'');
	char key[NAME] = "", type[NAME] = "builtins.str";
	uint32_t id;

	ck_assert_msg(end && end[1] == ']', "a bad key at '%s'", *at);
	memcpy(key, *at + 2, (size_t)(end - *at) - 2);
	id = find(sketch, key);
	memcpy(sketch->objects[id].type, type, sizeof(type));
	refer(sketch, from, id, HEAP_KEY, NULL);
	*at = end + 2;
}

/* What comes between two names: the kind of the reference and its name. */
static enum heap_kind take_kind(struct sketch *sketch, uint32_t from, const char **at, char *name)
{
	enum heap_kind kind = HEAP_NATIVE;
	size_t n;

	if (**at == '~') {
		(*at)++;
		return HEAP_WEAK;
	}
	if (**at == '.') {
		n = strcspn(++*at, "-");
		memcpy(name, *at, n);
		name[n] = '\0';
		*at += n;
		kind = HEAP_ATTRIBUTE;
	} else if (!strncmp(*at, "[]", 2)) {
		*at += 2;
		kind = HEAP_ITEM;
	} else if (!strncmp(*at, "['", 2)) {
		take_value(sketch, from, at);
		kind = HEAP_VALUE;
	}
	ck_assert_msg(!strncmp(*at, "->", 2), "no arrow at '%s'", *at);
	*at += 2;
	return kind;
}

static void take_word(struct sketch *sketch, const char **at)
{
	char name[NAME] = "";
	uint32_t from, to;

	if (!strncmp(*at, "root:", 5)) {
		*at += 5;
		from = take_object(sketch, at);
		sketch->objects[from].is_module = true;
		sketch->objects[from].refcount++;
		return;
	}
	if (!strncmp(*at, "local:", 6)) {
		*at += 6;
		from = take_object(sketch, at);
		sketch->objects[from].is_local = true;
		sketch->objects[from].refcount++;
		return;
	}
	if (!strncmp(*at, "held:", 5)) {
		*at += 5;
		sketch->objects[take_object(sketch, at)].refcount++;
		return;
	}
	if (!strncmp(*at, "limit:", 6)) {
		uint64_t limit = strtoull(*at + 6, (char **)at, 0);

		(*at)++;
		sketch->objects[take_object(sketch, at)].limit = limit;
		return;
	}
	from = take_object(sketch, at);
	while (**at && **at != ' ') {
		enum heap_kind kind = take_kind(sketch, from, at, name);

		to = take_object(sketch, at);
		refer(sketch, from, to, kind, *name ? name : NULL);
		from = to;
		*name = '\0';
	}
}

static void read_sketch(struct sketch *sketch, const char *text)
{
	sketch->objects = calloc(MOST, sizeof(*sketch->objects));
	ck_assert_ptr_nonnull(sketch->objects);
	while (*text) {
		if (*text == ' ')
			text++;
		else
			take_word(sketch, &text);
	}
}

/* Types by their names, each brought by its first object. */
static void add_types(struct sketch *sketch)
{
	uint32_t types = 0;
	size_t i, k;

	for (i = 0; i < sketch->count; i++) {
		struct object *object = &sketch->objects[i];

		for (k = 0; strcmp(sketch->objects[k].type, object->type) != 0; k++)
			;
		object->type_id = k < i ? sketch->objects[k].type_id : types++;
		if (k == i)
			ck_ok(heap_builder_add_type(sketch->builder, 0x100000 + 16 * (raddr_t)i,
						    object->type));
	}
}

static void add_objects(struct sketch *sketch)
{
	struct heap_list list = {.generation = 2, .ordered = true};
	uint32_t i;

	ck_ok(heap_builder_add_list(sketch->builder, &list));
	add_types(sketch);
	for (i = 0; i < sketch->count; i++) {
		const struct object *from = &sketch->objects[i];
		struct heap_object object = {
			.address = 0x1000 + 16 * (raddr_t)i,
			.type = from->type_id,
			.size = from->size,
			.refcount = from->refcount,
		};
		heap_text_t text;

		ck_ok(heap_builder_add_object(sketch->builder, &object));
		ck_ok(heap_builder_add_text(sketch->builder, from->name, &text));
		if (!strcmp(from->type, "builtins.str"))
			ck_ok(heap_builder_set_object_text(sketch->builder, i, text));
		if (from->limit)
			ck_ok(heap_builder_set_limit(sketch->builder, i, from->limit));
	}
}

static void add_refs(struct sketch *sketch)
{
	uint32_t i;

	for (i = 0; i < sketch->count; i++) {
		const struct object *from = &sketch->objects[i];
		struct heap_root root = {
			.counted = 1, .target = i, .thread = HEAP_NONE, .frame = HEAP_NONE};

		ck_ok(heap_builder_add_refs(sketch->builder, from->refs, from->ref_count));
		ck_ok(heap_builder_add_text(sketch->builder, from->name, &root.name));
		if (from->is_module)
			ck_ok(heap_builder_add_root(sketch->builder, &root));
		root.kind = HEAP_ROOT_FRAME;
		if (from->is_local)
			ck_ok(heap_builder_add_root(sketch->builder, &root));
	}
}

struct heap *tiny_heap(const char *text)
{
	struct sketch sketch = {0};
	struct heap *heap;

	ck_ok(heap_builder_create(&sketch.builder));
	read_sketch(&sketch, text);
	add_objects(&sketch);
	add_refs(&sketch);
	heap_builder_facts(sketch.builder)->with_graph = 1;
	ck_ok(heap_builder_finish(sketch.builder, &heap));
	heap_builder_destroy(sketch.builder);
	free(sketch.objects);
	return heap;
}

uint32_t tiny_id(const char *text, const char *name)
{
	struct sketch sketch = {0};
	size_t before;
	uint32_t id;

	read_sketch(&sketch, text);
	before = sketch.count;
	id = find(&sketch, name);
	ck_assert_msg(sketch.count == before, "'%s' is not in the sketch", name);
	free(sketch.objects);
	return id;
}
