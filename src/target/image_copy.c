/*
 * The copy: for each private writable mapping of the target a mirror of the same length in this
 * process, filled in bulk while the target stands.
 *
 * What takes time and can be done before is done before: the mirrors are mapped and their pages
 * touched, in huge pages where the target's memory is dense, and the helper threads wait.
 */
#include "image_private.h"

#include "base/clock.h"
#include "base/hold.h"
#include "plan.h"
#include "base/workers.h"
#include "watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

enum {
	PAGE = 4096,
	CACHE_PAGES = 1024,  /* of read-only memory, 4 MiB */
	JOB_BYTES = 2 << 20, /* one system call; larger ones do not get faster */
	JOB_RUNS = 256,	     /* of IOV_MAX, which is 1024 */
	DENSE_PERCENT = 90,  /* resident share from which huge pages waste little */
};

/* Local memory that stands for [start, end) of the target. */
struct mirror {
	raddr_t start, end;
	unsigned char *bytes; /**< mmap'ed, end - start bytes */
};

DEFINE_ARRAY(mirror_array, struct mirror)

/* One job of the workers: some runs, together about JOB_BYTES. */
struct piece {
	raddr_t start, end; /**< of the target */
	unsigned char *to;
	bool shared; /**< see struct page_run */
};

DEFINE_ARRAY(piece_array, struct piece)

struct job {
	size_t first, count; /**< in pieces, all shared or none */
};

DEFINE_ARRAY(job_array, struct job)

struct image_copy {
	struct image image; /**< first: image_ops get a pointer to it */
	pid_t pid;
	struct plan plan;
	struct image_region *regions; /**< that could be read; owned */
	size_t region_count;
	struct mirror_array mirrors; /**< ascending, not overlapping */
	struct piece_array pieces;
	struct job_array jobs;
	struct workers *workers;
	uint64_t bytes;
	int memory; /**< /proc/PID/mem, -1 where it cannot be opened */

	pthread_mutex_t lock;	     /**< guards those below while jobs run */
	struct page_run_array holes; /**< pages that the kernel would not read */
	bool gone, no_memory, late;
	struct error *ended; /**< a signal waits by which this process will end; owned */

	uint64_t deadline; /**< clock_now() at which to give up */

	raddr_t *cache_tags;  /**< page address + 1 of each cached page; owned */
	unsigned char *cache; /**< CACHE_PAGES pages; owned */
};

static void unmap_mirror(const struct mirror *mirror)
{
	(void)munmap(mirror->bytes, mirror->end - mirror->start);
}

void image_copy_destroy(struct image_copy *copy)
{
	size_t i;

	if (!copy)
		return;
	workers_destroy(copy->workers);
	for (i = 0; i < copy->mirrors.count; i++)
		unmap_mirror(&copy->mirrors.items[i]);
	mirror_array_deinit(&copy->mirrors);
	piece_array_deinit(&copy->pieces);
	job_array_deinit(&copy->jobs);
	page_run_array_deinit(&copy->holes);
	plan_deinit(&copy->plan);
	if (copy->memory >= 0)
		(void)close(copy->memory);
	(void)pthread_mutex_destroy(&copy->lock);
	error_free(copy->ended);
	free(copy->regions);
	free(copy->cache_tags);
	free(copy->cache);
	free(copy);
}

static struct error *map_mirror(struct mirror_array *list, raddr_t start, raddr_t end)
{
	struct mirror mirror = {.start = start, .end = end};

	try_(mirror_array_reserve(list, list->count + 1));
	mirror.bytes = mmap(NULL, end - start, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mirror.bytes == MAP_FAILED)
		return error_from_errno(errno, "cannot make room for a copy of the target");
	return mirror_array_append(list, mirror);
}

/*
 * Cover [start, end) with mirrors, ascending: old ones that lie inside are kept with the
 * pages they have, new ones fill the gaps. @next walks through the old ones; those passed over
 * have no place any more.
 */
