/*
 * The scout's code in the clone. It reads memory as it is: where that cannot be read, or the list
 * leads nowhere, it faults, and is begun anew with care. The window always says how far it has
 * come.
 *
 * What takes time is to wait for memory, so there is always something else that was asked for:
 * nodes of several parts are read in turn, and what is beyond a node some nodes later.
 */
#include "guest_code.h"
#include "scout_window.h"

#include "base/fetch.h"

enum {
	PAGE = 4096
};

SCOUT_INLINE uint64_t word_at(uint64_t address)
{
	return *(const uint64_t *)(uintptr_t)address;
}

SCOUT_INLINE void copy(uint64_t from, uint64_t *to, uint64_t size)
{
	uint64_t at;

	for (at = 0; at < size; at += SCOUT_WORD)
		to[at / SCOUT_WORD] = word_at(from + at);
}

SCOUT_INLINE void fetch(uint64_t address)
{
	fetch_line((const void *)(uintptr_t)address);
}

/* What is beyond a node recorded before. */
SCOUT_INLINE void pay(struct scout_window *window, uint64_t slot)
{
	struct scout_record *record = window->owed[slot];

	if (!record)
		return;
	copy(record->beyond, (uint64_t *)(record + 1) + window->size / SCOUT_WORD,
	     window->beyond_size);
	window->owed[slot] = 0;
}

/* What is told is paid. */
static IN_GUEST void tell(struct scout_window *window)
{
	uint64_t slot;

	for (slot = 0; slot < SCOUT_OWED; slot++)
		pay(window, slot);
	__atomic_store_n(&window->told, window->made, __ATOMIC_RELEASE);
}

/* It may be what could not be read. */
SCOUT_INLINE void remit(struct scout_window *window)
{
	uint64_t slot;

	for (slot = 0; slot < SCOUT_OWED; slot++) {
		if (window->owed[slot])
			window->owed[slot]->beyond = 0;
		window->owed[slot] = 0;
	}
}

static IN_GUEST void ask(struct scout_window *window, enum scout_request request)
{
	tell(window);
	window->request = request;
	guest_stop();
}

/* The type is written last, when all else of it is there. */
SCOUT_INLINE uint64_t is_kind(const struct scout_kind *kind, uint64_t type)
{
	return __atomic_load_n(&kind->type, __ATOMIC_ACQUIRE) == type;
}

/* Whether that is all that is wanted of the node, which begins at @start. */
SCOUT_INLINE uint64_t count(struct scout_window *window, uint64_t start)
{
	const uint64_t type = word_at(start + window->type_at), hash = scout_kind_at(type);
	const struct scout_kind *kind = &window->kinds[hash];
	struct scout_tally *tally = &window->tallies[hash];
	uint64_t word;

	if (!is_kind(kind, type) || !kind->counted || window->nodes % SCOUT_SIGN == 0)
		return 0;
	word = word_at(start + kind->at) & kind->added;
	if (word > SCOUT_MOST)
		return 0;
	tally->count++;
	tally->sum += word;
	return 1;
}

/* What is beyond is read some records later. */
SCOUT_INLINE void read_all(struct scout_window *window, struct scout_record *record, uint64_t start)
{
	const uint64_t type = word_at(start + window->type_at);
	const struct scout_kind *kind = &window->kinds[scout_kind_at(type)];
	const uint64_t slot = window->made % SCOUT_OWED;

	pay(window, slot);
	record->first = 0;
	record->end = (uint32_t)window->size;
	record->beyond = 0;
	if (is_kind(kind, type) && !kind->counted) {
		record->beyond = word_at(start + kind->at);
		fetch(record->beyond);
		window->owed[slot] = record;
	}
	copy(start, (uint64_t *)(record + 1), window->size);
}

/* Of the page of the node only, and nothing beyond it. */
SCOUT_INLINE void read_carefully(const struct scout_window *window, struct scout_record *record,
				 uint64_t start)
{
	const uint64_t page = (start + window->before) / PAGE * PAGE;
	uint64_t *bytes = (uint64_t *)(record + 1);

	record->beyond = 0;
	record->first = start < page ? (uint32_t)(page - start) : 0;
	record->end = (uint32_t)(start + window->size > page + PAGE ? page + PAGE - start
								    : window->size);
	copy(start + record->first, bytes + record->first / SCOUT_WORD,
	     record->end - record->first);
}

/* @lane has come from @node to @stop, where the next part begins, or a ring. */
SCOUT_INLINE void end_part(struct scout_window *window, struct scout_lane *lane, uint64_t node,
			   const struct scout_stop *stop)
{
	const uint64_t back = word_at(stop->node - window->before + window->link_at[1]);

	if ((back & window->mask) != node)
		ask(window, SCOUT_TORN);
	window->parts[lane->part].end = stop->part;
	if (!scout_begin_part(window, lane))
		*lane = window->lanes[--window->lane_count];
}

/* The node has been read, and the next one is at @next. */
SCOUT_INLINE void go_on(struct scout_window *window, struct scout_lane *lane, uint64_t next)
{
	const struct scout_stop *stop = &window->stops[scout_hash(next, window->factor)];
	const uint64_t node = lane->next;

	fetch(next);
	fetch(next + SCOUT_LINE / 4);
	if (stop->node == next) {
		end_part(window, lane, node, stop);
	} else {
		lane->previous = node;
		lane->next = next;
	}
	window->careful = 0;
	window->lane = window->lane + 1 < window->lane_count ? window->lane + 1 : 0;
	window->nodes++;
}

SCOUT_INLINE void record_node(struct scout_window *window, const struct scout_lane *lane,
			      uint64_t start)
{
	struct scout_record *record = (struct scout_record *)(window->records +
							      (window->made & (window->room - 1)) *
								      window->record_size);

	record->node = lane->next;
	record->number = window->nodes;
	if (window->careful)
		read_carefully(window, record, start);
	else
		read_all(window, record, start);
}

/* There is room for it. What may fault does so before it is counted. */
SCOUT_INLINE void read_node(struct scout_window *window, struct scout_lane *lane)
{
	const uint64_t start = lane->next - window->before;
	uint64_t counted = 0, back, next;

	if (lane->next % SCOUT_WORD)
		ask(window, SCOUT_TORN);
	back = word_at(start + window->link_at[1]) & window->mask;
	next = word_at(start + window->link_at[0]) & window->mask;
	if (back != lane->previous && lane->previous)
		ask(window, SCOUT_TORN);
	if (window->counts && !window->careful)
		counted = count(window, start);
	if (!counted) {
		record_node(window, lane, start);
		if (window->made % SCOUT_TOLD == 0 || window->nodes % SCOUT_SIGN == 0)
			tell(window);
		window->made++;
	}
	go_on(window, lane, next);
}

static IN_GUEST __attribute__((noreturn)) void enter(struct scout_window *window)
{
	if (window->careful)
		remit(window);
	for (;;) {
		if (!window->lane_count || window->nodes >= window->most)
			ask(window, SCOUT_END);
		else if (window->made - __atomic_load_n(&window->taken, __ATOMIC_ACQUIRE) <
			 window->room)
			read_node(window, &window->lanes[window->lane]);
		else
			ask(window, SCOUT_FULL);
	}
}

const void *scout_entry(void)
{
	return (const void *)(uintptr_t)enter;
}
