#include "memory.h"

#include "target/malloc_heap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	/* Objects/obmalloc.c: SMALL_REQUEST_THRESHOLD; larger blocks are malloc's. */
	LARGEST_BLOCK = 512
};

void memory_deinit(struct memory *memory)
{
	py_arenas_deinit(&memory->arenas);
}

/* Where pages are looked up. */
struct pages {
	int pagemap;		 /**< of the process; -1: a core file, or not to be had */
	const struct core *core; /**< NULL: a process */
};

/* How much of [@start, @end) is resident; false where that is not known. */
static bool count_pages(const struct pages *pages, raddr_t start, raddr_t end, uint64_t *ret)
{
	struct residency of;

	if (pages->core) {
		*ret = core_resident(pages->core, start, end);
		return true;
	}
	if (!pagemap_count(pages->pagemap, start, end, &of))
		return false;
	*ret = of.resident;
	return true;
}

static uint64_t run_below(const struct pages *pages, raddr_t least, raddr_t address)
{
	return pages->core ? core_run_below(pages->core, least, address)
			   : pagemap_run_below(pages->pagemap, least, address);
}

/* Never 0, and as good as never the same for two files of a process. */
static uint64_t file_key(const struct mapping *mapping)
{
	return (mapping->inode * UINT64_C(0x9E3779B97F4A7C15) ^ mapping->device) | 1;
}

/* A file of which any part is mapped as code is a program, all of it. */
static struct error *find_programs(const struct mapping_array *maps, struct addrmap *ret)
{
	size_t i;

