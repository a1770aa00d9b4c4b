#include "freeze.h"

#include "target/scout.h"

void freeze_deinit(struct freeze *freeze)
{
	if (freeze->way == CAPTURE_CLONE)
		image_destroy(freeze->image);
	image_destroy(freeze->beneath);
	clone_destroy(freeze->clone);
	image_copy_destroy(freeze->copy);
}

void freeze_use_core(struct core *core, struct freeze *ret)
{
	*ret = (struct freeze){.way = CAPTURE_COPY, .core = core, .image = core_image(core)};
}

struct error *freeze_prepare(pid_t pid, enum capture_way way, uint64_t life_ns, struct freeze *ret)
{
	*ret = (struct freeze){.way = way};
	if (way == CAPTURE_CLONE)
		return clone_prepare(pid, life_ns, &ret->clone);
	return image_copy_prepare(pid, &ret->copy);
}

struct error *freeze_take(struct freeze *freeze, struct tracee *tracee, uint64_t deadline)
{
	if (freeze->way == CAPTURE_CLONE)
		return clone_take(freeze->clone, tracee);
	return image_copy_take(freeze->copy, deadline);
}

/* The process whose memory it is may end, by its own timer too: that is not the end of the target.
 */
static struct error *open_clone(struct freeze *freeze, uint64_t cache, uint64_t sparing)
{
	pid_t pid = clone_pid(freeze->clone);
	struct error *err = image_clone_create(pid, cache, sparing, &freeze->image);

	if (error_catch(&err, ERROR_GONE))
		return error_create(ERROR_INCONSISTENT, "the clone %d has ended", (int)pid);
	return err;
}

struct error *freeze_settle(struct freeze *freeze, uint64_t cache, uint64_t sparing)
{
	if (freeze->way == CAPTURE_CLONE) {
		try_(clone_settle(freeze->clone));
		return open_clone(freeze, cache, sparing);
	}
	freeze->image = image_copy_image(freeze->copy);
	return NULL;
}

static struct error *hide(struct freeze *freeze, const struct mapping *mapping,
			  const struct residency *of)
{
	if (!(mapping->flags & MAPPING_WRITE) || mapping->flags & MAPPING_SHARED)
		return NULL;
	if (freeze->way == CAPTURE_COPY && of->marks & RESIDENCY_FILLED)
		return image_copy_hide_absent(freeze->copy, mapping->start, mapping->end);
	if (freeze->way == CAPTURE_CLONE && of->marks & (RESIDENCY_WIPED | RESIDENCY_FILLED))
		image_clone_hide(freeze->image, mapping->start, mapping->end);
	return NULL;
}

struct error *freeze_hide(struct freeze *freeze, const struct smaps *smaps)
{
	size_t i;

	for (i = 0; i < smaps->of.count; i++)
		try_(hide(freeze, &smaps->maps.list.items[i], &smaps->of.items[i]));
	return NULL;
}

struct error *freeze_scout(struct freeze *freeze)
{
	struct image *scout;
	struct error *err;

	if (freeze->way != CAPTURE_CLONE)
		return NULL;
	err = image_scout_create(freeze->clone, freeze->image, &scout);
	if (err) {
		(void)error_catch(&err, ERROR_NOT_CLONABLE);
		return err;
	}
	freeze->beneath = freeze->image;
	freeze->image = scout;
	return NULL;
}

struct origin freeze_origin(const struct freeze *freeze, pid_t pid)
{
	return (struct origin){
		.pid = freeze->clone ? clone_pid(freeze->clone) : pid,
		.core = freeze->core,
	};
}

uint64_t freeze_bytes(const struct freeze *freeze)
{
	if (freeze->core)
		return core_facts(freeze->core)->bytes;
	if (!freeze->image)
		return 0;
	if (freeze->way == CAPTURE_COPY)
		return image_copy_bytes(freeze->copy);
	if (!freeze->beneath)
		return image_clone_bytes(freeze->image);
	return image_scout_bytes(freeze->image) + image_clone_bytes(freeze->beneath);
}

struct error *freeze_check(const struct freeze *freeze)
{
	return freeze->clone && clone_pid(freeze->clone) ? clone_check(freeze->clone) : NULL;
}

struct error *freeze_check_whole(const struct freeze *freeze, pid_t pid)
{
	if (freeze->way == CAPTURE_COPY)
		return image_copy_check_whole(pid);
	return freeze->clone && clone_pid(freeze->clone) ? clone_check_whole(pid) : NULL;
}

struct error *freeze_end(struct freeze *freeze, struct tracee *tracee, uint64_t *ret_pause_ns)
{
	*ret_pause_ns = 0;
	return freeze->clone ? clone_end(freeze->clone, tracee, ret_pause_ns) : NULL;
}
