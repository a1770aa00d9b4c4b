/*
 * The variables of a frame: in its slots (localsplus) by the names of the code object, and for
 * what is no function in a mapping.
 */
#include "frame.h"

#include <stdlib.h>
#include <string.h>

void local_list_deinit(struct local_list *list)
{
	py_local_array_deinit(&list->items);
	char_array_deinit(&list->text);
	local_name_array_deinit(&list->names);
}

/* Slots that follow each other, and the tuple of their names. */
struct slot_group {
	raddr_t names;	/**< the tuple */
	raddr_t slots;	/**< of the first one */
	uint64_t count; /**< items of the tuple */
	raddr_t kinds;	/**< first byte of co_localspluskinds, 0: all are @kind */
	enum py_local_kind kind;
};

/* Bits of co_localspluskinds (Include/internal/pycore_code.h, 3.11+). */
enum {
	FAST_HIDDEN = 0x10,
	FAST_CELL = 0x40,
	FAST_FREE = 0x80
};

static enum py_local_kind kind_of(uint8_t bits)
{
	if (bits & FAST_FREE)
		return PY_LOCAL_FREE;
	return bits & FAST_CELL ? PY_LOCAL_CELL : PY_LOCAL;
}

static struct error *append(struct frame_reader *reader, struct local_list *list, raddr_t name,
			    const struct py_local *local)
{
	char buffer[TEXT_MAX * 4 + 1];
	size_t size, start = list->text.count;

	/* An empty name cannot be in any source: it stands for one that cannot be read. */
	if (!view_text_start(reader->view, name, buffer, sizeof(buffer)))
		buffer[0] = '\0';
	size = strlen(buffer) + 1;
	try_(char_array_reserve(&list->text, start + size));
	memcpy(list->text.items + start, buffer, size);
	list->text.count += size;
	try_(local_name_array_append(&list->names, (struct local_name){name, start}));
	return py_local_array_append(&list->items, *local);
}

static void set_value(struct frame_reader *reader, uint64_t slot, struct py_local *local)
{
	struct py_view *view = reader->view;
	raddr_t value = frame_untag(view, slot, &local->borrowed);

	local->object = value;
	/* Before the frame begins to run, the slot of a cell holds an argument itself (3.11+). */
	if (local->kind == PY_LOCAL ||
	    !frame_is_instance(reader, value, "cell", &reader->cell_type))
		return;
	local->cell = value;
	if (!view_word(view, value, PY_CELL_REF, &local->object))
		local->object = 0;
}

enum {
	CHUNK = 64 /* slots that are read at once */
};

static struct error *append_chunk(struct frame_reader *reader, const struct slot_group *group,
				  uint64_t first, size_t count, struct local_list *list)
{
	struct image *image = reader->view->image;
	raddr_t tuple = group->names + py_at(reader->view->layout, PY_TUPLE_ITEM);
	uint64_t names[CHUNK], slots[CHUNK];
	uint8_t kinds[CHUNK] = {0};
	size_t i;

	if (!image_read(image, tuple + first * sizeof(*names), names, count * sizeof(*names)) ||
	    !image_read(image, group->slots + first * sizeof(*slots), slots,
			count * sizeof(*slots)) ||
	    (group->kinds && !image_read(image, group->kinds + first, kinds, count))) {
		list->damaged = true;
		return NULL;
	}
	for (i = 0; i < count; i++) {
		struct py_local local = {
			.kind = group->kinds ? kind_of(kinds[i]) : group->kind,
			.hidden = kinds[i] & FAST_HIDDEN,
		};

		set_value(reader, slots[i], &local);
		try_(append(reader, list, names[i], &local));
	}
	return NULL;
}

static struct error *append_group(struct frame_reader *reader, const struct slot_group *group,
				  struct local_list *list)
{
	uint64_t done;

	for (done = 0; done < group->count && !list->damaged; done += CHUNK) {
		uint64_t left = group->count - done;

		try_(append_chunk(reader, group, done, left < CHUNK ? (size_t)left : CHUNK, list));
	}
	return NULL;
}

/* The tuple in @field of the code object, whose items name the slots from @slots on. */
static bool read_group(struct py_view *view, raddr_t code, enum py_field field, raddr_t slots,
		       struct slot_group *ret)
{
	ret->slots = slots;
	return view_word(view, code, field, &ret->names) &&
	       view_word(view, ret->names, PY_VAR_SIZE, &ret->count) &&
	       ret->count <= PY_MOST_LOCALS;
}

