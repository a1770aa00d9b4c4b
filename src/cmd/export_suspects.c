#include "export_suspects.h"

#include "analyze/leaks.h"
#include "analyze/path.h"

#include <stdlib.h>

enum {
	MOST_SUSPECTS = 6,
	MOST_SAMPLES = 2 /* of each: they look alike */
};

struct finding {
	struct neighbourhood around;
	struct u32_array samples;
};

static void finding_deinit(struct finding *finding)
{
	neighbourhood_deinit(&finding->around);
	u32_array_deinit(&finding->samples);
}

static struct error *add_chain(struct finding *finding, const struct reach *reach, uint32_t id)
{
	_cleanup_(path_deinit) struct path path = {0};
	size_t i;

	try_(path_to(reach, id, &path));
	try_(u32_array_append(&finding->around.objects, path.start));
	for (i = 0; i < path.refs.count; i++)
		try_(u32_array_append(&finding->around.objects,
				      reach->heap->ref_target[path.refs.items[i]]));
	return u32_array_append(&finding->samples, id);
}

static struct error *add_group(struct finding *finding, const struct reach *reach,
			       const struct leaks_group *group)
{
	struct neighbourhood_more more = {.object = group->holder};
	size_t drawn = group->sample_count < MOST_SAMPLES ? group->sample_count : MOST_SAMPLES, i;

	for (i = 0; i < drawn; i++)
		try_(add_chain(finding, reach, group->samples[i]));
	if (group->holder == HEAP_NONE || group->held <= drawn)
		return NULL;
	more.count = (uint32_t)(group->held - drawn);
	try_(u32_array_append(&finding->around.objects, group->holder));
	return neighbourhood_mores_append(&finding->around.more, more);
}

struct error *export_suspects_find(const struct export_series *series, struct neighbourhood *ret,
				   struct u32_array *ret_samples)
{
	_cleanup_(finding_deinit) struct finding finding = {0};
	_cleanup_(reach_deinit) struct reach reach = {0};
	_cleanup_(leaks_deinit) struct leaks leaks = {0};
	size_t i;

	try_(leaks_find(export_series_heaps(series), series->count, &leaks));
	if (!leaks.suspects)
		return error_create(ERROR_OTHER, "nothing to draw: there is no suspect");
	try_(reach_make(export_series_last(series), NULL, &reach));
	for (i = 0; i < leaks.suspects && i < MOST_SUSPECTS; i++)
		try_(add_group(&finding, &reach, &leaks.groups.items[i]));
	u32_array_tidy(&finding.around.objects);
	u32_array_tidy(&finding.samples);
	*ret = finding.around;
	*ret_samples = finding.samples;
	finding = (struct finding){0};
	return NULL;
}
