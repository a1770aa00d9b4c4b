#include "scout_parts.h"

#include "image_private.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	SEEDS = 96,	   /* parts besides those that begin at heads */
	PAGES = 4 * SEEDS, /* that are looked into for them */
	TRIES = 1000,
	MOST_WEIGHT = 256 << 20, /* of a mapping */
	WORTH = 16 << 20, /* bytes of memory; in less the nodes are found sooner by themselves */
};

/* Where nodes are looked for. */
struct search {
	struct scout_window *window;
	int memory; /* of the clone: read past the cache, in which so few words would take pages */
	uint64_t seeds;
};

/* False where there is one already, or another one has its place. */
static bool add_stop(struct scout_window *window, raddr_t node)
{
	struct scout_stop *stop = &window->stops[scout_hash(node, window->factor)];

	if (stop->node || window->part_count == SCOUT_PARTS)
		return false;
	*stop = (struct scout_stop){node, window->part_count};
	window->parts[window->part_count++] = (struct scout_part){.first = node,
								  .end = SCOUT_NO_PART};
	return true;
}

static bool knows_kinds(const struct scout_window *window)
{
	size_t i;

	for (i = 0; i < SCOUT_SLOTS; i++) {
		if (window->kinds[i].type)
			return true;
	}
	return false;
}

static bool is_kind(const struct scout_window *window, uint64_t type)
{
	return type && window->kinds[scout_kind_at(type)].type == type;
}

/* The link number @way of @node. */
static bool read_link(const struct search *search, raddr_t node, unsigned int way, raddr_t *ret)
{
	const struct scout_window *window = search->window;

	if (!memory_read(search->memory, node - window->before + window->link_at[way], ret,
			 sizeof(*ret)))
		return false;
	*ret &= window->mask;
	return true;
}

/* Its neighbours say that it is one: what was a node once is not linked with them any more. */
static bool is_node(const struct search *search, raddr_t node)
{
	raddr_t next, previous, back, forth;

	return read_link(search, node, 0, &next) && read_link(search, node, 1, &previous) &&
	       next % SCOUT_WORD == 0 && previous % SCOUT_WORD == 0 &&
	       read_link(search, next, 1, &back) && back == node &&
	       read_link(search, previous, 0, &forth) && forth == node;
}

static void search_page(struct search *search, raddr_t page)
{
	const struct scout_window *window = search->window;
	uint64_t words[PAGE / SCOUT_WORD];
	size_t i;

	if (!memory_read(search->memory, page, words, sizeof(words)))
		return;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		raddr_t node = page + i * SCOUT_WORD - window->type_at + window->before;

		if (is_kind(window, words[i]) && is_node(search, node)) {
			search->seeds += add_stop(search->window, node);
			return;
		}
	}
}

/* Of what is larger most may never have been touched. */
static uint64_t weight_of(uint64_t size)
{
	return size < MOST_WEIGHT ? size : MOST_WEIGHT;
}

/* Pages that lie evenly in memory that is written. */
static void search_memory(struct search *search, struct image *under)
{
	uint64_t total = 0, step, at, weight;
	raddr_t start, end, from;

	for (from = 0; under->ops->next(under, from, &start, &end); from = end)
		total += weight_of(end - start);
	if (total < WORTH)
		return;
	step = total / PAGES;
	at = step / 2;
	for (from = 0; under->ops->next(under, from, &start, &end); from = end) {
		weight = weight_of(end - start);
		for (; at < weight && search->seeds < SEEDS; at += step)
			search_page(search, (start + (end - start) / weight * at) / PAGE * PAGE);
		at -= at < weight ? at : weight;
	}
}

static void add_seeds(struct scout_window *window, struct image *under, pid_t pid)
{
	struct search search = {.window = window, .memory = memory_open(pid, O_RDONLY)};

	if (search.memory < 0)
		return;
	search_memory(&search, under);
	(void)close(search.memory);
}

/* Where the part that begins at a head has its first node: at once at its end it is empty. */
static bool begin_ring(struct scout_window *window, const struct image_list *list,
		       struct image *under, struct scout_part *part)
{
	const raddr_t head = part->first;
	const struct scout_stop *stop;
	raddr_t back;

	if (!image_read_u64(under, head + list->link_at[0], &part->first))
		return false;
	part->first &= list->mask;
	part->previous = head;
	stop = &window->stops[scout_hash(part->first, window->factor)];
	if (!part->first || stop->node != part->first)
		return part->first != 0;
	part->end = stop->part;
	return image_read_u64(under, part->first + list->link_at[1], &back) &&
	       (back & list->mask) == head;
}

/* By a hash that has a place for each. */
static bool add_heads(struct scout_window *window, const struct image_list *list)
{
	unsigned int i, tries;

	for (tries = 0; tries < TRIES; tries++) {
		window->factor = SCOUT_FACTOR * (2 * tries + 1);
		window->part_count = 0;
		memset(window->stops, 0, sizeof(window->stops));
		for (i = 0; i < list->head_count && add_stop(window, list->heads[i]); i++)
			;
		if (i == list->head_count)
			return true;
	}
	return false;
}

bool scout_parts_make(struct scout_window *window, const struct image_list *list,
		      struct image *under, pid_t pid)
{
	unsigned int i;

	if (!add_heads(window, list))
		return false;
	if (list->counts && under->ops->next && knows_kinds(window))
		add_seeds(window, under, pid);
	for (i = 0; i < list->head_count; i++) {
		if (!begin_ring(window, list, under, &window->parts[i]))
			return false;
	}
	return true;
}

/* How many parts the ring of head number @head has; 0: they are none. */
static uint64_t count_parts(const struct scout_window *window, uint64_t head, uint64_t heads)
{
	uint64_t at = head, count = 0;

	do {
		at = __atomic_load_n(&window->parts[at].end, __ATOMIC_RELAXED);
		if (at >= SCOUT_PARTS || count++ == SCOUT_PARTS)
			return 0;
	} while (at >= heads);
	return at == head ? count : 0;
}

bool scout_parts_fit(const struct scout_window *window, uint64_t count)
{
	uint64_t i, parts, sum = 0;

	for (i = 0; i < count; i++) {
		parts = count_parts(window, i, count);
		if (!parts)
			return false;
		sum += parts;
	}
	return sum == window->part_count;
}
