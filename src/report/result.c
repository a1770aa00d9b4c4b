#include "report/result.h"

#include "table.h"

#include <math.h>
#include <stdlib.h>

enum {
	NUMBER_TEXT = 40
};

struct result_column {
	bool text;		  /**< not all are numbers */
	char number[NUMBER_TEXT]; /**< the one in the current row */
};

struct report_result {
	const struct report_style *style;
	size_t columns;
	size_t rows;		      /**< of the current result */
	struct libscols_table *table; /**< as a table: of the current result */
	struct result_column *infos;  /**< as a table: of each column */
	const char **texts;	      /**< as a table: the current row */
};

static void forget(struct report_result *result)
{
	scols_unref_table(result->table);
	result->table = NULL;
	free(result->infos);
	result->infos = NULL;
	free(result->texts);
	result->texts = NULL;
}

void report_result_destroy(struct report_result *result)
{
	if (!result)
		return;
	forget(result);
	free(result);
}

/* As text, in @buffer where it is a number. NULL is nothing. Foreign text as it is. */
static const char *cell_text(const struct cell *cell, char *buffer)
{
	switch (cell->kind) {
	case CELL_INTEGER:
		(void)snprintf(buffer, NUMBER_TEXT, "%jd", (intmax_t)cell->integer);
		break;
	case CELL_REAL:
		(void)snprintf(buffer, NUMBER_TEXT, "%.15g", cell->real);
		break;
	case CELL_TEXT:
		return cell->text;
	case CELL_NULL:
		*buffer = '\0';
		break;
	}
	return buffer;
}

static struct error *create_table(const char *const *titles, size_t count,
				  struct libscols_table **ret)
{
	_cleanup_free_ struct table_column *columns = calloc(count, sizeof(*columns));
	size_t i;

	if (!columns)
		return &error_no_memory;
	for (i = 0; i < count; i++)
		columns[i].title = titles[i];
	return table_create(columns, count, ret);
}

static struct error *table_begin(void *ctx, const char *const *columns, size_t count)
{
	struct report_result *result = ctx;

	forget(result);
	result->columns = count;
	result->rows = 0;
	result->infos = calloc(count, sizeof(*result->infos));
	result->texts = calloc(count, sizeof(*result->texts));
	if (!result->infos || !result->texts)
		return &error_no_memory;
	return create_table(columns, count, &result->table);
}

static struct error *table_row(void *ctx, const struct cell *cells, bool *ret_stop)
{
	struct report_result *result = ctx;
	size_t i;

	/* One more than is shown has come: enough to know. */
	*ret_stop = result->style->rows && result->rows == result->style->rows;
	result->rows++;
	if (*ret_stop)
		return NULL;
	for (i = 0; i < result->columns; i++) {
		result->infos[i].text |= cells[i].kind == CELL_TEXT;
		result->texts[i] = cell_text(&cells[i], result->infos[i].number);
	}
	return table_add(result->table, NULL, result->texts, result->columns, NULL);
}

static struct error *table_end(void *ctx)
{
	struct report_result *result = ctx;
	FILE *stream = result->style->stream;
	size_t i;

	for (i = 0; i < result->columns; i++) {
		if (!result->infos[i].text)
			try_(table_align_right(result->table, i));
	}
	if (result->rows)
		try_(table_print(result->style, result->table));
	else
		(void)fputs("no rows\n", stream);
	if (result->style->rows && result->rows > result->style->rows)
		(void)fputs("… more rows (-n 0 shows all)\n", stream);
	forget(result);
	return NULL;
}

static struct error *csv_begin(void *ctx, const char *const *columns, size_t count)
{
	struct report_result *result = ctx;
	size_t i;

	result->columns = count;
	for (i = 0; i < count; i++) {
		if (i)
			(void)fputc(',', result->style->stream);
		try_(report_csv_text(result->style->stream, columns[i]));
	}
	(void)fputc('\n', result->style->stream);
	return NULL;
}

/* RFC 4180. NULL is an empty field without quotes, the empty text one with them. */
static struct error *csv_row(void *ctx, const struct cell *cells, bool *ret_stop)
{
	struct report_result *result = ctx;
	FILE *stream = result->style->stream;
	size_t i;

	for (i = 0; i < result->columns; i++) {
		char buffer[NUMBER_TEXT];

		if (i)
			(void)fputc(',', stream);
		if (cells[i].kind == CELL_TEXT)
			try_(report_csv_text(stream, cells[i].text));
		else
			(void)fputs(cell_text(&cells[i], buffer), stream);
	}
	(void)fputc('\n', stream);
	*ret_stop = ferror(stream);
	return NULL;
}

static struct error *csv_end(void *ctx)
{
	(void)ctx;
	return NULL;
}

static struct error *json_cell(const struct cell *cell, json_t **ret)
{
	switch (cell->kind) {
	case CELL_INTEGER:
		*ret = json_integer(cell->integer);
		break;
	case CELL_REAL:
		/* JSON has no infinity. */
		*ret = isfinite(cell->real) ? json_real(cell->real) : json_null();
		break;
	case CELL_TEXT:
		return json_text(cell->text, ret);
	case CELL_NULL:
		*ret = json_null();
		break;
	}
	return *ret ? NULL : &error_no_memory;
}

static struct error *json_begin(void *ctx, const char *const *columns, size_t count)
{
	struct report_result *result = ctx;
	_cleanup_json_ json_t *list = json_array();
	size_t i;

	result->columns = count;
	result->rows = 0;
	if (!list)
		return &error_no_memory;
	for (i = 0; i < count; i++) {
		json_t *name;

		try_(json_text(columns[i], &name));
		if (json_array_append_new(list, name))
			return &error_no_memory;
	}
	(void)fputs("{\"schema\": \"reftracker.query/1\", \"columns\": ", result->style->stream);
	try_(json_print(result->style->stream, list, JSON_ENCODE_ANY));
	(void)fputs(", \"rows\": [", result->style->stream);
	return NULL;
}

static struct error *json_row(void *ctx, const struct cell *cells, bool *ret_stop)
{
	struct report_result *result = ctx;
	_cleanup_json_ json_t *list = json_array();
	size_t i;

	if (!list)
		return &error_no_memory;
	for (i = 0; i < result->columns; i++) {
		json_t *value;

		try_(json_cell(&cells[i], &value));
		if (json_array_append_new(list, value))
			return &error_no_memory;
	}
	(void)fputs(result->rows++ ? ",\n " : "\n ", result->style->stream);
	try_(json_print(result->style->stream, list, JSON_ENCODE_ANY));
	*ret_stop = ferror(result->style->stream);
	return NULL;
}

static struct error *json_end(void *ctx)
{
	struct report_result *result = ctx;

	(void)fputs("]}\n", result->style->stream);
	return NULL;
}

static const struct cell_sink sinks[] = {
	[REPORT_TABLE] = {NULL, table_begin, table_row, table_end},
	[REPORT_JSON] = {NULL, json_begin, json_row, json_end},
	[REPORT_CSV] = {NULL, csv_begin, csv_row, csv_end},
};

struct error *report_result_create(const struct report_style *style, struct cell_sink *ret_sink,
				   struct report_result **ret)
{
	struct report_result *result = calloc(1, sizeof(*result));

	if (!result)
		return &error_no_memory;
	result->style = style;
	*ret_sink = sinks[style->format];
	ret_sink->ctx = result;
	*ret = result;
	return NULL;
}
