/*
 * An image whose lists are gone through by a scout (scout.h). Records of nodes come through a ring
 * in memory that is shared with the clone: the scout makes them, the reader finds its reads in
 * them, in order, and what it has passed is given back to the scout. What is not in a record is
 * read of the image beneath.
 *
 * The record that was reached last is shown (image.recent) for as long as it is: most reads of a
 * node are no call then.
 */
#include "target/scout.h"

#include "base/clock.h"
#include "base/thread.h"
#include "guest.h"
#include "image_private.h"
#include "scout_parts.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	RING = 512 << 10, /* bytes of records: for the second cache */
	GIVEN_BACK = 512, /* records that are given back at once */
	FIRST = 2000,	  /* nodes of the first list, that show of which types more is wanted */
	FIRST_AHEAD = 32, /* records that the scout may be ahead then */
	MOST_SIZE = 128,  /* bytes wanted of a node */
	MOST_FAULTS = 1000,
	SPINS = 2000, /* some tens of us: others may not sleep for less */
	EAGER_USEC = 200,
	SLEEP_USEC = 50,
	TURN_USEC = 500,   /* most that one rest counts: for longer others had our processor, too */
	STARVED_MSEC = 50, /* of waiting, in which it had less than ... */
	FAIR_SHARE = 4,	   /* ... one part in so many of the time */
};

struct scout {
	struct image image;  /**< first: image_ops get a pointer to it */
	struct image *under; /**< borrowed */
	struct guest guest;
	struct scout_window *window;
	unsigned char *records;
	struct image_list list; /**< that is followed */
	size_t record_size, room;
	uint64_t made;	  /**< records that are known to be there; counted from the start */
	uint64_t kept;	  /**< the first of them that was not given back */
	uint64_t reached; /**< number of the next node that is read */
	raddr_t next;	  /**< its address, where nodes come in order */
	struct image_region *shown[2]; /**< what image.recent has of the last record, or NULL */
	unsigned int faults;
	bool entered;	      /**< the code was begun */
	bool stopped;	      /**< it stands at the end of a list, and that was seen */
	bool following;	      /**< a list, and not lost */
	bool lost;	      /**< of no use any more */
	uint64_t waited, ran; /**< ns of waiting for it of late, and what it ran meanwhile */
	bool spins;	      /**< there is another processor */
};

static struct scout_record *record_at(const struct scout *scout, uint64_t number)
{
	return (struct scout_record *)(void *)(scout->records +
					       (number & (scout->room - 1)) * scout->record_size);
}

static void give_back(struct scout *scout, uint64_t end)
{
	const uint64_t withheld = scout->reached < FIRST ? scout->room - FIRST_AHEAD : 0;

	scout->kept = end;
	__atomic_store_n(&scout->window->taken, end - withheld, __ATOMIC_RELEASE);
}

/* All but the one that is shown. */
static void give_back_all(struct scout *scout)
{
	if (scout->reached > scout->kept + 1)
		give_back(scout, scout->reached - 1);
}

/* It may have ended, stand anywhere, or run all the same: what was handed over stays as it is. */
static void lose(struct scout *scout)
{
	scout->following = false;
	scout->lost = true;
	image_clone_sparse(scout->under, false);
}

static bool resume(struct scout *scout)
{
	struct error *err;

	scout->window->request = SCOUT_NO_REQUEST;
	scout->stopped = false;
	err = guest_resume(&scout->guest);
	error_free(err);
	return !err;
}

static bool enter(struct scout *scout)
{
	struct error *err = guest_enter(&scout->guest, scout_entry());

	scout->entered = !err;
	error_free(err);
	return !err && resume(scout);
}

/* Once more, with care. False where that was done, or too often. */
static bool enter_again(struct scout *scout)
{
	if (scout->window->careful || ++scout->faults > MOST_FAULTS)
		return false;
	scout->window->careful = 1;
	return enter(scout);
}

