#include "base/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BAR = 24,			  /* characters */
	PATIENCE_NS = 1000 * 1000 * 1000, /* before anything is shown */
	INTERVAL_NS = 100 * 1000 * 1000,  /* between two pictures */
};

static struct {
	bool enabled;
	bool drawn;
	const char *what; /* NULL: no long work */
	uint64_t begun, last;
} state;

void progress_enable(bool wanted)
{
	const char *term = getenv("TERM");

	state.enabled = wanted && isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
	state.begun = clock_now();
}

static void wipe(void)
{
	if (state.drawn)
		(void)fputs("\r\033[K", stderr);
	state.drawn = false;
}

static void draw(uint64_t done, uint64_t total)
{
	static const char full[] = "########################";
	int part = total ? (int)(done < total ? done * BAR / total : BAR) : 0;

	wipe();
	(void)fprintf(stderr, "%s", state.what);
	if (total)
		(void)fprintf(stderr, " [%-*.*s] %ju %%", BAR, part, full,
			      (uintmax_t)(done < total ? done * 100 / total : 100));
	else if (done)
		(void)fprintf(stderr, ": %ju", (uintmax_t)done);
	(void)fflush(stderr);
	state.drawn = true;
}

void progress_tick(uint64_t done, uint64_t total)
{
	uint64_t now;

	if (!state.enabled || !state.what)
		return;
	now = clock_now();
	if (now - state.begun < PATIENCE_NS || (state.drawn && now - state.last < INTERVAL_NS))
		return;
	state.last = now;
	draw(done, total);
}

const char *progress_begin(const char *what)
{
	const char *before = state.what;

	state.what = what;
	wipe();
	progress_tick(0, 0);
	return before;
}

void progress_end(const char **before)
{
	state.what = *before;
	wipe();
}
