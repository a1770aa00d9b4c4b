#include "base/clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts = {0};

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

void clock_sleep(uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / NSEC_PER_SEC),
		.tv_nsec = (long)(ns % NSEC_PER_SEC),
	};

	(void)nanosleep(&ts, NULL);
}

static const struct {
	const char *suffix;
	double ns;
} units[] = {
	{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"", 1e9}, {"m", 60e9}, {"h", 3600e9},
};

bool duration_parse(const char *text, uint64_t *ret_ns)
{
	const double longest = 366.0 * 24 * 3600 * 1e9;
	double value, ns;
	char *end;
	size_t i;

	/* strtod() would also take a sign, "inf", "nan" and hexadecimal. */
	if (!strspn(text, "0123456789.") || text[0] == '.' || strchr(text, 'x'))
		return false;
	value = strtod(text, &end);
	for (i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].suffix))
			continue;
		ns = value * units[i].ns;
		if (!(ns >= 0 && ns <= longest))
			return false;
		*ret_ns = (uint64_t)ns;
		return true;
	}
	return false;
}