/* It has stopped by itself. */
static bool on_request(struct scout *scout)
{
	give_back_all(scout);
	scout->stopped = scout->window->request == SCOUT_END;
	return scout->window->request == SCOUT_FULL && resume(scout);
}

/* Signals that somebody sends get lost here: the clone is nobody's. */
static bool on_signal(struct scout *scout, int signal)
{
	if (!guest_is_fault(&scout->guest, signal))
		return resume(scout);
	/* A system call, where ptrace(2) does not stop before the filter does. */
	return signal == SIGSYS ? on_request(scout) : enter_again(scout);
}

/* It has stopped. False where it is of no use any more. */
static bool see_to(struct scout *scout, struct stop stop)
{
	switch (stop.kind) {
	case STOP_SYSCALL:
		return on_request(scout);
	case STOP_SIGNAL:
		return on_signal(scout, stop.signal);
	case STOP_EVENT:
		return resume(scout);
	case STOP_NONE:
	case STOP_GONE:
	case STOP_CLONE:
	case STOP_OTHER:
	default:
		return false;
	}
}

/*
 * Waited for since *@begin, which becomes now: whether it gets too little processor time. The clone
 * has the target's priority and quota, and this process may have more of both.
 */
static bool is_starved(struct scout *scout, struct guest_watch *begin)
{
	const uint64_t most = TURN_USEC * NSEC_PER_USEC;
	struct guest_watch now;

	guest_watch_begin(&scout->guest, &now);
	scout->waited += now.since - begin->since < most ? now.since - begin->since : most;
	scout->ran += now.cpu - begin->cpu;
	*begin = now;
	if (scout->waited < STARVED_MSEC * NSEC_PER_MSEC)
		return false;
	if (scout->ran < scout->waited / FAIR_SHARE)
		return true;
	scout->waited = scout->ran = 0;
	return false;
}

struct wait {
	struct guest_watch watch, rested; /**< when it last got on, and when this one last looked */
};

static void wait_begin(const struct scout *scout, struct wait *wait)
{
	guest_watch_begin(&scout->guest, &wait->watch);
	wait->rested = wait->watch;
}

/* False where it is not worth it any more. */
static bool wait_on(struct scout *scout, struct wait *wait)
{
	const struct guest_watch *watch = &wait->watch;

	if (guest_is_late(&scout->guest, watch) || is_starved(scout, &wait->rested))
		return false;
	if (clock_now() - watch->since < EAGER_USEC * NSEC_PER_USEC)
		(void)sched_yield();
	else
		clock_sleep(SLEEP_USEC * NSEC_PER_USEC);
	return true;
}

static uint64_t look(struct scout *scout)
{
	uint64_t made = __atomic_load_n(&scout->window->told, __ATOMIC_ACQUIRE);

	if (made - scout->made <= scout->room)
		scout->made = made;
	return scout->made;
}

/* Wait for record number @number. */
static bool wait_long(struct scout *scout, uint64_t number)
{
	uint64_t made = scout->made;
	struct wait wait;

	wait_begin(scout, &wait);
	while (look(scout) <= number) {
		struct stop stop = tracee_poll(scout->guest.pid);

		if (scout->made != made || stop.kind != STOP_NONE)
			guest_watch_begin(&scout->guest, &wait.watch);
		made = scout->made;
		if (stop.kind == STOP_NONE) {
			if (!wait_on(scout, &wait))
				return false;
		} else if (look(scout) <= number && !see_to(scout, stop)) {
			return false;
		}
	}
	return true;
}

static void pause_shortly(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("yield");
#endif
}

static _noinline_ bool wait_for(struct scout *scout, uint64_t number)
{
	unsigned int i;

	for (i = 0; scout->spins && i < SPINS; i++) {
		if (look(scout) > number)
			return true;
		pause_shortly();
	}
	return wait_long(scout, number);
}