/*
 * To 3.10 an argument that is a cell has both slots. Its first one is empty, or, where a trace
 * function looked at the variables, holds what it was then; Python shows the cell.
 */
static struct error *drop_arguments_of_cells(struct local_list *list)
{
	_cleanup_(addrmap_deinit) struct addrmap cells = {0};
	size_t count = list->items.count, kept = 0, i;
	uint32_t index;

	for (i = 0; i < count; i++) {
		if (list->items.items[i].kind == PY_LOCAL_CELL && list->names.items[i].object)
			try_(addrmap_set(&cells, list->names.items[i].object, 0));
	}
	if (!cells.count)
		return NULL;
	for (i = 0; i < count; i++) {
		if (list->items.items[i].kind == PY_LOCAL &&
		    addrmap_get(&cells, list->names.items[i].object, &index))
			continue;
		list->items.items[kept] = list->items.items[i];
		list->names.items[kept++] = list->names.items[i];
	}
	list->items.count = kept;
	list->names.count = kept;
	return NULL;
}

/* To 3.10: three tuples, whose slots follow each other. */
static struct error *append_three_groups(struct frame_reader *reader, const struct raw_frame *frame,
					 struct local_list *list)
{
	static const struct {
		enum py_field field;
		enum py_local_kind kind;
	} groups[] = {
		{PY_CODE_VARNAMES, PY_LOCAL},
		{PY_CODE_CELLVARS, PY_LOCAL_CELL},
		{PY_CODE_FREEVARS, PY_LOCAL_FREE},
	};
	raddr_t slots = frame->slots;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		struct slot_group group = {.kind = groups[i].kind};

		if (!read_group(reader->view, frame->code, groups[i].field, slots, &group)) {
			list->damaged = true;
			return NULL;
		}
		try_(append_group(reader, &group, list));
		slots += group.count * sizeof(raddr_t);
	}
	return drop_arguments_of_cells(list);
}

/* 3.11+: one tuple and the kinds of its names. */
static struct error *append_one_group(struct frame_reader *reader, const struct raw_frame *frame,
				      struct local_list *list)
{
	struct py_view *view = reader->view;
	struct slot_group group = {0};
	uint64_t slots, kinds;
	raddr_t bytes;

	if (!read_group(view, frame->code, PY_CODE_LOCALSPLUSNAMES, frame->slots, &group) ||
	    !view_field(view, frame->code, PY_CODE_NLOCALSPLUS, &slots) || slots != group.count ||
	    !view_word(view, frame->code, PY_CODE_LOCALSPLUSKINDS, &bytes) ||
	    !view_word(view, bytes, PY_VAR_SIZE, &kinds) || kinds != group.count) {
		list->damaged = true;
		return NULL;
	}
	group.kinds = bytes + py_at(view->layout, PY_BYTES_SVAL);
	return append_group(reader, &group, list);
}

/* exec() takes any mapping: what is no dict has entries that only its own code knows. */
static struct error *append_names(struct frame_reader *reader, raddr_t names,
				  struct local_list *list)
{
	struct py_local local = {.kind = PY_LOCAL_NAME};
	struct dict_cursor cursor;
	size_t count;
	raddr_t key;

	if (!view_has_flag(reader->view, names, TPFLAGS_DICT_SUBCLASS))
		return NULL;
	if (!dict_open(reader->view, names, &cursor)) {
		list->damaged = true;
		return NULL;
	}
	for (count = 0; count < PY_MOST_LOCALS; count++) {
		if (!dict_next(reader->view, &cursor, &key, &local.object))
			break;
		try_(append(reader, list, key, &local));
	}
	list->damaged = list->damaged || !dict_is_whole(&cursor);
	return NULL;
}

/* Names stand in one block, which may have moved while it grew. */
static void set_names(struct local_list *list)
{
	size_t i;

	for (i = 0; i < list->items.count; i++) {
		const char *name = list->text.items + list->names.items[i].text;

		list->items.items[i].name = *name ? name : NULL;
		list->items.items[i].name_object = list->names.items[i].object;
	}
}

struct error *local_list_read(struct frame_reader *reader, const struct raw_frame *frame,
			      const struct code_info *code, struct local_list *list)
{
	list->items.count = 0;
	list->text.count = 0;
	list->names.count = 0;
	list->damaged = false;
	if (reader->view->traits.frames_lazy)
		try_(append_one_group(reader, frame, list));
	else
		try_(append_three_groups(reader, frame, list));
	if (!code->optimized && frame->names && frame->names != frame->globals)
		try_(append_names(reader, frame->names, list));
	set_names(list);
	return NULL;
}
