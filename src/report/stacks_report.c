#include "report_private.h"

#include "base/clock.h"
#include "base/units.h"

#include <inttypes.h>

/* Text of the target, fit to be printed; @instead where there is none. Caller frees *@ret. */
static struct error *clean_text(const struct stacks *stacks, uint32_t id, const char *instead,
				char **ret)
{
	const char *text = stacks_text(stacks, id);

	return units_clean(text ? text : instead, UNITS_SHOWN, ret);
}

static struct error *print_local(const struct report_style *style, const struct stacks *stacks,
				 const struct stack_local *local)
{
	_cleanup_free_ char *name = NULL, *type = NULL, *value = NULL, *title = NULL;

	if (!local->object)
		return NULL; /* unbound */
	try_(clean_text(stacks, local->name, "?", &name));
	try_(clean_text(stacks, local->type, "?", &type));
	try_(clean_text(stacks, local->value, "", &value));
	try_(clean_text(stacks, local->title, "", &title));
	(void)fprintf(style->stream, "        %s = ", name);
	if (*value)
		(void)fprintf(style->stream, "%s\n", value);
	else
		(void)fprintf(style->stream, "<%s%s%s at 0x%" PRIx64 ">\n", type, *title ? " " : "",
			      title, local->object);
	return NULL;
}

static struct error *print_python(const struct report_style *style, const struct stacks *stacks,
				  const struct stack_frame *frame)
{
	_cleanup_free_ char *function = NULL, *file = NULL;
	size_t i;

	try_(clean_text(stacks, frame->function, "?", &function));
	try_(clean_text(stacks, frame->file, "?", &file));
	(void)fprintf(style->stream, "    %s (%s", function, file);
	if (frame->line > 0)
		(void)fprintf(style->stream, ":%" PRId64, frame->line);
	(void)fprintf(style->stream, ")\n");
	for (i = 0; i < frame->local_count; i++)
		try_(print_local(style, stacks, &stacks->locals.items[frame->first_local + i]));
	if (frame->damaged)
		(void)fprintf(style->stream, "        (some variables cannot be read)\n");
	return NULL;
}

static struct error *print_native(const struct report_style *style, const struct stacks *stacks,
				  const struct stack_frame *frame)
{
	_cleanup_free_ char *function = NULL, *object = NULL;

	try_(clean_text(stacks, frame->function, "", &function));
	try_(clean_text(stacks, frame->file, "?", &object));
	if (*function)
		(void)fprintf(style->stream, "    %s+0x%" PRIx64 " (%s)\n", function, frame->offset,
			      object);
	else
		(void)fprintf(style->stream, "    0x%" PRIx64 " (%s+0x%" PRIx64 ")\n", frame->code,
			      object, frame->offset);
	return NULL;
}

static void print_thread_head(const struct report_style *style, const struct stack_thread *thread,
			      const char *name)
{
	if (thread->tid)
		(void)fprintf(style->stream, "Thread %d", (int)thread->tid);
	else
		(void)fprintf(style->stream, "Thread 0x%" PRIx64 " (not found in the kernel)",
			      thread->ident);
	if (*name)
		(void)fprintf(style->stream, " \"%s\"", name);
	if (thread->interp > 0)
		(void)fprintf(style->stream, ", interpreter %" PRId64, thread->interp);
	if (thread->holds_gil)
		(void)fprintf(style->stream, ", holds the GIL");
	if (!thread->state)
		(void)fprintf(style->stream, ", runs no Python");
	(void)fprintf(style->stream, "\n");
}

static struct error *print_thread(const struct report_style *style, const struct stacks *stacks,
				  const struct stack_thread *thread)
{
	_cleanup_free_ char *name = NULL, *damage = NULL;
	size_t i;

	try_(units_clean(thread->name, UNITS_SHOWN, &name));
	print_thread_head(style, thread, name);
	for (i = 0; i < thread->count; i++) {
		const struct stack_frame *frame = &stacks->frames.items[thread->first + i];

		if (frame->native)
			try_(print_native(style, stacks, frame));
		else
			try_(print_python(style, stacks, frame));
	}
	try_(clean_text(stacks, thread->damage, "", &damage));
	if (*damage)
		(void)fprintf(style->stream, "    (the frames end here: %s)\n", damage);
	(void)fprintf(style->stream, "\n");
	return NULL;
}

static struct error *stacks_table(const struct report_style *style, const struct stacks *stacks)
{
	char threads[UNIT_TEXT], taken[REPORT_TAKEN];
	size_t i;

	for (i = 0; i < stacks->threads.count; i++)
		try_(print_thread(style, stacks, &stacks->threads.items[i]));
	(void)fprintf(style->stream, "%s", units_things(stacks->threads.count, "thread", threads));
	if (stacks->other_threads)
		(void)fprintf(style->stream, ", %u more without Python (shown with --native)",
			      stacks->other_threads);
	(void)fprintf(style->stream, "; %s\n", report_taken(&stacks->facts, taken));
	return NULL;
}