/*
 * Where a record has @size bytes at @addr; NULL: it has not. The end is loaded once: the clone
 * can write the record while it is looked at.
 */
static const unsigned char *find_in(const struct scout *scout, const struct scout_record *record,
				    raddr_t addr, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)(record + 1);
	const struct image_list *list = &scout->list;
	const uint64_t end = __atomic_load_n(&record->end, __ATOMIC_RELAXED);
	uint64_t at = addr - (record->node - list->before);

	if (at >= record->first && end <= list->size && at < end && size <= end - at)
		return bytes + at;
	at = addr - record->beyond;
	if (record->beyond && at < list->beyond_size && size <= list->beyond_size - at)
		return bytes + list->size + at;
	return NULL;
}

static void show_region(struct scout *scout, unsigned int which, raddr_t start, uint32_t size,
			const unsigned char *bytes)
{
	struct image_region *region = &scout->image.recent[image_slot(start)];

	*region = (struct image_region){start, start + size, bytes};
	scout->shown[which] = region;
}

static void show_nothing(struct scout *scout)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(scout->shown); i++) {
		if (scout->shown[i])
			scout->shown[i]->end = 0;
		scout->shown[i] = NULL;
	}
}

/*
 * In place of the one before. Where the node at @addr is, from itself on; NULL: it is not whole,
 * and found by find_in() only.
 */
static const unsigned char *show(struct scout *scout, const struct scout_record *record,
				 raddr_t addr)
{
	const unsigned char *bytes = (const unsigned char *)(record + 1);
	const struct image_list *list = &scout->list;
	const raddr_t beyond = record->beyond;

	show_nothing(scout);
	if (beyond)
		show_region(scout, 1, beyond, list->beyond_size, bytes + list->size);
	if (_unlikely_(record->node != addr || record->first || record->end != list->size))
		return NULL;
	show_region(scout, 0, addr - list->before, list->size, bytes);
	return bytes + list->before;
}

static uint64_t word_in(const struct scout *scout, const struct scout_record *record, uint32_t at)
{
	uint64_t word;

	memcpy(&word, (const unsigned char *)(record + 1) + scout->list.before + at, sizeof(word));
	return word;
}

/* Where the guest stands for want of room, there is enough once half of what it made is read. */
static _noinline_ void go_on(struct scout *scout)
{
	struct stop stop;

	give_back_all(scout);
	if (__atomic_load_n(&scout->window->request, __ATOMIC_RELAXED) != SCOUT_FULL ||
	    look(scout) - scout->reached > scout->room / 2)
		return;
	stop = tracee_poll(scout->guest.pid);
	if (stop.kind != STOP_NONE && !see_to(scout, stop))
		lose(scout);
}

/* Where the node of @record lies, which is the next one. */
static inline const unsigned char *reach(struct scout *scout, const struct scout_record *record,
					 raddr_t addr)
{
	const unsigned char *bytes = show(scout, record, addr);

	if (_unlikely_(!bytes))
		bytes = find_in(scout, record, addr, scout->list.size - scout->list.before);
	scout->reached++;
	if (_unlikely_(scout->reached - scout->kept > GIVEN_BACK))
		go_on(scout);
	return bytes;
}

static const unsigned char *scout_next_node(struct image *image, raddr_t addr)
{
	struct scout *scout = (struct scout *)image;
	const struct scout_record *record;

	if (!scout->following || scout->list.counts || addr != scout->next ||
	    addr == scout->list.heads[0])
		return NULL;
	if (scout->made <= scout->reached && !wait_for(scout, scout->reached)) {
		lose(scout);
		return NULL;
	}
	record = record_at(scout, scout->reached);
	scout->next = word_in(scout, record, scout->list.link_at[0]) & scout->list.mask;
	return reach(scout, record, addr);
}