static struct error *cover(struct mirror_array *new, struct mirror_array *old, size_t *next,
			   raddr_t start, raddr_t end)
{
	while (*next < old->count && old->items[*next].start < end) {
		struct mirror *mirror = &old->items[*next];

		if (mirror->start >= start && mirror->end <= end) {
			if (mirror->start > start)
				try_(map_mirror(new, start, mirror->start));
			try_(mirror_array_append(new, *mirror));
			start = mirror->end;
		} else if (mirror->end > end) {
			break; /* it may still serve the next mapping; if not, that one drops it */
		} else {
			unmap_mirror(mirror);
		}
		mirror->bytes = NULL;
		++*next;
	}
	return start < end ? map_mirror(new, start, end) : NULL;
}

static void drop_unused(struct mirror_array *old, size_t from)
{
	size_t i;

	for (i = from; i < old->count; i++) {
		if (old->items[i].bytes)
			unmap_mirror(&old->items[i]);
	}
	mirror_array_deinit(old);
}

static struct error *fit_mirrors(struct image_copy *copy)
{
	struct mirror_array old = copy->mirrors;
	struct error *err = NULL;
	size_t next = 0, i;

	copy->mirrors = (struct mirror_array){0};
	for (i = 0; i < copy->plan.mappings.count && !err; i++) {
		const struct plan_mapping *mapping = &copy->plan.mappings.items[i];

		while (next < old.count && old.items[next].start < mapping->start)
			unmap_mirror(&old.items[next++]);
		err = cover(&copy->mirrors, &old, &next, mapping->start, mapping->end);
	}
	drop_unused(&old, next);
	return err;
}

/* Huge pages where nearly all of a mapping exists; elsewhere they would cost more than they hold.
 */
static void advise_huge(struct image_copy *copy)
{
	size_t mirror = 0, i;

	for (i = 0; i < copy->plan.mappings.count; i++) {
		const struct plan_mapping *mapping = &copy->plan.mappings.items[i];
		bool dense = mapping->bytes / DENSE_PERCENT >=
			     (mapping->end - mapping->start) / 100;

		for (; mirror < copy->mirrors.count &&
		       copy->mirrors.items[mirror].start < mapping->end;
		     mirror++) {
			const struct mirror *m = &copy->mirrors.items[mirror];

			if (dense)
				(void)madvise(m->bytes, m->end - m->start, MADV_HUGEPAGE);
		}
	}
}

static struct error *cut_run(struct image_copy *copy, const struct page_run *run, size_t *mirror)
{
	raddr_t at = run->start;

	while (at < run->end) {
		const struct mirror *m;
		struct piece piece = {.start = at, .end = run->end, .shared = run->shared};

		while (copy->mirrors.items[*mirror].end <= at)
			++*mirror;
		m = &copy->mirrors.items[*mirror];
		if (piece.end > m->end)
			piece.end = m->end;
		if (piece.end - at > JOB_BYTES)
			piece.end = at + JOB_BYTES;
		piece.to = m->bytes + (at - m->start);
		try_(piece_array_append(&copy->pieces, piece));
		at = piece.end;
	}
	return NULL;
}

static struct error *group_pieces(struct image_copy *copy)
{
	struct job job = {0};
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < copy->pieces.count; i++) {
		const struct piece *piece = &copy->pieces.items[i];

		if (job.count && (job.count == JOB_RUNS || piece->shared != piece[-1].shared ||
				  bytes + piece->end - piece->start > JOB_BYTES)) {
			try_(job_array_append(&copy->jobs, job));
			job = (struct job){.first = i};
			bytes = 0;
		}
		job.count++;
		bytes += piece->end - piece->start;
	}
	return job.count ? job_array_append(&copy->jobs, job) : NULL;
}

/* Turn the plan into jobs of about the same size. */
static struct error *divide(struct image_copy *copy)
{
	size_t mirror = 0, i;

	copy->pieces.count = 0;
	copy->jobs.count = 0;
	for (i = 0; i < copy->plan.runs.count; i++)
		try_(cut_run(copy, &copy->plan.runs.items[i], &mirror));
	return group_pieces(copy);
}

static void touch(unsigned char *bytes, size_t size)
{
	size_t i;

	if (!madvise(bytes, size, MADV_POPULATE_WRITE))
		return;
	for (i = 0; i < size; i += PAGE)
		*(volatile unsigned char *)(bytes + i) = 0;
}

