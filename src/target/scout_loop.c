/*
 * The scout's code in the clone. It reads memory as it is: where that cannot be read, or the list
 * leads nowhere, it faults, and is begun anew with care. The window always says how far it has
 * come.
 *
 * What takes time is to wait for memory, so there is always something else that was asked for: the
 * next node from the other end, and what is beyond a node when the next one is read.
 */
#include "guest_code.h"
#include "scout_window.h"

#include "base/fetch.h"

#define INLINE static inline __attribute__((always_inline))

enum {
	PAGE = 4096
};

INLINE uint64_t word_at(uint64_t address)
{
	return *(const uint64_t *)(uintptr_t)address;
}

INLINE void copy(uint64_t from, uint64_t *to, uint64_t size)
{
	uint64_t at;

	for (at = 0; at < size; at += SCOUT_WORD)
		to[at / SCOUT_WORD] = word_at(from + at);
}

INLINE void fetch(uint64_t address)
{
	fetch_line((const void *)(uintptr_t)address);
}

INLINE void tell(struct scout_window *window)
{
	__atomic_store_n(&window->told, window->made, __ATOMIC_RELEASE);
}

/*
 * What is beyond the last node; where nothing is wanted, some of the node once more. That is no
 * branch, and none is needed to find it out: the processor would guess wrong at every other node,
 * and learn that only when the node has come from memory.
 */
INLINE void pay(struct scout_window *window)
{
	struct scout_record *record = window->owed;

	if (!record)
		return;
	copy(record->from, (uint64_t *)(record + 1) + window->size / SCOUT_WORD,
	     window->beyond_size);
	window->owed = 0;
}

/* @start: where what is wanted of the node begins. */
INLINE void read_all(struct scout_window *window, struct scout_record *record, uint64_t start)
{
	const uint64_t type = word_at(start + window->type_at);
	const struct scout_pointer *pointer = &window->pointers[scout_hash(type)];
	const uint64_t wanted = -(uint64_t)(pointer->type == type);

	record->first = 0;
	record->end = (uint32_t)window->size;
	record->beyond = word_at(start + (pointer->at & wanted)) & wanted;
	record->from = record->beyond | (start & ~wanted);
	fetch(record->from);
	copy(start, (uint64_t *)(record + 1), window->size);
	pay(window);
	window->owed = record;
}

/* Of the page of the node only, and nothing beyond it. */
INLINE void read_carefully(const struct scout_window *window, struct scout_record *record,
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

/* It may be what could not be read. */
INLINE void remit(struct scout_window *window)
{
	if (window->owed)
		window->owed->beyond = 0;
	window->owed = 0;
}

INLINE void ask(struct scout_window *window, enum scout_request request)
{
	pay(window);
	tell(window);
	window->request = request;
	guest_stop();
}

/*
 * The node has been read, and the next one is at @next, unless what comes from the other end has
 * met it. All that is told is paid: the last one may be owed.
 */
INLINE void go_on(struct scout_window *window, uint64_t way, uint64_t next)
{
	const uint64_t node = window->next[way];

	fetch(next);
	fetch(next + SCOUT_LINE / 4);
	window->careful = 0;
	window->previous[way] = node;
	window->next[way] = next;
	if (node == window->next[!way])
		window->next[0] = window->next[1] = window->head;
	if (window->made % SCOUT_TOLD == 0)
		tell(window);
	window->made++;
}

INLINE void read_node(struct scout_window *window, uint64_t way)
{
	const uint64_t start = window->next[way] - window->before;
	struct scout_record *record = (struct scout_record *)(window->records +
							      (window->made & (window->room - 1)) *
								      window->record_size);

	if (window->next[way] % SCOUT_WORD)
		ask(window, SCOUT_TORN);
	record->node = window->next[way];
	if (window->careful)
		read_carefully(window, record, start);
	else
		read_all(window, record, start);
	if ((word_at(start + window->link_at[!way]) & window->mask) != window->previous[way])
		ask(window, SCOUT_TORN);
	go_on(window, way, word_at(start + window->link_at[way]) & window->mask);
}

static IN_GUEST __attribute__((noreturn)) void enter(struct scout_window *window)
{
	if (window->careful)
		remit(window);
	for (;;) {
		uint64_t way = (window->made - window->first) & window->both;

		if (window->next[way] == window->head)
			ask(window, SCOUT_END);
		else if (window->made - __atomic_load_n(&window->taken, __ATOMIC_ACQUIRE) <
			 window->room)
			read_node(window, way);
		else
			ask(window, SCOUT_FULL);
	}
}

const void *scout_entry(void)
{
	return (const void *)(uintptr_t)enter;
}