static struct error *local_json(const struct stacks *stacks, const struct stack_local *local,
				json_t *list)
{
	json_t *object;

	try_(append_object(list, &object));
	try_(put_text(object, "name", stacks_text(stacks, local->name)));
	try_(put_text(object, "kind", stacks_text(stacks, local->kind)));
	try_(put_address(object, "object", local->object));
	try_(put_text(object, "type", stacks_text(stacks, local->type)));
	try_(put_text(object, "value", stacks_text(stacks, local->value)));
	try_(put_text(object, "title", stacks_text(stacks, local->title)));
	try_(put_address(object, "cell", local->cell));
	return json_put(object, "hidden", json_boolean(local->hidden));
}

static struct error *locals_json(const struct stacks *stacks, const struct stack_frame *frame,
				 json_t *object)
{
	json_t *list = json_array();
	size_t i;

	try_(json_put(object, "locals", list));
	for (i = 0; i < frame->local_count; i++)
		try_(local_json(stacks, &stacks->locals.items[frame->first_local + i], list));
	return json_put(object, "damaged", json_boolean(frame->damaged));
}

static struct error *python_json(const struct stacks *stacks, const struct stack_frame *frame,
				 json_t *object)
{
	try_(json_put(object, "kind", json_string("python")));
	try_(put_text(object, "function", stacks_text(stacks, frame->function)));
	try_(put_text(object, "file", stacks_text(stacks, frame->file)));
	try_(json_put(object, "line", frame->line >= 0 ? json_integer(frame->line) : json_null()));
	try_(put_address(object, "address", frame->address));
	try_(put_address(object, "code", frame->code));
	try_(put_address(object, "names", frame->names));
	try_(json_put(object, "starting", json_boolean(frame->starting)));
	return locals_json(stacks, frame, object);
}

static struct error *native_json(const struct stacks *stacks, const struct stack_frame *frame,
				 json_t *object)
{
	try_(json_put(object, "kind", json_string("native")));
	try_(put_text(object, "function", stacks_text(stacks, frame->function)));
	try_(put_text(object, "object", stacks_text(stacks, frame->file)));
	try_(put_address(object, "address", frame->code));
	return json_put(object, "offset", json_integer((json_int_t)frame->offset));
}

static struct error *frames_json(const struct stacks *stacks, const struct stack_thread *thread,
				 json_t *object)
{
	json_t *list = json_array(), *item;
	size_t i;

	try_(json_put(object, "frames", list));
	for (i = 0; i < thread->count; i++) {
		const struct stack_frame *frame = &stacks->frames.items[thread->first + i];

		try_(append_object(list, &item));
		if (frame->native)
			try_(native_json(stacks, frame, item));
		else
			try_(python_json(stacks, frame, item));
	}
	return NULL;
}

static struct error *thread_json(const struct stacks *stacks, const struct stack_thread *thread,
				 json_t *list)
{
	_cleanup_free_ char *name = NULL;
	json_t *object;

	try_(append_object(list, &object));
	try_(units_clean(thread->name, UNITS_VALID, &name));
	try_(json_put(object, "tid", thread->tid ? json_integer(thread->tid) : json_null()));
	try_(json_put(object, "name", json_string(name)));
	try_(put_address(object, "state", thread->state));
	try_(put_address(object, "ident", thread->ident));
	try_(json_put(object, "native_id",
		      thread->native_id ? json_integer((json_int_t)thread->native_id)
					: json_null()));
	try_(json_put(object, "interpreter",
		      thread->state ? json_integer(thread->interp) : json_null()));
	try_(json_put(object, "gil", json_boolean(thread->holds_gil)));
	try_(put_text(object, "damage", stacks_text(stacks, thread->damage)));
	try_(json_put(object, "joined", json_boolean(thread->joined)));
	return frames_json(stacks, thread, object);
}

static struct error *stacks_json(const struct report_style *style, const struct stacks *stacks)
{
	_cleanup_json_ json_t *document = json_object();
	const struct heap_facts *facts = &stacks->facts;
	json_t *list;
	size_t i;

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.stacks/1")));
	try_(json_put(document, "pid", json_integer(facts->pid)));
	try_(put_taken(document, facts));
	list = json_array();
	try_(json_put(document, "threads", list));
	for (i = 0; i < stacks->threads.count; i++)
		try_(thread_json(stacks, &stacks->threads.items[i], list));
	return json_write(style, document, false);
}

struct error *report_stacks(const struct report_style *style, const struct stacks *stacks)
{
	return style->format == REPORT_JSON ? stacks_json(style, stacks)
					    : stacks_table(style, stacks);
}