/* What is left is not done then: of a large process all jobs together take seconds. */
static bool is_ended(struct image_copy *copy)
{
	struct error *err = hold_check();
	bool ended;

	(void)pthread_mutex_lock(&copy->lock);
	if (!copy->ended)
		copy->ended = steal_ptr(err);
	ended = copy->ended;
	(void)pthread_mutex_unlock(&copy->lock);
	error_free(err);
	return ended;
}

static void touch_job(void *ctx, size_t index, unsigned int worker)
{
	struct image_copy *copy = ctx;
	const struct job *job = &copy->jobs.items[index];
	size_t i;

	(void)worker;
	if (is_ended(copy))
		return;
	for (i = 0; i < job->count; i++) {
		const struct piece *piece = &copy->pieces.items[job->first + i];

		touch(piece->to, piece->end - piece->start);
	}
}

static void note_hole(struct image_copy *copy, raddr_t page)
{
	struct page_run hole = {.start = page, .end = page + PAGE};
	struct error *err;

	(void)pthread_mutex_lock(&copy->lock);
	err = page_run_array_append(&copy->holes, hole);
	copy->no_memory = copy->no_memory || err;
	(void)pthread_mutex_unlock(&copy->lock);
}

static void note_gone(struct image_copy *copy)
{
	(void)pthread_mutex_lock(&copy->lock);
	copy->gone = true;
	(void)pthread_mutex_unlock(&copy->lock);
}

/*
 * process_vm_readv() pins what it reads, and the kernel gives the target a page of its own before
 * that where it shares one with a relative: its memory would grow for good. /proc/PID/mem does not.
 */
static bool read_shared(const struct image_copy *copy, raddr_t at, void *to, size_t size)
{
	if (copy->memory < 0)
		return live_read(copy->pid, at, to, size);
	return memory_read(copy->memory, at, to, size);
}

/* Page by page, where reading at once has failed. */
static void copy_pages(struct image_copy *copy, const struct piece *piece)
{
	raddr_t at;

	for (at = piece->start; at < piece->end; at += PAGE) {
		if (!read_shared(copy, at, piece->to + (at - piece->start), PAGE))
			note_hole(copy, at);
	}
}

static void copy_shared(struct image_copy *copy, const struct piece *pieces, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (!read_shared(copy, pieces[i].start, pieces[i].to,
				 (size_t)(pieces[i].end - pieces[i].start)))
			copy_pages(copy, &pieces[i]);
	}
}

/* The threads of the target stand meanwhile: of what is late nothing more is copied. */
static bool is_late(struct image_copy *copy)
{
	bool late = clock_now() > copy->deadline;

	(void)pthread_mutex_lock(&copy->lock);
	copy->late = copy->late || late;
	(void)pthread_mutex_unlock(&copy->lock);
	return late;
}

static void copy_job(void *ctx, size_t index, unsigned int worker)
{
	struct image_copy *copy = ctx;
	const struct job *job = &copy->jobs.items[index];
	const struct piece *pieces = &copy->pieces.items[job->first];
	struct iovec local[JOB_RUNS], remote[JOB_RUNS];
	size_t total = 0, i;
	ssize_t n;

	(void)worker;
	watchdog_progress();
	if (is_late(copy) || is_ended(copy))
		return;
	if (pieces->shared) {
		copy_shared(copy, pieces, job->count);
		return;
	}
	for (i = 0; i < job->count; i++) {
		size_t size = pieces[i].end - pieces[i].start;

		local[i] = (struct iovec){pieces[i].to, size};
		remote[i] = (struct iovec){(void *)(uintptr_t)pieces[i].start, size};
		total += size;
	}
	n = process_vm_readv(copy->pid, local, job->count, remote, job->count, 0);
	if (n == (ssize_t)total)
		return;
	if (n < 0 && errno == ESRCH) {
		note_gone(copy);
		return;
	}
	for (i = 0; i < job->count; i++)
		copy_pages(copy, &pieces[i]);
}