static bool scout_next_told(struct image *image, struct image_told *ret)
{
	struct scout *scout = (struct scout *)image;
	const struct scout_record *record;

	if (!scout->following || !scout->list.counts)
		return false;
	if (scout->made <= scout->reached && !wait_for(scout, scout->reached)) {
		if (!scout->stopped)
			lose(scout);
		return false;
	}
	record = record_at(scout, scout->reached);
	ret->address = __atomic_load_n(&record->node, __ATOMIC_RELAXED);
	ret->number = record->number;
	ret->bytes = reach(scout, record, ret->address);
	return true;
}

static bool scout_followed(struct image *image)
{
	const struct scout *scout = (const struct scout *)image;

	return scout->following && scout->stopped &&
	       scout_parts_fit(scout->window, scout->list.head_count);
}

/* Nothing is found: that would have to stay where it is. */
static bool scout_find(struct image *image, raddr_t addr, struct image_region *ret)
{
	(void)image;
	(void)addr;
	(void)ret;
	return false;
}

static bool scout_read(struct image *image, raddr_t addr, void *buffer, size_t size)
{
	struct scout *scout = (struct scout *)image;
	const unsigned char *bytes = NULL;

	if (scout->following && scout->reached > scout->kept)
		bytes = find_in(scout, record_at(scout, scout->reached - 1), addr, size);
	if (!bytes)
		return image_read(scout->under, addr, buffer, size);
	memcpy(buffer, bytes, size);
	return true;
}

static bool scout_next(struct image *image, raddr_t from, raddr_t *ret_start, raddr_t *ret_end)
{
	struct image *under = ((struct scout *)image)->under;

	return under->ops->next && under->ops->next(under, from, ret_start, ret_end);
}

/* Whether it can begin a list: it stands at the end of one, or has not begun at all. */
static bool is_idle(struct scout *scout)
{
	struct wait wait;

	if (scout->lost || !scout->entered)
		return !scout->lost;
	wait_begin(scout, &wait);
	while (tracee_poll(scout->guest.pid).kind == STOP_NONE) {
		if (!wait_on(scout, &wait)) {
			lose(scout);
			return false;
		}
	}
	return scout->window->request == SCOUT_END;
}

static bool takes(const struct image_list *list)
{
	const uint32_t odd = list->before | list->link_at[0] | list->link_at[1] | list->type_at |
			     list->size | list->beyond_size;

	return odd % SCOUT_WORD == 0 && list->size <= MOST_SIZE && list->beyond_size <= MOST_SIZE &&
	       list->before + list->link_at[0] < list->size &&
	       list->before + list->link_at[1] < list->size &&
	       list->before + list->type_at < list->size && list->head_count &&
	       list->head_count <= (list->counts ? IMAGE_RINGS : 1);
}

/* Of records in the ring: a power of 2. */
static size_t find_room(size_t record_size)
{
	size_t room = 1;

	while (room * 2 * record_size <= RING)
		room *= 2;
	return room;
}

static void describe(struct scout *scout)
{
	const struct image_list *list = &scout->list;
	struct scout_window *window = scout->window;
	unsigned int way;

	for (way = 0; way < 2; way++)
		window->link_at[way] = list->before + list->link_at[way];
	window->most = list->counts && list->most < UINT64_MAX - window->nodes
			       ? window->nodes + list->most
			       : UINT64_MAX;
	window->counts = list->counts;
	window->careful = 0;
	memset(window->tallies, 0, sizeof(window->tallies));
	window->before = list->before;
	window->type_at = list->before + list->type_at;
	window->mask = list->mask;
	window->size = list->size;
	window->beyond_size = list->beyond_size;
	window->record_size = scout->record_size;
	window->room = scout->room;
}

/* What is gone through first. The other parts are begun as these end. */
static void begin_lanes(struct scout_window *window)
{
	window->lane_count = 0;
	window->lane = 0;
	window->part = 0;
	while (window->lane_count < SCOUT_LANES &&
	       scout_begin_part(window, &window->lanes[window->lane_count]))
		window->lane_count++;
}

