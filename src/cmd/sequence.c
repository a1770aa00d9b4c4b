#include "sequence.h"
#include "tell.h"

#include "cmd/source.h"

#include <stdlib.h>
#include <string.h>

static const char one_series[] = "of the files of snapshot -d those of one series, such as "
				 "*-s2.rtsnap, are of one process";

void sequence_deinit(struct sequence *sequence)
{
	free(sequence->boot_id);
}

/* No heap has to stay, so what is borrowed from it must be ours. */
static struct error *note_first(struct sequence *sequence, const struct heap_run *run,
				const char *name)
{
	sequence->first = name;
	sequence->run = *run;
	if (!run->boot_id)
		return NULL;
	sequence->boot_id = strdup(run->boot_id);
	sequence->run.boot_id = sequence->boot_id;
	return sequence->boot_id ? NULL : &error_no_memory;
}

static struct error *check_process(const struct sequence *sequence, const struct heap_run *run,
				   const char *name)
{
	const char *other = heap_other_run(&sequence->run, run);

	if (!other || sequence->any_process)
		return NULL;
	if (sequence->other) {
		if (!sequence->quiet)
			tell("%s: %s is of %s than %s", sequence->other, name, other,
			     sequence->first);
		return NULL;
	}
	return error_hint(error_create(ERROR_OTHER, "%s is of %s than %s", name, other,
				       sequence->first),
			  "%s", sequence->hint ? sequence->hint : one_series);
}

static struct error *check_time(const struct sequence *sequence, uint64_t time, const char *name)
{
	/* In nanoseconds: no two captures of one process have the same. */
	if (time == sequence->time && sequence->last && !sequence->any_process)
		return error_create(ERROR_USAGE,
				    "%s is the same snapshot as %s, the file before it", name,
				    sequence->last);
	if (time >= sequence->time)
		return NULL;
	if (!sequence->older)
		return error_create(ERROR_USAGE, "%s is older than %s, the file before it", name,
				    sequence->last);
	if (!sequence->quiet)
		tell("%s: %s is older than %s, the file before it", sequence->older, name,
		     sequence->last);
	return NULL;
}

static struct error *add(struct sequence *sequence, const struct heap_run *run, uint64_t time,
			 const char *name)
{
	if (!sequence->last)
		try_(note_first(sequence, run, name));
	try_(check_process(sequence, run, name));
	try_(check_time(sequence, time, name));
	sequence->last = name;
	sequence->time = time;
	return NULL;
}

struct error *sequence_add(struct sequence *sequence, const struct heap *heap, const char *name)
{
	struct heap_run run = heap_run_of(heap);

	return add(sequence, &run, heap->facts.time, name);
}

struct error *sequence_add_file(struct sequence *sequence, const char *path)
{
	_cleanup_(heap_file_info_deinit) struct heap_file_info info = {0};
	struct heap_run run;

	try_(source_read_info(path, &info));
	run = heap_run_of_facts(&info.facts, info.strings[HEAP_STRING_BOOT_ID]);
	return add(sequence, &run, info.facts.time, path);
}
