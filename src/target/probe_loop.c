/*
 * The probe's code in the clone.
 */
#include "guest_code.h"
#include "probe_window.h"

static IN_GUEST int visit(void *object, void *arg)
{
	struct probe_window *window = arg;

	if (!object)
		return 0;
	while (window->used >= window->room) {
		window->request = PROBE_FULL;
		guest_stop();
	}
	window->visited[window->used++] = (uint64_t)(uintptr_t)object;
	return 0;
}

static IN_GUEST __attribute__((noreturn)) void enter(struct probe_window *window)
{
	for (;;) {
		while (window->index < window->count) {
			const struct probe_job *job = &window->jobs[window->index];

			if (job->function) {
				int (*function)(void *, int (*)(void *, void *),
						void *) = (int (*)(void *, int (*)(void *, void *),
								   void *))(uintptr_t)job->function;

				(void)function((void *)(uintptr_t)job->object, window->visit,
					       window);
			}
			window->ends[window->index] = (uint32_t)window->used;
			window->index++;
		}
		window->request = PROBE_END;
		guest_stop();
	}
}

const void *probe_entry(void)
{
	return (const void *)(uintptr_t)enter;
}

const void *probe_visitor(void)
{
	return (const void *)(uintptr_t)visit;
}
