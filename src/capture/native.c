#include "native.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error *add_area(struct native *native, struct py_native_area area,
			      struct native_place place)
{
	try_(native_place_array_append(&native->places, place));
	return native_area_array_append(&native->areas, area);
}

/* The end of the writable segment of which @mapping is a part, with its .bss; 0: not known. */
static raddr_t segment_end(struct origin origin, const struct mapping *mapping)
{
	_cleanup_objfile_ struct objfile *file = NULL;
	struct objfile_range segment;
	struct error *err;
	uint64_t bias;
	int fd = -1;

	err = origin_open_mapping(origin, mapping, &fd);
	if (!err)
		err = objfile_open(fd, mapping->path, &file);
	error_free(err);
	/* The first page of the mapping may begin before the segment does. */
	if (!file || !objfile_data_bias(file, mapping->offset, mapping->start, &bias) ||
	    !objfile_writable(file, mapping->start - bias, mapping->end - bias, &segment))
		return 0;
	return bias + segment.address + segment.size;
}

/* Where what is mapped from mapping number @i on without a gap ends. */
static raddr_t mapped_end(const struct mapping_array *maps, size_t i)
{
	while (i + 1 < maps->count && maps->items[i + 1].start == maps->items[i].end)
		i++;
	return maps->items[i].end;
}

static bool is_data(const struct mapping *mapping)
{
	return mapping->inode && (mapping->flags & MAPPING_WRITE) &&
	       !(mapping->flags & MAPPING_SHARED);
}

static struct error *add_data(struct native *native)
{
	const struct mapping_array *maps = &native->symbols.maps.list;
	size_t i;

	for (i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		struct py_native_area area = {.kind = PY_ROOT_DATA, .start = mapping->start};

		if (!is_data(mapping))
			continue;
		area.end = segment_end(native->symbols.origin, mapping);
		/* No part of a program: data of somebody's, not references. */
		if (area.end <= area.start)
			continue;
		/* The file may say anything. */
		if (area.end > mapped_end(maps, i))
			area.end = mapped_end(maps, i);
		if (native->areas.count &&
		    native->areas.items[native->areas.count - 1].end > area.start)
			native->areas.items[native->areas.count - 1].end = area.start;
		try_(add_area(native, area, (struct native_place){.mapping = mapping}));
	}
	return NULL;
}

/* From the stack pointer to where the stack ends: at the thread's descriptor, or its mapping. */
static struct error *add_stack(struct native *native, const struct tracee_thread *thread,
			       raddr_t pointer)
{
	const struct mapping *mapping = proc_maps_find(&native->symbols.maps, pointer);
	struct py_native_area area = {
		.kind = PY_ROOT_STACK,
		.start = pointer,
		.ident = thread->descriptor,
		.registers = (const uint64_t *)(const void *)&thread->registers,
		.register_count = sizeof(thread->registers) / sizeof(uint64_t),
	};

	if (!mapping)
		return NULL;
	area.end = mapping->end;
	if (thread->descriptor > pointer && thread->descriptor < mapping->end)
		area.end = thread->descriptor;
	return add_area(native, area, (struct native_place){.thread = thread});
}

static struct error *keep_name(struct native *native, char *name, const char **ret)
{
	struct error *err = text_array_append(&native->names, name);

	if (err)
		free(name);
	else
		*ret = name;
	return err;
}

/* "file:symbol", "file:symbol+0x8", "file+0x1234". */
static struct error *name_data(struct native *native, const struct mapping *mapping,
			       raddr_t address, const char **ret)
{
	const char *symbol, *file = file_base_name(mapping->path);
	uint64_t offset;
	char *name;
	int length;

	try_(symbols_find_data(&native->symbols, mapping, address, &symbol, &offset));
	if (symbol && !offset)
		length = asprintf(&name, "%s:%s", file, symbol);
	else
		length = asprintf(&name, "%s%s%s+0x%jx", file, symbol ? ":" : "",
				  symbol ? symbol : "", (uintmax_t)offset);
	return length < 0 ? &error_no_memory : keep_name(native, name, ret);
}

static struct error *on_frame(void *ctx, const struct unwind_frame *frame)
{
	struct native *native = ctx;

	return unwind_frame_array_append(&native->frames, *frame);
}

/* The call in whose part of the stack @address is: the outermost of those that begin before it. */
static const struct unwind_frame *frame_at(const struct native *native, raddr_t address)
{
	size_t low = 0, high = native->frames.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (native->frames.items[middle].stack <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &native->frames.items[low - 1] : NULL;
}

static struct error *name_code(struct native *native, raddr_t pc, const char **ret)
{
	const char *function, *path;
	uint64_t offset;
	char *name;

	try_(symbols_find(&native->symbols, pc, &function, &offset, &path));
	*ret = function;
	if (function)
		return NULL;
	if (asprintf(&name, "%s+0x%jx", *path ? file_base_name(path) : "?", (uintmax_t)offset) < 0)
		return &error_no_memory;
	return keep_name(native, name, ret);
}

static struct error *name_stack(struct native *native, size_t area, raddr_t address,
				const char **ret)
{
	const struct unwind_frame *frame;

	if (native->unwound != area) {
		native->unwound = SIZE_MAX;
		native->frames.count = 0;
		try_(unwind_thread(native->unwinder, native->places.items[area].thread, on_frame,
				   native));
		native->unwound = area;
	}
	frame = frame_at(native, address);
	if (frame)
		return name_code(native, frame->pc, ret);
	*ret = "native stack";
	return NULL;
}

static struct error *on_name(void *ctx, size_t area, raddr_t address, const char **ret)
{
	struct native *native = ctx;
	const struct native_place *place = &native->places.items[area];

	return place->mapping ? name_data(native, place->mapping, address, ret)
			      : name_stack(native, area, address, ret);
}

static bool on_allocated(void *ctx, raddr_t address)
{
	struct native *native = ctx;
	const struct mapping *mapping = proc_maps_find(&native->symbols.maps, address);

	return mapping && !mapping->inode && (mapping->flags & MAPPING_WRITE) &&
	       !(mapping->flags & MAPPING_SHARED);
}

struct error *native_init(struct native *native, const struct capture *capture,
			  const struct freeze *freeze)
{
	struct origin origin = freeze_origin(freeze, capture->pid);
	size_t i;

	native->unwound = SIZE_MAX;
	try_(symbols_init(&native->symbols, origin));
	try_(unwind_create(origin, freeze->image, &native->unwinder));
	try_(add_data(native));
	for (i = 0; i < capture->threads.count; i++) {
		const struct tracee_thread *thread = &capture->threads.items[i];

		try_(add_stack(native, thread, tracee_stack_pointer(thread)));
	}
	native->python = (struct py_native){
		.ctx = native,
		.areas = native->areas.items,
		.count = native->areas.count,
		.allocated = on_allocated,
		.name = on_name,
	};
	return NULL;
}

void native_deinit(struct native *native)
{
	size_t i;

	for (i = 0; i < native->names.count; i++)
		free(native->names.items[i]);
	text_array_deinit(&native->names);
	unwind_frame_array_deinit(&native->frames);
	native_place_array_deinit(&native->places);
	native_area_array_deinit(&native->areas);
	unwind_destroy(native->unwinder);
	symbols_deinit(&native->symbols);
	*native = (struct native){0};
}
