#include "program_run.h"

static bool read_key(struct image *image, raddr_t at, struct siphash_key *ret)
{
	/* All zero is what a wiped or missing page looks like, and no secret. */
	return image_read(image, at, ret, sizeof(*ret)) && (ret->words[0] | ret->words[1]);
}

void program_run_find(struct capture *capture)
{
	struct origin origin = {.pid = capture->task, .core = capture->core};

	if (!origin_random(origin, &capture->key_at) ||
	    !read_key(capture->live, capture->key_at, &capture->key)) {
		capture->key_at = 0;
		capture_set_note(capture, "what objects hold is not compared: ",
				 "the process has no AT_RANDOM");
	}
}

struct error *program_run_check(const struct capture *capture, struct image *image)
{
	struct siphash_key now;

	if (!capture->key_at)
		return NULL;
	if (!read_key(image, capture->key_at, &now) ||
	    memcmp(&now, &capture->key, sizeof(now)) != 0)
		return error_create(ERROR_GONE, "process %d runs another program now",
				    (int)capture->pid);
	return NULL;
}

uint64_t program_run_mark(const struct capture *capture)
{
	uint64_t mark;

	if (!capture->key_at)
		return 0;
	mark = siphash(&capture->key, NULL, 0);
	return mark ? mark : 1;
}

const struct siphash_key *program_run_key(const struct capture *capture)
{
	return capture->key_at ? &capture->key : NULL;
}
