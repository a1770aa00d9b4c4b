#include "capture/estimate.h"

#include <stdlib.h>
#include <string.h>

bool capture_is_reason_to_copy(const struct error *err)
{
	return error_code(err) == ERROR_NOT_CLONABLE || error_code(err) == ERROR_NO_MEMORY;
}

void capture_estimate_deinit(struct capture_estimate *estimate)
{
	free(estimate->not_clonable);
}

/* Not being able to clone is a finding here. */
static struct error *look_for_clone(pid_t pid, struct capture_estimate *estimate)
{
	_cleanup_clone_ struct clone *clone = NULL;
	struct error *err = clone_prepare(pid, 1, &clone);

	if (!err || !capture_is_reason_to_copy(err))
		return err;
	estimate->not_clonable = strdup(error_message(err));
	error_free(err);
	return estimate->not_clonable ? NULL : &error_no_memory;
}

struct error *capture_estimate(pid_t pid, struct capture_estimate *ret)
{
	_cleanup_(capture_estimate_deinit) struct capture_estimate estimate = {0};
	struct image_estimate copy;
	struct proc_status status;

	try_(proc_status_read(pid, &status));
	try_(image_copy_estimate(pid, &copy));
	try_(look_for_clone(pid, &estimate));
	if (!estimate.not_clonable)
		try_(clone_estimate(copy.bytes, status.threads, &estimate.clone_ns));
	estimate.copy_ns = copy.pause_ns;
	estimate.bytes = copy.bytes;
	estimate.resident = copy.resident;
	*ret = estimate;
	estimate = (struct capture_estimate){0};
	return NULL;
}
