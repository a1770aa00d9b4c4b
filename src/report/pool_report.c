#include "report/pool.h"

#include "base/units.h"
#include "table.h"

#include <stdlib.h>

static const struct pool_process *member(const struct pool *pool, const struct pool_group *group,
					 size_t index)
{
	return &pool->processes[group->members.items[index]];
}

static struct error *put_processes(const struct report_style *style, const struct pool *pool,
				   json_t *document)
{
	json_t *list = json_array();
	size_t i;

	try_(json_put(document, "processes", list));
	for (i = 0; i < pool->count; i++) {
		const struct pool_process *process = &pool->processes[i];
		json_t *one;

		try_(types_document(style, process->histogram, process->heap, &one));
		if (json_array_append_new(list, one))
			return &error_no_memory;
		try_(put_text(one, "command", process->command));
	}
	return NULL;
}

static struct error *put_type(json_t *list, const struct odd_type *type)
{
	json_t *one;

	try_(append_object(list, &one));
	try_(put_text(one, "type", type->type));
	try_(put_integer(one, "count", type->count));
	try_(put_integer(one, "size", type->size));
	try_(put_integer(one, "usual_count", type->usual_count));
	try_(put_integer(one, "usual_size", type->usual_size));
	return json_put(one, "score", json_real(type->score));
}

static struct error *put_odd(const struct report_style *style, const struct pool *pool,
			     const struct pool_group *group, const struct odd_process *odd,
			     json_t *list)
{
	json_t *one, *types;
	size_t i;

	try_(append_object(list, &one));
	types = json_array();
	try_(json_put(one, "types", types));
	try_(put_integer(one, "pid", (uint64_t)member(pool, group, odd->index)->pid));
	try_(json_put(one, "count", json_integer(odd->count)));
	try_(json_put(one, "size", json_integer(odd->size)));
	for (i = 0; i < odd->types.count; i++) {
		if (type_filter_takes(style->filter, odd->types.items[i].type))
			try_(put_type(types, &odd->types.items[i]));
	}
	return NULL;
}

static struct error *put_group(const struct report_style *style, const struct pool *pool,
			       const struct pool_group *group, json_t *list)
{
	json_t *one, *pids, *odd;
	size_t i;

	try_(append_object(list, &one));
	pids = json_array();
	try_(json_put(one, "pids", pids));
	odd = json_array();
	try_(json_put(one, "odd", odd));
	for (i = 0; i < group->members.count; i++) {
		if (json_array_append_new(pids, json_integer(member(pool, group, i)->pid)))
			return &error_no_memory;
	}
	for (i = 0; i < group->odd.count; i++)
		try_(put_odd(style, pool, group, &group->odd.items[i], odd));
	return NULL;
}

static struct error *pool_json(const struct report_style *style, const struct pool *pool)
{
	_cleanup_json_ json_t *document = json_object();
	json_t *groups;
	size_t i;

	if (!document)
		return &error_no_memory;
	try_(json_put(document, "schema", json_string("reftracker.types.subprocesses/1")));
	try_(put_processes(style, pool, document));
	groups = json_array();
	try_(json_put(document, "siblings", groups));
	for (i = 0; i < pool->groups.count; i++)
		try_(put_group(style, pool, &pool->groups.items[i], groups));
	return json_write(style, document, false);
}

static struct error *print_one(const struct report_style *style, const struct pool_process *process)
{
	try_(report_line(style, "=== process %d: %s", (int)process->pid, process->command));
	(void)fputc('\n', style->stream);
	try_(report_types(style, process->histogram, process->heap));
	(void)fputc('\n', style->stream);
	return NULL;
}

static struct error *print_odd_types(const struct report_style *style,
				     const struct odd_process *odd)
{
	static const struct table_column columns[] = {
		{.title = "TYPE"},
		{.title = "COUNT", .right = true},
		{.title = "USUALLY", .right = true},
		{.title = "BYTES", .right = true},
		{.title = "USUALLY", .right = true},
	};
	_cleanup_table_ struct libscols_table *table = NULL;
	size_t shown = 0, i;

	try_(table_create(columns, ARRAY_SIZE(columns), &table));
	for (i = 0; i < odd->types.count && (!style->rows || shown < style->rows); i++) {
		const struct odd_type *type = &odd->types.items[i];
		char count[UNIT_TEXT], usual_count[UNIT_TEXT];
		char size[UNIT_TEXT], usual_size[UNIT_TEXT];
		const char *const texts[] = {type->type, units_count(type->count, count),
					     units_count(type->usual_count, usual_count),
					     units_bytes(type->size, size),
					     units_bytes(type->usual_size, usual_size)};

		if (!type_filter_takes(style->filter, type->type))
			continue;
		try_(table_add(table, NULL, texts, ARRAY_SIZE(texts), NULL));
		shown++;
	}
	try_(table_print(style, table));
	table_print_left_out(style, odd->types.count - i);
	return NULL;
}

static struct error *print_odd(const struct report_style *style, pid_t pid,
			       const struct odd_process *odd)
{
	char count[UNIT_TEXT], size[UNIT_TEXT], types[UNIT_TEXT];
	bool fewer = odd->count < 0, less = odd->size < 0;

	(void)fprintf(style->stream, "\nodd one out: process %d: %s%s and %s %s than usual in %s\n",
		      (int)pid, units_things((uint64_t)llabs(odd->count), "object", count),
		      fewer == less ? ""
		      : fewer	    ? " less"
				    : " more",
		      units_bytes((uint64_t)llabs(odd->size), size), less ? "less" : "more",
		      units_things(odd->types.count, "type", types));
	return print_odd_types(style, odd);
}

static struct error *print_group(const struct report_style *style, const struct pool *pool,
				 const struct pool_group *group)
{
	size_t i;

	(void)fputs("=== siblings", style->stream);
	for (i = 0; i < group->members.count; i++)
		(void)fprintf(style->stream, "%s %d", i ? "," : "",
			      (int)member(pool, group, i)->pid);
	if (group->members.count < ODD_LEAST)
		(void)fprintf(style->stream, ": with fewer than %d none can be odd\n", ODD_LEAST);
	else if (!group->odd.count)
		(void)fputs(": none is odd\n", style->stream);
	else
		(void)fputc('\n', style->stream);
	for (i = 0; i < group->odd.count; i++)
		try_(print_odd(style, member(pool, group, group->odd.items[i].index)->pid,
			       &group->odd.items[i]));
	return NULL;
}

struct error *report_pool(const struct report_style *style, const struct pool *pool)
{
	size_t i;

	if (style->format == REPORT_JSON)
		return pool_json(style, pool);
	for (i = 0; i < pool->count; i++)
		try_(print_one(style, &pool->processes[i]));
	for (i = 0; i < pool->groups.count; i++)
		try_(print_group(style, pool, &pool->groups.items[i]));
	return NULL;
}
