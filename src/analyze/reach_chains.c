/*
 * How deep objects are in their chains, and where on these the same step begins to repeat: of a
 * linked list of any length the path of each node is then found in a few jumps.
 */
#include "reach_private.h"

#include "analyze/path.h"

#include <stdlib.h>

/* The last step to an object that does not begin its chain. */
static struct path_step last_step(const struct reach *reach, uint32_t before, uint32_t id)
{
	return (struct path_step){
		.source = before,
		.ref = reach->hops[id].via,
		.context = path_context_to(reach, before),
	};
}

static bool repeats(const struct reach *reach, uint32_t before, uint32_t id)
{
	struct path_step step = last_step(reach, before, id);
	struct path_step other = last_step(reach, reach_before(reach, before), before);

	return path_steps_alike(reach->heap, &other, &step);
}

static void measure(struct reach *reach, uint32_t id)
{
	uint32_t before = reach_before(reach, id);
	struct reach_chain *chain = &reach->chains[id];
	const struct reach_chain *up;
	bool same_label, same_step;

	*chain = (struct reach_chain){.top = id, .run = id};
	if (before == HEAP_NONE)
		return;
	up = &reach->chains[before];
	same_label = up->depth && heap_label_index(reach->heap, reach->hops[before].via) ==
					  heap_label_index(reach->heap, reach->hops[id].via);
	same_step = same_label && repeats(reach, before, id);
	chain->depth = up->depth + 1;
	chain->top = chain->depth > REACH_TOP ? up->top : id;
	chain->run = same_step ? up->run : before;
	chain->runs = (uint8_t)(up->runs + (!same_step && up->runs < REACH_SHORT));
	chain->changes = (uint8_t)(up->changes + (!same_label && up->changes < REACH_CHANGES));
}

struct error *reach_measure_chains(struct reach *reach)
{
	size_t i;

	reach->chains = malloc((reach->heap->count + 1) * sizeof(*reach->chains));
	if (!reach->chains)
		return &error_no_memory;
	for (i = 0; i < reach->count; i++)
		measure(reach, reach->order[i]);
	return NULL;
}