static int compare_runs(const void *a, const void *b)
{
	const struct page_run *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

/* One region of the image for each mirror, and more where pages could not be read. */
static struct error *make_regions(struct image_copy *copy)
{
	size_t most = copy->mirrors.count + copy->holes.count, hole = 0, n = 0, i;
	struct image_region *regions = calloc(most + 1, sizeof(*regions));

	if (!regions)
		return &error_no_memory;
	if (copy->holes.count)
		qsort(copy->holes.items, copy->holes.count, sizeof(*copy->holes.items),
		      compare_runs);
	for (i = 0; i < copy->mirrors.count; i++) {
		const struct mirror *m = &copy->mirrors.items[i];
		raddr_t start = m->start;

		for (; hole < copy->holes.count && copy->holes.items[hole].start < m->end; hole++) {
			const struct page_run *h = &copy->holes.items[hole];

			if (h->start > start)
				regions[n++] = (struct image_region){start, h->start,
								     m->bytes + (start - m->start)};
			if (h->end > m->end)
				break; /* it goes on in the next mirror */
			start = h->end > start ? h->end : start;
		}
		if (hole < copy->holes.count && copy->holes.items[hole].start < m->end)
			continue;
		if (start < m->end)
			regions[n++] = (struct image_region){start, m->end,
							     m->bytes + (start - m->start)};
	}
	free(copy->regions);
	copy->regions = regions;
	copy->region_count = n;
	return NULL;
}

/*
 * What is not writable does not change, so it is read from the live process when it is needed:
 * names of C types, mostly. Only where the process had it readable when it stood.
 */
static const unsigned char *cached_page(struct image_copy *copy, raddr_t page)
{
	size_t slot = (size_t)(page / PAGE) % CACHE_PAGES;
	unsigned char *bytes = copy->cache + slot * PAGE;
	const struct mapping *mapping;

	if (copy->cache_tags[slot] == page + 1)
		return bytes;
	mapping = proc_maps_find(&copy->plan.maps, page);
	if (!mapping || !(mapping->flags & MAPPING_READ) ||
	    ((mapping->flags & MAPPING_WRITE) && !(mapping->flags & MAPPING_SHARED)))
		return NULL;
	copy->cache_tags[slot] = 0;
	if (!live_read(copy->pid, page, bytes, PAGE))
		return NULL;
	copy->cache_tags[slot] = page + 1;
	return bytes;
}

static bool copy_find(struct image *image, raddr_t addr, struct image_region *ret)
{
	const struct image_copy *copy = (struct image_copy *)image;

	return image_find_sorted(copy->regions, copy->region_count, addr, ret);
}

static bool copy_next(struct image *image, raddr_t from, raddr_t *ret_start, raddr_t *ret_end)
{
	const struct image_copy *copy = (struct image_copy *)image;

	return image_next_sorted(copy->regions, copy->region_count, from, ret_start, ret_end);
}

/* A page of what was copied, or of the live process. */
static const unsigned char *any_page(struct image_copy *copy, raddr_t page)
{
	struct image_region region;

	if (copy_find(&copy->image, page, &region))
		return region.bytes + (page - region.start);
	return cached_page(copy, page);
}

static bool copy_image_read(struct image *image, raddr_t addr, void *buffer, size_t size)
{
	struct image_copy *copy = (struct image_copy *)image;

	while (size) {
		size_t at = (size_t)(addr % PAGE), part = PAGE - at < size ? PAGE - at : size;
		const unsigned char *page = any_page(copy, addr - at);

		if (!page)
			return false;
		memcpy(buffer, page + at, part);
		addr += part;
		buffer = (char *)buffer + part;
		size -= part;
	}
	return true;
}

static void copy_image_destroy(struct image *image)
{
	image_copy_destroy((struct image_copy *)image);
}

static const struct image_ops copy_ops = {
	.name = "copy",
	.find = copy_find,
	.next = copy_next,
	.hold = image_hold_nothing,
	.read = copy_image_read,
	.destroy = copy_image_destroy,
};

static struct error *allocate(struct image_copy *copy)
{
	copy->cache_tags = calloc(CACHE_PAGES, sizeof(*copy->cache_tags));
	copy->cache = malloc((size_t)CACHE_PAGES * PAGE);
	if (!copy->cache_tags || !copy->cache)
		return &error_no_memory;
	return workers_create(&copy->workers);
}

struct error *image_copy_prepare(pid_t pid, struct image_copy **ret)
{
	_cleanup_image_copy_ struct image_copy *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return &error_no_memory;
	(void)pthread_mutex_init(&copy->lock, NULL);
	copy->image.ops = &copy_ops;
	copy->pid = pid;
	copy->memory = memory_open(pid, O_RDONLY);
	try_(allocate(copy));
	try_(plan_make(pid, &copy->plan));
	try_(memory_check(getpid(), copy->plan.bytes, "a copy"));
	try_(fit_mirrors(copy));
	try_(divide(copy));
	advise_huge(copy);
	workers_run(copy->workers, copy->jobs.count, touch_job, copy);
	if (copy->ended)
		return steal_ptr(copy->ended);
	*ret = steal_ptr(copy);
	return NULL;
}

struct error *image_copy_take(struct image_copy *copy, uint64_t deadline)
{
	copy->deadline = deadline;
	copy->late = false;
	copy->holes.count = 0;
	plan_deinit(&copy->plan);
	copy->plan = (struct plan){0};
	try_(plan_make(copy->pid, &copy->plan));
	try_(fit_mirrors(copy));
	try_(divide(copy));
	workers_run(copy->workers, copy->jobs.count, copy_job, copy);
	if (copy->gone)
		return error_create(ERROR_GONE, "process %d has ended", (int)copy->pid);
	if (copy->no_memory)
		return &error_no_memory;
	if (copy->ended)
		return steal_ptr(copy->ended);
	if (copy->late)
		return error_create(
			ERROR_LATE,
			"the pause got longer than it may be, and the copy was given up");
	copy->bytes = copy->plan.bytes;
	return make_regions(copy);
}

struct error *image_copy_hide_absent(struct image_copy *copy, raddr_t start, raddr_t end)
{
	raddr_t at = start;
	size_t i;

	for (i = 0; i < copy->plan.runs.count && at < end; i++) {
		const struct page_run *run = &copy->plan.runs.items[i];

		if (run->end <= at)
			continue;
		if (run->start >= end)
			break;
		if (run->start > at)
			try_(page_run_array_append(&copy->holes,
						   (struct page_run){at, run->start, false}));
		at = run->end;
	}
	if (at < end)
		try_(page_run_array_append(&copy->holes, (struct page_run){at, end, false}));
	return make_regions(copy);
}

uint64_t image_copy_bytes(const struct image_copy *copy)
{
	return copy->bytes;
}

struct image *image_copy_image(struct image_copy *copy)
{
	return &copy->image;
}

enum {
	TRIAL_BYTES = 16 << 20,
	USUAL_RATE = 1000000000, /* bytes a second, where the trial is not allowed */
	THREAD_USEC = 20	 /* to stop a thread of the target and let it go on */
};

/*
 * Bytes a second at which this machine copies between processes: a small trial on itself by one
 * thread, times as many as a copy would have.
 */
static struct error *measure_rate(double *ret)
{
	_cleanup_free_ unsigned char *from = malloc(TRIAL_BYTES), *to = malloc(TRIAL_BYTES);
	struct iovec local, remote;
	uint64_t start;
	ssize_t n;

	if (!from || !to)
		return &error_no_memory;
	touch(from, TRIAL_BYTES);
	touch(to, TRIAL_BYTES);
	local = (struct iovec){to, TRIAL_BYTES};
	remote = (struct iovec){from, TRIAL_BYTES};
	start = clock_now();
	n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	*ret = n < TRIAL_BYTES ? USUAL_RATE
			       : (double)TRIAL_BYTES * (double)NSEC_PER_SEC /
					 (double)(clock_now() - start + 1) * workers_width_wanted();
	return NULL;
}

struct error *image_copy_estimate(pid_t pid, struct image_estimate *ret)
{
	_cleanup_(plan_deinit) struct plan plan = {0};
	struct image_estimate estimate;
	struct proc_status status;
	double rate;

	try_(plan_make(pid, &plan));
	try_(proc_status_read(pid, &status));
	try_(measure_rate(&rate));
	estimate.bytes = plan.bytes;
	estimate.resident = status.rss;
	estimate.pause_ns = (uint64_t)((double)plan.bytes / rate * (double)NSEC_PER_SEC) +
			    NSEC_PER_MSEC + status.threads * THREAD_USEC * NSEC_PER_USEC;
	*ret = estimate;
	return NULL;
}
