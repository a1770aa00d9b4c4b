#include "python/arenas.h"

#include "python_private.h"

enum {
	/* Objects/obmalloc.c, Include/internal/pycore_obmalloc.h, on 64 bits */
	ALIGNMENT = 16,
	MOST_CLASSES = 512 / ALIGNMENT,
	SMALLEST_POOL = 4096,
	LARGEST_POOL = 1 << 16,
	/* Damage beyond these. An arena has 64 pools, and one that is used has been 1 MiB at most.
	 */
	MOST_POOLS = 1024,
	MOST_ARENAS = 1 << 24,
	/* Words from the start of a structure that are read at once */
	ENTRY_MAX = 128
};

/* One pass over the tables. */
struct walk {
	struct py_view *view;
	struct py_arenas *arenas;
	uint64_t torn; /* pools that a thread was about to change */
};

/* An entry of a table, or the header of a pool, read at once. */
struct record {
	unsigned char bytes[ENTRY_MAX + sizeof(uint64_t)];
};

struct arena {
	raddr_t address, pool_address; /* of the arena, and of its first pool never used */
	uint64_t free_pools, pools;
};

void py_arenas_deinit(struct py_arenas *arenas)
{
	py_arena_array_deinit(&arenas->list);
	addrmap_deinit(&arenas->blocks);
	*arenas = (struct py_arenas){0};
}

static bool read_record(struct py_view *view, raddr_t at, enum py_field whole, struct record *ret)
{
	uint32_t size = py_size(view->layout, whole);

	return size <= ENTRY_MAX && image_read(view->image, at, ret->bytes, size);
}

static uint64_t member(const struct py_view *view, const struct record *record, enum py_field field)
{
	uint32_t size = py_size(view->layout, field), at = py_at(view->layout, field);
	uint64_t value = 0;

	if (size <= sizeof(value) && at <= ENTRY_MAX)
		memcpy(&value, record->bytes + at, size);
	return value;
}

static uint64_t align_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

/* False where it makes no sense. One with address 0 is not in use. */
static bool read_arena(struct py_view *view, raddr_t at, struct arena *ret)
{
	struct record record;

	if (!read_record(view, at, PY_ARENA, &record))
		return false;
	*ret = (struct arena){
		.address = member(view, &record, PY_ARENA_ADDRESS),
		.pool_address = member(view, &record, PY_ARENA_POOL_ADDRESS),
		.free_pools = member(view, &record, PY_ARENA_NFREEPOOLS),
		.pools = member(view, &record, PY_ARENA_NTOTALPOOLS),
	};
	if (!ret->address)
		return true;
	return !(ret->address % SMALLEST_POOL) && ret->pools && ret->pools <= MOST_POOLS &&
	       ret->free_pools <= ret->pools && ret->pool_address > ret->address &&
	       !(ret->pool_address % SMALLEST_POOL) &&
	       ret->pool_address - ret->address <= (ret->pools + 1) * LARGEST_POOL;
}

/* Bytes of a pool's blocks; 0 where @record is no header of a pool of @size bytes in arena @index.
 */
static uint64_t block_size(const struct py_view *view, const struct record *record, uint64_t index,
			   uint64_t size)
{
	uint64_t class = member(view, record, PY_POOL_SZIDX);
	uint64_t block = (class + 1) * ALIGNMENT;

	if (class >= MOST_CLASSES || member(view, record, PY_POOL_ARENAINDEX) != index ||
	    member(view, record, PY_POOL_MAXNEXTOFFSET) + block != size)
		return 0;
	return block;
}

/* A header says where the last block of its pool begins, and so where the pool ends. 0: unknown. */
static uint64_t find_pool_size(struct py_view *view, const struct arena *arena, uint64_t index)
{
	struct record record;
	uint64_t size;

	for (size = SMALLEST_POOL; size <= LARGEST_POOL; size *= 2) {
		raddr_t first = align_up(arena->address, size);

		if (first < arena->pool_address && read_record(view, first, PY_POOL, &record) &&
		    block_size(view, &record, index, size))
			return size;
	}
	return 0;
}

static struct error *add_pool(struct walk *walk, raddr_t pool, uint64_t index)
{
	struct py_arenas *arenas = walk->arenas;
	uint64_t header = align_up(py_size(walk->view->layout, PY_POOL), ALIGNMENT);
	struct record record;
	uint64_t used, block, blocks;

	if (!read_record(walk->view, pool, PY_POOL, &record))
		return error_create(ERROR_BAD_DATA, "a pool cannot be read");
	used = member(walk->view, &record, PY_POOL_COUNT);
	if (!used) {
		arenas->free_pools++;
		return NULL;
	}
	block = block_size(walk->view, &record, index, arenas->pool_size);
	blocks = block ? (arenas->pool_size - header) / block : 0;
	if (used > blocks) {
		walk->torn++;
		return NULL;
	}
	arenas->pools++;
	arenas->used += used * block;
	arenas->free += (blocks - used) * block;
	return addrmap_set(&arenas->blocks, pool, (uint32_t)block);
}

static struct error *add_arena(struct walk *walk, const struct arena *arena, uint64_t index)
{
	struct py_arenas *arenas = walk->arenas;
	uint64_t size = arenas->pool_size;
	struct py_arena place = {.start = arena->address};
	raddr_t first, pool, end;

	if (!size)
		size = arenas->pool_size = find_pool_size(walk->view, arena, index);
	if (!size)
		return error_create(ERROR_BAD_DATA, "an arena without pools");
	first = align_up(arena->address, size);
	end = first + arena->pools * size;
	if (arena->pool_address % size || arena->pool_address > end)
		return error_create(ERROR_BAD_DATA, "an arena with pools of several sizes");
	for (pool = first; pool < arena->pool_address; pool += size)
		try_(add_pool(walk, pool, index));
	arenas->free_pools += (end - arena->pool_address) / size;
	/* Where it does not begin with a pool, the rest of one is lost at both of its ends. */
	place.end = first > place.start ? place.start + (arena->pools + 1) * size : end;
	arenas->bytes += place.end - place.start;
	return py_arena_array_append(&arenas->list, place);
}

