/*
 * What a heap says of where it comes from, beyond what was measured while it was taken. Whatever
 * cannot be found out is left out.
 */
#include "base/file.h"
#include "base/units.h"
#include "capture_private.h"
#include "describe.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes @err: an expected one, what it would have told is not known then. */
static struct error *set(struct heap_builder *builder, enum heap_string which, struct error *err,
			 const char *text)
{
	if (err) {
		error_free(err);
		return NULL;
	}
	return heap_builder_set_string(builder, which, text);
}

static struct error *set_command(struct heap_builder *builder, pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	struct error *err = proc_cmdline(pid, &text);

	return set(builder, HEAP_STRING_COMMAND, err, text);
}

static struct error *set_cgroup(struct heap_builder *builder, pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	struct error *err = proc_cgroup(pid, &text);

	return set(builder, HEAP_STRING_CGROUP, err, text);
}

static struct error *set_executable(struct heap_builder *builder, pid_t pid)
{
	char link[64], target[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return NULL;
	target[n] = '\0';
	return heap_builder_set_string(builder, HEAP_STRING_EXECUTABLE, target);
}

static struct error *set_boot_id(struct heap_builder *builder)
{
	_cleanup_free_ char *text = NULL;
	struct error *err = file_read("/proc/sys/kernel/random/boot_id", &text, NULL);

	if (!err)
		text[strcspn(text, "\n")] = '\0';
	return set(builder, HEAP_STRING_BOOT_ID, err, text);
}

static struct error *set_host(struct heap_builder *builder)
{
	char name[HOST_NAME_MAX + 1] = "";

	if (gethostname(name, sizeof(name) - 1))
		return NULL;
	return heap_builder_set_string(builder, HEAP_STRING_HOST, name);
}

/* "37 fields from DWARF, 2 from a built-in table of 3.11.2" */
static struct error *set_layout(struct heap_builder *builder, const struct py_layout *layout)
{
	unsigned int counts[PY_SOURCE_DWARF + 1] = {0};
	char text[256] = "", fields[UNIT_TEXT];
	size_t used = 0;
	int source;

	layout_count_sources(layout, counts);
	for (source = PY_SOURCE_BUILTIN; source <= PY_SOURCE_DWARF; source++) {
		if (!counts[source] || used >= sizeof(text))
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s from %s",
					 used ? ", " : "",
					 units_things(counts[source], "field", fields),
					 layout_source_name((enum py_source)source));
		if (source == PY_SOURCE_BUILTIN && layout->builtin_name && used < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, " of %s",
						 layout->builtin_name);
	}
	return heap_builder_set_string(builder, HEAP_STRING_LAYOUT, text);
}

/* When it began and where it ran a core does not say. */
static struct error *describe_core(const struct core *core, struct heap_builder *builder)
{
	const char *executable = core_executable(core);

	try_(heap_builder_set_string(builder, HEAP_STRING_COMMAND, core_facts(core)->command));
	if (!*executable)
		return NULL;
	return heap_builder_set_string(builder, HEAP_STRING_EXECUTABLE, executable);
}

static struct error *describe_process(const struct capture *capture, struct heap_builder *builder)
{
	heap_builder_facts(builder)->start_time = capture->status.start_time;
	try_(set_command(builder, capture->pid));
	try_(set_cgroup(builder, capture->task));
	try_(set_executable(builder, capture->task));
	try_(set_boot_id(builder));
	return set_host(builder);
}

struct error *capture_describe(const struct capture *capture, struct heap_builder *builder)
{
	if (capture->core)
		try_(describe_core(capture->core, builder));
	else
		try_(describe_process(capture, builder));
	return set_layout(builder, &capture->runtime->layout);
}
