#include "report_private.h"

#include "base/units.h"

const char *report_taken(const struct heap_facts *facts, char *buffer)
{
	char pause[UNIT_TEXT];

	if (facts->from_core)
		(void)snprintf(buffer, REPORT_TAKEN, "core file of process %d", (int)facts->pid);
	else
		(void)snprintf(buffer, REPORT_TAKEN, "process %d stood still for %s (%s)",
			       (int)facts->pid, units_duration(facts->pause, pause),
			       report_way(facts));
	return buffer;
}

struct error *put_taken(json_t *to, const struct heap_facts *facts)
{
	try_(put_msec(to, "pause_ms", facts->pause));
	return json_put(to, "capture", json_string(report_way(facts)));
}
