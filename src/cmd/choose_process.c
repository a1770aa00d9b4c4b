#include "choose_process.h"

#include "base/array.h"
#include "capture/capture.h"
#include "target/proc.h"

#include <stdio.h>
#include <stdlib.h>

DEFINE_ARRAY(pid_array, pid_t)

bool process_may_be_python(pid_t pid)
{
	_cleanup_capture_ struct capture *capture = NULL;
	struct error *err = capture_open(pid, &capture_defaults, &capture);
	bool other = error_catch(&err, ERROR_NOT_PYTHON) || error_catch(&err, ERROR_GONE);

	error_free(err);
	return !other;
}

static void keep_pythons(struct pid_array *found)
{
	size_t kept = 0, i;

	for (i = 0; i < found->count; i++) {
		if (process_may_be_python(found->items[i]))
			found->items[kept++] = found->items[i];
	}
	found->count = kept;
}

static struct error *too_many(const struct pid_array *found, const char *hint)
{
	char list[128] = "";
	size_t used = 0, i;

	for (i = 0; i < found->count && used + 16 < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%d", i ? ", " : "",
					 (int)found->items[i]);
	return error_hint(error_create(ERROR_USAGE, "%zu processes are meant: %s%s", found->count,
				       list, i < found->count ? " ..." : ""),
			  "%s", hint);
}

struct error *process_choose(bool (*is_meant)(const void *ctx, pid_t pid), const void *ctx,
			     const char *hint, pid_t *ret)
{
	_cleanup_(pid_array_deinit) struct pid_array found = {0};
	_cleanup_free_ pid_t *pids = NULL;
	size_t count, i;

	try_(proc_list(&pids, &count));
	for (i = 0; i < count; i++) {
		if (is_meant(ctx, pids[i]))
			try_(pid_array_append(&found, pids[i]));
	}
	if (found.count > 1)
		keep_pythons(&found);
	if (!found.count)
		return error_create(ERROR_GONE, "no such process is running");
	if (found.count > 1)
		return too_many(&found, hint);
	*ret = found.items[0];
	return NULL;
}
