/*
 * A subreaper (PR_SET_CHILD_SUBREAPER) with children that leave orphans behind. It must reap
 * exactly its children and those orphans, with their exit statuses, and then see ECHILD.
 */
#include "victim.h"

#include <sys/prctl.h>

int main(void)
{
	struct context context;
	struct family *family;
	int set = 0;

	victim_start();
	family = shared_alloc(sizeof(*family));
	expect_value(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	context_save(&context);
	victim_ready(getpid());
	while (!victim_told()) {
		family_round(family);
		doze(10 * MS);
		expect_childless();
		context_check(&context);
		expect_value(0, prctl(PR_GET_CHILD_SUBREAPER, &set));
		expect(set == 1, "no longer a subreaper");
	}
	victim_unharmed();
}
