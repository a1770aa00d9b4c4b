#include "analyze/memory.h"

bool memory_known(const struct heap_memory *memory)
{
	const uint64_t needed = HEAP_MEMORY_RESIDENT | HEAP_MEMORY_OBJECTS;

	return (memory->known & needed) == needed;
}

uint64_t memory_told(const struct heap_memory *memory)
{
	uint64_t told = memory->known & (HEAP_MEMORY_ARENAS | HEAP_MEMORY_MALLOC);

	return memory->arenas ? told : told & ~(uint64_t)HEAP_MEMORY_ARENAS;
}

bool memory_has_part(enum memory_part part, uint64_t told)
{
	if (part == MEMORY_BLOCKS || part == MEMORY_FREE || part == MEMORY_OUTSIDE)
		return told & HEAP_MEMORY_ARENAS;
	return part != MEMORY_MALLOC || told & HEAP_MEMORY_MALLOC;
}

/* Move at most @bytes from *@left to a part, and say how many could not be. */
static uint64_t take(uint64_t bytes, uint64_t *left, uint64_t *to)
{
	uint64_t taken = bytes < *left ? bytes : *left;

	*to += taken;
	*left -= taken;
	return bytes - taken;
}

static void split_arenas(const struct heap_memory *memory, struct memory_split *split)
{
	uint64_t left = memory->resident[HEAP_PLACE_ARENAS];
	uint64_t objects = memory->objects_inside < memory->used ? memory->objects_inside
								 : memory->used;

	split->excess = take(objects, &left, &split->bytes[MEMORY_OBJECTS]);
	(void)take(memory->used - objects, &left, &split->bytes[MEMORY_BLOCKS]);
	split->bytes[MEMORY_FREE] = left;
}

/* What is free is known exactly, so it comes before what objects say. */
static void split_anonymous(const struct heap_memory *memory, uint64_t told,
			    struct memory_split *split)
{
	uint64_t left = memory->resident[HEAP_PLACE_ANONYMOUS];
	enum memory_part part = told & HEAP_MEMORY_ARENAS ? MEMORY_OUTSIDE : MEMORY_OBJECTS;
	uint64_t objects = memory->objects_outside;

	if (!(told & HEAP_MEMORY_ARENAS)) {
		left += memory->resident[HEAP_PLACE_ARENAS];
		objects += memory->objects_inside;
	}
	if (told & HEAP_MEMORY_MALLOC)
		(void)take(memory->malloc_free, &left, &split->bytes[MEMORY_MALLOC]);
	split->excess += take(objects, &left, &split->bytes[part]);
	split->bytes[MEMORY_NATIVE] = left;
}

void memory_split(const struct heap_memory *memory, uint64_t told, struct memory_split *ret)
{
	size_t i;

	*ret = (struct memory_split){0};
	if (told & HEAP_MEMORY_ARENAS)
		split_arenas(memory, ret);
	split_anonymous(memory, told, ret);
	ret->bytes[MEMORY_STACKS] = memory->resident[HEAP_PLACE_STACKS];
	ret->bytes[MEMORY_PROGRAM] = memory->resident[HEAP_PLACE_PROGRAM];
	ret->bytes[MEMORY_FILES] = memory->resident[HEAP_PLACE_FILES];
	ret->bytes[MEMORY_SHARED] = memory->resident[HEAP_PLACE_SHARED];
	ret->bytes[MEMORY_KERNEL] = memory->resident[HEAP_PLACE_KERNEL];
	for (i = 0; i < MEMORY_PARTS; i++)
		ret->resident += ret->bytes[i];
}

enum memory_part memory_grown_most(const struct memory_split *before,
				   const struct memory_split *after)
{
	size_t most = MEMORY_PARTS, i;
	uint64_t growth = 0;

	for (i = 0; i < MEMORY_PARTS; i++) {
		if (after->bytes[i] > before->bytes[i] &&
		    after->bytes[i] - before->bytes[i] > growth) {
			growth = after->bytes[i] - before->bytes[i];
			most = i;
		}
	}
	return (enum memory_part)most;
}
