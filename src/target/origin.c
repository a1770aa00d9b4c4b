#include "target/origin.h"

#include <stdio.h>

struct error *origin_maps(struct origin origin, struct proc_maps *ret)
{
	return origin.core ? core_maps(origin.core, ret) : proc_maps_read(origin.pid, ret);
}

struct error *origin_open_mapping(struct origin origin, const struct mapping *mapping, int *ret)
{
	return origin.core ? core_open_mapping(origin.core, mapping, ret)
			   : proc_open_mapping(origin.pid, mapping, ret);
}

bool origin_random(struct origin origin, raddr_t *ret)
{
	if (!origin.core)
		return proc_random(origin.pid, ret);
	*ret = core_facts(origin.core)->random;
	return *ret;
}

bool origin_entry(struct origin origin, raddr_t *ret)
{
	if (!origin.core)
		return proc_entry(origin.pid, ret);
	*ret = core_facts(origin.core)->entry;
	return *ret;
}

void origin_roots(struct origin origin, struct origin_roots *ret)
{
	if (origin.core)
		(void)snprintf(ret->own, sizeof(ret->own), "%s", core_sysroot(origin.core));
	else
		(void)snprintf(ret->own, sizeof(ret->own), "/proc/%d/root", (int)origin.pid);
	ret->list[0] = ret->own;
	ret->list[1] = *ret->own ? "" : NULL;
	ret->list[2] = NULL;
}
