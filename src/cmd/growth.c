#include "growth.h"

#include "base/options.h"

#include <errno.h>
#include <stdlib.h>

enum {
	MOST_PERCENT = 1000000
};

static bool parse_percent(const char *text, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end != '%' || end[1] || value > MOST_PERCENT)
		return false;
	*ret = value;
	return true;
}

bool growth_parse(const char *text, struct growth *ret)
{
	struct growth growth = {0};

	if (*text == '+')
		text++;
	if (*text < '0' || *text > '9')
		return false;
	if (!parse_percent(text, &growth.percent) && !size_parse(text, &growth.bytes))
		return false;
	if (!growth.percent && !growth.bytes)
		return false;
	*ret = growth;
	return true;
}

bool growth_reached(const struct growth *growth, uint64_t base, uint64_t now)
{
	uint64_t more = now > base ? now - base : 0;

	if (growth->bytes)
		return more >= growth->bytes;
	return growth->percent && (double)more * 100 >= (double)base * (double)growth->percent;
}
