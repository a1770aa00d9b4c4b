#include "report/filter.h"

struct error *type_filter_init(struct type_filter *filter, const char *keep, const char *drop)
{
	*filter = (struct type_filter){0};
	if (keep) {
		try_(regex_compile(keep, &filter->keep));
		filter->has_keep = true;
	}
	if (drop) {
		struct error *err = regex_compile(drop, &filter->drop);

		if (err) {
			type_filter_deinit(filter);
			return err;
		}
		filter->has_drop = true;
	}
	return NULL;
}

void type_filter_deinit(struct type_filter *filter)
{
	if (filter->has_keep)
		regfree(&filter->keep);
	if (filter->has_drop)
		regfree(&filter->drop);
	*filter = (struct type_filter){0};
}

bool type_filter_takes(const struct type_filter *filter, const char *type)
{
	if (filter->has_keep && regexec(&filter->keep, type, 0, NULL, 0))
		return false;
	return !filter->has_drop || regexec(&filter->drop, type, 0, NULL, 0);
}