static void scout_follow(struct image *image, const struct image_list *list)
{
	struct scout *scout = (struct scout *)image;
	struct scout_window *window = scout->window;

	scout->following = false;
	show_nothing(scout);
	if (!takes(list) || !is_idle(scout))
		return;
	(void)look(scout); /* of a list that was left early there may be more */
	scout->list = *list;
	scout->record_size = sizeof(struct scout_record) + list->size + list->beyond_size;
	scout->room = find_room(scout->record_size);
	scout->reached = scout->made;
	give_back(scout, scout->made);
	describe(scout);
	if (!scout_parts_make(window, list, scout->under, scout->guest.pid))
		return;
	begin_lanes(window);
	scout->next = window->parts[0].first;
	scout->following = list->counts || scout->next != list->heads[0];
	if (scout->following && !(scout->entered ? resume(scout) : enter(scout)))
		lose(scout);
	image_clone_sparse(scout->under, !scout->lost);
}

/* Where another one is: nodes of this type are as those of which nothing special is wanted. */
static void add_kind(struct scout *scout, uint64_t type, uint32_t at, const struct scout_kind *as)
{
	struct scout_kind *kind = &scout->window->kinds[scout_kind_at(type)];

	if (kind->type || at % SCOUT_WORD || scout->list.before + at >= scout->list.size)
		return;
	*kind = *as;
	kind->at = scout->list.before + at;
	__atomic_store_n(&kind->type, type, __ATOMIC_RELEASE);
}

static void scout_follow_beyond(struct image *image, uint64_t type, uint32_t at)
{
	add_kind((struct scout *)image, type, at, &(struct scout_kind){0});
}

static void scout_follow_counted(struct image *image, uint64_t type, uint32_t at, bool added)
{
	const struct scout_kind as = {.counted = 1, .added = added ? UINT64_MAX : 0};

	add_kind((struct scout *)image, type, at, &as);
}

static struct image_tally scout_tally(struct image *image, uint64_t type)
{
	const struct scout_window *window = ((const struct scout *)image)->window;
	const uint64_t at = scout_kind_at(type);
	const struct scout_tally *tally = &window->tallies[at];

	if (window->kinds[at].type != type)
		return (struct image_tally){0};
	return (struct image_tally){tally->count, tally->sum};
}

static void scout_destroy(struct image *image)
{
	struct scout *scout = (struct scout *)image;

	guest_deinit(&scout->guest);
	free(scout);
}

static const struct image_ops scout_ops = {
	.name = "scout",
	.find = scout_find,
	.read = scout_read,
	.next = scout_next,
	.follow = scout_follow,
	.next_node = scout_next_node,
	.next_told = scout_next_told,
	.followed = scout_followed,
	.follow_beyond = scout_follow_beyond,
	.follow_counted = scout_follow_counted,
	.tally = scout_tally,
	.destroy = scout_destroy,
};

struct error *image_scout_create(struct clone *clone, struct image *under, struct image **ret)
{
	const size_t page = guest_page_size();
	const size_t head = (sizeof(struct scout_window) + page - 1) / page * page;
	struct scout *scout = calloc(1, sizeof(*scout));
	_cleanup_image_ struct image *image = (struct image *)scout;

	if (!scout)
		return &error_no_memory;
	image->ops = &scout_ops;
	scout->under = under;
	scout->spins = thread_processors() > 1;
	try_(guest_init(&scout->guest, clone, head + RING));
	scout->window = scout->guest.window;
	scout->records = (unsigned char *)scout->guest.window + head;
	scout->window->records = (unsigned char *)(uintptr_t)(scout->guest.there + head);
	*ret = steal_ptr(image);
	return NULL;
}

uint64_t image_scout_bytes(const struct image *image)
{
	const struct scout *scout = (const struct scout *)image;

	return scout->window->nodes * scout->list.size;
}
