#include "cmd/capture_options.h"

/* ORDER capture-mode */
const char *const capture_modes[] = {"auto", "copy", NULL};

struct error *capture_values_open(const struct capture_values *values, pid_t pid,
				  struct capture **ret)
{
	struct capture_options options = capture_defaults;

	options.wait_gc_ns = values->wait_gc;
	return capture_open(pid, &options, ret);
}