static struct error *add_table(struct walk *walk, raddr_t table, uint64_t count)
{
	uint32_t entry = py_size(walk->view->layout, PY_ARENA);
	uint64_t i;

	if (count > MOST_ARENAS)
		return error_create(ERROR_BAD_DATA, "too many arenas");
	for (i = 0; i < count; i++) {
		struct arena arena;

		if (!read_arena(walk->view, table + i * entry, &arena))
			return error_create(ERROR_BAD_DATA, "an arena that makes no sense");
		if (arena.address)
			try_(add_arena(walk, &arena, i));
	}
	return NULL;
}

/* 3.12 has the state in each interpreter; from 3.13 on there is a pointer, and some may share. */
static struct error *add_interp(struct walk *walk, raddr_t interp, struct addrmap *seen)
{
	const struct py_layout *layout = walk->view->layout;
	raddr_t state = interp + py_at(layout, PY_INTERP_OBMALLOC), table;
	uint64_t count;
	uint32_t before;

	if (py_size(layout, PY_INTERP_OBMALLOC) == sizeof(raddr_t) &&
	    !view_word(walk->view, interp, PY_INTERP_OBMALLOC, &state))
		return error_create(ERROR_BAD_DATA, "an interpreter cannot be read");
	if (!state)
		return NULL;
	if (!view_word(walk->view, state, PY_OBMALLOC_ARENAS, &table) ||
	    !view_field(walk->view, state, PY_OBMALLOC_MAXARENAS, &count))
		return error_create(ERROR_BAD_DATA, "the table of arenas cannot be read");
	if (!table || addrmap_get(seen, table, &before))
		return NULL;
	try_(addrmap_set(seen, table, 1));
	return add_table(walk, table, count);
}

static struct error *add_interps(struct walk *walk)
{
	_cleanup_(py_interp_array_deinit) struct py_interp_array interps = {0};
	_cleanup_(addrmap_deinit) struct addrmap seen = {0};
	size_t i;

	try_(view_interps(walk->view, &interps));
	for (i = 0; i < interps.count; i++)
		try_(add_interp(walk, interps.items[i].address, &seen));
	return NULL;
}

/* Whether an entry is what it would be at place @index of a table. */
static bool is_entry(struct py_view *view, raddr_t at, uint64_t index, bool *ret_used)
{
	struct arena arena;

	if (!read_arena(view, at, &arena))
		return false;
	*ret_used = arena.address;
	return !arena.address || find_pool_size(view, &arena, index);
}

/*
 * Entries of a table that begins at @table: 0 where none does. The first arena of a process has
 * what lives as long as the process. What follows the table is no arena with its number.
 */
static uint64_t count_entries(struct py_view *view, raddr_t table)
{
	uint32_t entry = py_size(view->layout, PY_ARENA);
	uint64_t i, last = 0;
	bool used;

	for (i = 0; i < MOST_ARENAS && is_entry(view, table + i * entry, i, &used); i++) {
		if (!i && !used)
			return 0;
		if (used)
			last = i + 1;
	}
	return last;
}

static struct error *search_table(struct walk *walk, raddr_t data_start, raddr_t data_end)
{
	raddr_t at, table;

	for (at = align_up(data_start, sizeof(table)); at + sizeof(table) <= data_end;
	     at += sizeof(table)) {
		uint64_t count;

		if (!image_read_u64(walk->view->image, at, &table) || !table || table % ALIGNMENT ||
		    (table >= data_start && table < data_end))
			continue;
		count = count_entries(walk->view, table);
		if (count)
			return add_table(walk, table, count);
	}
	return error_create(ERROR_UNSUPPORTED, "the table of arenas is not found");
}

static const enum py_field needed[] = {
	PY_ARENA,
	PY_ARENA_ADDRESS,
	PY_ARENA_POOL_ADDRESS,
	PY_ARENA_NFREEPOOLS,
	PY_ARENA_NTOTALPOOLS,
	PY_POOL,
	PY_POOL_COUNT,
	PY_POOL_FREEBLOCK,
	PY_POOL_NEXTOFFSET,
	PY_POOL_ARENAINDEX,
	PY_POOL_SZIDX,
	PY_POOL_MAXNEXTOFFSET,
};

static const enum py_field needed_of_interp[] = {
	PY_INTERP_OBMALLOC,
	PY_OBMALLOC_ARENAS,
	PY_OBMALLOC_MAXARENAS,
};

struct error *python_arenas(struct py_view *view, raddr_t data_start, raddr_t data_end,
			    struct py_arenas *ret)
{
	_cleanup_(py_arenas_deinit) struct py_arenas arenas = {0};
	struct walk walk = {.view = view, .arenas = &arenas};

	try_(layout_check_known(view->layout, needed, ARRAY_SIZE(needed)));
	if (py_has(view->layout, PY_INTERP_OBMALLOC)) {
		try_(layout_check_known(view->layout, needed_of_interp,
					ARRAY_SIZE(needed_of_interp)));
		try_(add_interps(&walk));
	} else {
		try_(search_table(&walk, data_start, data_end));
	}
	/* Each interpreter may have been stopped while it gave a pool another size of blocks. */
	if (walk.torn > 1 + arenas.pools / 1000)
		return error_create(ERROR_BAD_DATA, "pools that do not fit together");
	*ret = arenas;
	arenas = (struct py_arenas){0};
	return NULL;
}
