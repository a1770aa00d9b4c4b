#include "program_run.h"

static bool read_key(struct image *image, raddr_t at, struct siphash_key *ret)
{
	/* All zero is what a wiped or missing page looks like, and no secret. */
	return image_read(image, at, ret, sizeof(*ret)) && (ret->words[0] | ret->words[1]);
}

static bool find_key(const struct capture *capture, raddr_t *ret)
{
	return origin_random((struct origin){.pid = capture->task, .core = capture->core}, ret);
}

void program_run_find(struct capture *capture)
{
	if (!find_key(capture, &capture->key_at) ||
	    !read_key(capture->live, capture->key_at, &capture->key)) {
		capture->key_at = 0;
		capture_set_note(capture, "what objects hold is not compared: ",
				 "the process has no AT_RANDOM");
	}
}

struct error *program_run_check(const struct capture *capture, struct image *image)
{
	struct siphash_key now;
	bool read;
	raddr_t at;

	if (!capture->key_at)
		return NULL;
	read = read_key(image, capture->key_at, &now);
	if (read && !memcmp(&now, &capture->key, sizeof(now)))
		return NULL;
	/* A clone that is about to end has no memory any more, and says nothing of the process. */
	if (!read && find_key(capture, &at) && at == capture->key_at)
		return error_create(ERROR_INCONSISTENT, "the memory of process %d cannot be read",
				    (int)capture->pid);
	return error_create(ERROR_GONE, "process %d runs another program now", (int)capture->pid);
}

uint64_t program_run_mark(const struct capture *capture)
{
	uint64_t mark;

	if (!capture->key_at)
		return 0;
	mark = siphash_end(siphash_begin(&capture->key), 0);
	return mark ? mark : 1;
}

const struct siphash_key *program_run_key(const struct capture *capture)
{
	return capture->key_at ? &capture->key : NULL;
}
