#include "export_page.h"

#include "export_series.h"
#include "base/outfile.h"
#include "report/export.h"
#include "report/holders.h"

#include <stdlib.h>

/* The answer of the `leaks` command. Caller frees. */
static struct error *leaks_document(const struct export_series *series, char **ret)
{
	const struct heap *const *heaps = export_series_heaps(series);
	_cleanup_free_ struct report_snapshot *snapshots = calloc(series->count,
								  sizeof(*snapshots));
	_cleanup_(leaks_deinit) struct leaks leaks = {0};
	_cleanup_(type_filter_deinit) struct type_filter all = {0};
	struct report_style style = {.format = REPORT_JSON, .filter = &all};
	struct error *err;
	size_t size, i;

	if (!snapshots)
		return &error_no_memory;
	for (i = 0; i < series->count; i++)
		snapshots[i] = (struct report_snapshot){series->names[i], heaps[i]};
	try_(error_wrap(leaks_find(heaps, series->count, &leaks), "looking for leaks"));
	style.stream = open_memstream(ret, &size);
	if (!style.stream)
		return &error_no_memory;
	err = report_leaks(&style, snapshots, &leaks);
	if (fclose(style.stream) && !err)
		err = &error_no_memory;
	return err;
}

struct error *export_page_run(const struct command_context *context,
			      const struct capture_values *values, const char *output)
{
	_cleanup_(export_series_deinit) struct export_series series = {0};
	_cleanup_(dominators_deinit) struct dominators dominators = {0};
	_cleanup_outfile_ struct outfile out = OUTFILE_NONE;
	_cleanup_free_ char *leaks = NULL;
	struct export_page page;

	try_(export_series_open(context, values, &series));
	if (series.count >= EXPORT_LEAKS_HEAPS)
		try_(leaks_document(&series, &leaks));
	try_(dominators_make(export_series_last(&series), &dominators));
	page = (struct export_page){
		.heaps = export_series_heaps(&series),
		.names = series.names,
		.count = series.count,
		.dominators = &dominators,
		.leaks = leaks,
	};
	try_(outfile_open(&out, output, 0600));
	try_(error_wrap(export_html(out.stream, &page), "%s", outfile_name(&out)));
	return outfile_commit(&out);
}