	for (i = 0; i < maps->count; i++) {
		if (maps->items[i].inode && (maps->items[i].flags & MAPPING_EXEC))
			try_(addrmap_set(ret, file_key(&maps->items[i]), 1));
	}
	return NULL;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool is_shared_memory(const struct mapping *mapping)
{
	return (mapping->flags & MAPPING_SHARED) && proc_names_shared_memory(mapping->path);
}

/* What the kernel names in brackets and is neither heap, nor stack, nor named by its user. */
static bool is_of_kernel(const struct mapping *mapping)
{
	return mapping->path[0] == '[' && strcmp(mapping->path, "[heap]") != 0 &&
	       !has_prefix(mapping->path, "[anon");
}

/* The writable data of a program, .bss included, that holds @address; NULL: none does. */
static const struct py_native_area *find_data(const struct native *native, raddr_t address)
{
	const struct py_native_area *areas = native->areas.items;
	size_t low = 0, high = native->areas.count;

	/* Areas of data are sorted and stand before those of stacks. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (areas[middle].kind == PY_ROOT_DATA && areas[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address < areas[low - 1].end ? &areas[low - 1] : NULL;
}

static bool is_bss(const struct native *native, const struct mapping *mapping)
{
	const struct py_native_area *area = find_data(native, mapping->start);

	return area && mapping->end <= area->end;
}

static enum heap_place place_of(const struct native *native, const struct addrmap *programs,
				const struct mapping *mapping)
{
	uint32_t is_program;

	if (is_shared_memory(mapping))
		return HEAP_PLACE_SHARED;
	if (mapping->inode)
		return addrmap_get(programs, file_key(mapping), &is_program) ? HEAP_PLACE_PROGRAM
									     : HEAP_PLACE_FILES;
	if (!strcmp(mapping->path, "[stack]"))
		return HEAP_PLACE_STACKS;
	if (is_of_kernel(mapping))
		return HEAP_PLACE_KERNEL;
	return is_bss(native, mapping) ? HEAP_PLACE_PROGRAM : HEAP_PLACE_ANONYMOUS;
}

/* What is resident, while it is divided. */
struct resident {
	struct heap_memory *facts; /**< borrowed */
	const struct smaps *smaps; /**< borrowed */
	struct pages pages;
	uint64_t *left; /**< of each mapping, what still counts as anonymous; owned */
};

static void resident_deinit(struct resident *resident)
{
	free(resident->left);
}

static struct error *add_mappings(const struct memory *memory, struct resident *resident)
{
	_cleanup_(addrmap_deinit) struct addrmap programs = {0};
	const struct mapping_array *maps = &resident->smaps->maps.list;
	struct heap_memory *facts = resident->facts;
	size_t i;

	resident->left = calloc(maps->count + 1, sizeof(*resident->left));
	if (!resident->left)
		return &error_no_memory;
	try_(find_programs(maps, &programs));
	for (i = 0; i < maps->count; i++) {
		const struct residency *of = &resident->smaps->of.items[i];
		enum heap_place place = place_of(memory->native, &programs, &maps->items[i]);

		facts->swapped += of->swapped;
		facts->proportional += of->proportional;
		facts->own += of->own;
		facts->resident[place] += of->resident;
		if (place == HEAP_PLACE_ANONYMOUS)
			resident->left[i] = of->resident;
	}
	if (maps->count)
		facts->known |= HEAP_MEMORY_RESIDENT;
	return NULL;
}

/*
 * @bytes of [@start, @end) that have been counted as anonymous are something else. Not more than
 * the mappings there have: to pagemap also a page is present that was only read, as by gcore, and
 * stands for zeros; to smaps it is not resident.
 */
static void move(struct resident *resident, enum heap_place to, raddr_t start, raddr_t end,
		 uint64_t bytes)
{
	const struct mapping_array *maps = &resident->smaps->maps.list;
	const struct mapping *mapping = proc_maps_find(&resident->smaps->maps, start);
	size_t i = mapping ? (size_t)(mapping - maps->items) : maps->count;

	for (; i < maps->count && maps->items[i].start < end; i++) {
		uint64_t part = bytes < resident->left[i] ? bytes : resident->left[i];

		bytes -= part;
		resident->left[i] -= part;
		resident->facts->resident[HEAP_PLACE_ANONYMOUS] -= part;
		resident->facts->resident[to] += part;
	}
}

/*
 * A stack is what the thread uses now, and what is resident below that without a gap: a guard page
 * never is, whatever else may be mapped behind it.
 */
static void move_stack(struct resident *resident, const struct py_native_area *area)
{
	const struct mapping *mapping = proc_maps_find(&resident->smaps->maps, area->start);
	uint64_t bytes;

	if (!mapping || !count_pages(&resident->pages, area->start, area->end, &bytes))
		return;
	bytes += run_below(&resident->pages, mapping->start, area->start);
	move(resident, HEAP_PLACE_STACKS, area->start, area->end, bytes);
}

static void move_parts(const struct memory *memory, struct resident *resident)
{
	const struct native_area_array *areas = &memory->native->areas;
	const struct py_arena_array *arenas = &memory->arenas.list;
	uint64_t bytes;
	size_t i;

	for (i = 0; i < areas->count; i++) {
		if (areas->items[i].kind == PY_ROOT_STACK)
			move_stack(resident, &areas->items[i]);
	}
	for (i = 0; i < arenas->count; i++) {
		raddr_t start = arenas->items[i].start, end = arenas->items[i].end;

		if (count_pages(&resident->pages, start, end, &bytes))
			move(resident, HEAP_PLACE_ARENAS, start, end, bytes);
	}
}

static const struct mapping *find_named(const struct mapping_array *maps, const char *name)
{
	size_t i;

	for (i = 0; i < maps->count; i++) {
		if (!strcmp(maps->items[i].path, name))
			return &maps->items[i];
	}
	return NULL;
}

/* Of large free chunks some pages may never have been touched. */
static void add_malloc_free(const struct memory *memory, const struct malloc_heap *heap,
			    const struct pages *pages)
{
	uint64_t bytes = heap->free, resident;
	size_t i;

	for (i = 0; i < heap->large.count; i++) {
		const struct malloc_range *range = &heap->large.items[i];

		if (!count_pages(pages, range->start, range->end, &resident))
			return;
		if (resident < range->end - range->start)
			bytes -= range->end - range->start - resident;
	}
	memory->facts->malloc_free = bytes;
	memory->facts->known |= HEAP_MEMORY_MALLOC;
}

/* Of threads: wherever one could begin. Where heaps touch, their mappings may be one. */
static struct error *add_thread_heaps(const struct mapping_array *maps, struct image *image,
				      struct malloc_heap *heap)
{
	const unsigned int needed = MAPPING_READ | MAPPING_WRITE;
	const raddr_t step = MALLOC_THREAD_HEAP;
	size_t i;

	for (i = 0; i < maps->count; i++) {
		const struct mapping *mapping = &maps->items[i];
		raddr_t at;

		if (mapping->inode || mapping->path[0] == '[' ||
		    (mapping->flags & (needed | MAPPING_SHARED)) != needed)
			continue;
		for (at = (mapping->start + step - 1) / step * step; at < mapping->end; at += step)
			try_(malloc_heap_add_thread(image, at, mapping->end, heap));
	}
	return NULL;
}

static struct error *add_heaps(const struct mapping_array *maps, struct image *image,
			       struct malloc_heap *heap)
{
	const struct mapping *mapping = find_named(maps, "[heap]");

	if (!mapping)
		return error_create(ERROR_BAD_DATA, "no heap of glibc's malloc");
	try_(malloc_heap_add_main(image, mapping->start, mapping->end, heap));
	return add_thread_heaps(maps, image, heap);
}

/* The heaps as the image has them: they may have grown after smaps was read. */
static struct error *find_malloc_free(const struct memory *memory, struct image *image,
				      const struct pages *pages)
{
	_cleanup_(malloc_heap_deinit) struct malloc_heap heap = {0};
	struct error *err = add_heaps(&memory->native->symbols.maps.list, image, &heap);

	if (error_catch(&err, ERROR_BAD_DATA))
		return NULL;
	try_(err);
	add_malloc_free(memory, &heap, pages);
	return NULL;
}

static struct error *find_resident(const struct memory *memory, const struct capture *capture,
				   struct image *image)
{
	_cleanup_close_ int pagemap = capture->core ? -1 : pagemap_open(capture->task);
	_cleanup_(resident_deinit) struct resident resident = {
		.facts = memory->facts,
		.smaps = &capture->smaps,
		.pages = {pagemap, capture->core},
	};

	try_(add_mappings(memory, &resident));
	if (!(memory->facts->known & HEAP_MEMORY_RESIDENT))
		return NULL;
	if (pagemap < 0 && !capture->core) {
		memory->facts->known &= ~(uint64_t)HEAP_MEMORY_ARENAS;
		return NULL;
	}
	move_parts(memory, &resident);
	return find_malloc_free(memory, image, &resident.pages);
}

static struct error *find_arenas(struct memory *memory, struct py_view *view)
{
	const struct py_arenas *arenas = &memory->arenas;
	const struct py_native_area *data = find_data(memory->native, view->runtime->address);
	struct heap_memory *facts = memory->facts;
	struct error *err;

	err = python_arenas(view, data ? data->start : 0, data ? data->end : 0, &memory->arenas);
	if (error_catch(&err, ERROR_UNSUPPORTED) || error_catch(&err, ERROR_BAD_DATA))
		return NULL;
	try_(err);
	facts->known |= HEAP_MEMORY_ARENAS;
	facts->arenas = arenas->list.count;
	facts->arena_bytes = arenas->bytes;
	facts->pool_size = arenas->pool_size;
	facts->pools = arenas->pools;
	facts->free_pools = arenas->free_pools;
	facts->used = arenas->used;
	facts->free = arenas->free;
	return NULL;
}

struct error *memory_init(struct memory *memory, const struct capture *capture,
			  struct py_view *view, const struct native *native,
			  struct heap_memory *facts)
{
	memory->native = native;
	memory->facts = facts;
	try_(find_arenas(memory, view));
	try_(find_resident(memory, capture, view->image));
	facts->known |= HEAP_MEMORY_OBJECTS;
	return NULL;
}

/*
 * An object in an arena fills its block at most; what it owns beyond that is in other blocks, or,
 * where it is larger than any, outside.
 */
void memory_add_object(struct memory *memory, raddr_t address, uint64_t size, uint64_t block)
{
	struct heap_memory *facts = memory->facts;

	if (block && size <= block + LARGEST_BLOCK)
		facts->objects_inside += size;
	else if (block) {
		facts->objects_inside += block;
		facts->objects_outside += size - block;
	} else if (find_data(memory->native, address))
		facts->objects_program += size;
	else
		facts->objects_outside += size;
}
