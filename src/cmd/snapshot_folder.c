#include "snapshot_folder.h"

#include "base/clock.h"
#include "base/newfile.h"
#include "heap/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define LOCK_NAME ".reftracker.lock"

enum {
	/* Seconds after which a file that is not finished is nobody's any more. */
	STALE_AFTER = 3600,
	NAME_TRIES = 1000,
	MOST_SERIES = 999999999 /* that a name is read with */
};

static struct error *cannot(const char *verb, const struct snapshot_folder *folder,
			    const char *name)
{
	return error_from_errno(errno, "cannot %s %s/%s", verb, folder->path, name);
}

static void format_name(uint64_t ns, uint64_t pid, uint32_t series, char *ret)
{
	time_t seconds = (time_t)(ns / NSEC_PER_SEC);
	char text[32];
	struct tm parts;

	(void)strftime(text, sizeof(text), "%Y%m%dT%H%M%S", gmtime_r(&seconds, &parts));
	(void)snprintf(ret, SNAPSHOT_NAME, "%s.%03uZ-%ju-s%u.rtsnap", text,
		       (unsigned int)(ns / NSEC_PER_MSEC % 1000), (uintmax_t)pid, series);
}

/* 20261125T212130 and 123: a time there is, ns since the epoch. */
static bool parse_time(const char *text, const char *milli, uint64_t *ret)
{
	struct tm parts = {0};
	const char *end = strptime(text, "%Y%m%dT%H%M%S", &parts);
	time_t seconds;

	if (!end || *end)
		return false;
	seconds = timegm(&parts);
	if (seconds < 0)
		return false;
	*ret = (uint64_t)seconds * NSEC_PER_SEC + strtoull(milli, NULL, 10) * NSEC_PER_MSEC;
	return true;
}

bool snapshot_name_parse(const char *name, struct snapshot_entry *ret)
{
	char text[16], milli[4], again[SNAPSHOT_NAME];
	unsigned int pid, series;

	if (sscanf(name, "%15[0-9T].%3[0-9]Z-%9u-s%9u.rtsnap", text, milli, &pid, &series) != 4 ||
	    !series || !parse_time(text, milli, &ret->time))
		return false;
	/* What we would not have written so is not ours. */
	format_name(ret->time, pid, series, again);
	if (strcmp(again, name) != 0)
		return false;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->pid = pid;
	ret->series = series;
	return true;
}

static struct error *take_lock(struct snapshot_folder *folder)
{
	folder->lock = openat(folder->fd, LOCK_NAME,
			      O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (folder->lock < 0)
		return cannot("lock", folder, LOCK_NAME);
	if (!flock(folder->lock, LOCK_EX | LOCK_NB))
		return NULL;
	if (errno == EWOULDBLOCK)
		return error_create(ERROR_OTHER, "another snapshot into %s is not finished",
				    folder->path);
	return cannot("lock", folder, LOCK_NAME);
}

/* Left by a run that was killed. */
static void remove_stale(const struct snapshot_folder *folder, const char *name,
			 const struct stat *status)
{
	if (!strncmp(name, NEWFILE_TEMPORARY, strlen(NEWFILE_TEMPORARY)) &&
	    status->st_mtime < time(NULL) - STALE_AFTER)
		(void)unlinkat(folder->fd, name, 0);
}

static struct error *consider(struct snapshot_folder *folder, const char *name)
{
	struct snapshot_entry entry = {0};
	struct stat status;

	if (fstatat(folder->fd, name, &status, AT_SYMLINK_NOFOLLOW) || !S_ISREG(status.st_mode))
		return NULL;
	remove_stale(folder, name, &status);
	if (!snapshot_name_parse(name, &entry))
		return NULL;
	entry.bytes = (uint64_t)status.st_size;
	return snapshot_entries_append(&folder->entries, entry);
}

static int compare_names(const void *left, const void *right)
{
	const struct snapshot_entry *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static int compare_ages(const void *left, const void *right)
{
	const struct snapshot_entry *a = left, *b = right;

	return a->ahead != b->ahead ? b->ahead - a->ahead : strcmp(a->name, b->name);
}

static void cleanup_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static struct error *list_files(struct snapshot_folder *folder)
{
	int copy = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(cleanup_dir) DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!dir) {
		struct error *err = cannot("read", folder, ".");

		if (copy >= 0)
			(void)close(copy);
		return err;
	}
	while ((errno = 0, entry = readdir(dir)))
		try_(consider(folder, entry->d_name));
	if (errno)
		return cannot("read", folder, ".");
	if (folder->entries.count)
		qsort(folder->entries.items, folder->entries.count, sizeof(*folder->entries.items),
		      compare_names);
	return NULL;
}

/* Never made by itself: a mistyped name would fill another file system every hour. */
static struct error *cannot_open(const char *path)
{
	bool missing = errno == ENOENT;
	struct error *err = error_from_errno(errno, "cannot open folder %s", path);

	return missing ? error_hint(err, "to make it, for yourself alone: install -d -m 700 %s",
				    path)
		       : err;
}

struct error *snapshot_folder_open(const char *path, struct snapshot_folder *ret)
{
	*ret = (struct snapshot_folder){.path = path, .lock = -1};
	ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->fd < 0)
		return cannot_open(path);
	try_(take_lock(ret));
	return list_files(ret);
}

void snapshot_folder_deinit(struct snapshot_folder *folder)
{
	if (!folder->path)
		return;
	snapshot_entries_deinit(&folder->entries);
	if (folder->lock >= 0)
		(void)close(folder->lock);
	if (folder->fd >= 0)
		(void)close(folder->fd);
	*folder = (struct snapshot_folder){0};
}

/* Whether a file is of the run of a program that @heap is of, which a PID alone does not say. */
static bool is_of_process(const struct snapshot_folder *folder, const char *name,
			  const struct heap *heap)
{
	_cleanup_(heap_file_info_deinit) struct heap_file_info info = {0};
	struct heap_run ours = heap_run_of(heap), theirs;
	char *path;
	struct error *err;

	if (asprintf(&path, "%s/%s", folder->path, name) < 0)
		return false;
	err = heap_file_info_read(path, &info);
	free(path);
	error_free(err); /* a damaged file is of nobody */
	if (err)
		return false;
	theirs = heap_run_of_facts(&info.facts, info.strings[HEAP_STRING_BOOT_ID]);
	return !heap_other_run(&theirs, &ours);
}

static uint32_t series_of(const struct snapshot_folder *folder, const struct heap *heap)
{
	uint32_t last = 0;
	size_t i;

	for (i = folder->entries.count; i-- > 0;) {
		const struct snapshot_entry *entry = &folder->entries.items[i];

		if (entry->pid == heap->facts.pid && is_of_process(folder, entry->name, heap))
			return entry->series;
		if (entry->series > last)
			last = entry->series;
	}
	return last + 1;
}

struct error *snapshot_folder_name(const struct snapshot_folder *folder, const struct heap *heap,
				   char *ret)
{
	uint32_t series = series_of(folder, heap);
	struct stat status;
	uint64_t i;

	if (series > MOST_SERIES)
		return error_create(ERROR_OTHER, "%s: there is no number left for a new series",
				    folder->path);

	/* Two captures within a millisecond: the name of neither may be taken away. */
	for (i = 0; i < NAME_TRIES; i++) {
		format_name(heap->facts.time + i * NSEC_PER_MSEC, heap->facts.pid, series, ret);
		if (fstatat(folder->fd, ret, &status, AT_SYMLINK_NOFOLLOW) && errno == ENOENT)
			return NULL;
	}
	errno = EEXIST;
	return cannot("write", folder, ret);
}

/*
 * The order in which files go. Names sort by time, and what has a later one than the file just
 * written is older all the same: it was written by a clock that went ahead. It goes first, or each
 * new file would.
 */
static void sort_by_age(struct snapshot_folder *folder, uint64_t now)
{
	struct snapshot_entry *items = folder->entries.items;
	size_t i;

	for (i = 0; i < folder->entries.count; i++)
		items[i].ahead = items[i].time > now;
	if (folder->entries.count)
		qsort(items, folder->entries.count, sizeof(*items), compare_ages);
}

static struct error *remove_oldest(struct snapshot_folder *folder, const char *kept,
				   const struct snapshot_limits *limits)
{
	size_t left = folder->entries.count, i;
	uint64_t bytes = 0;

	for (i = 0; i < folder->entries.count; i++)
		bytes += folder->entries.items[i].bytes;
	for (i = 0; i < folder->entries.count; i++) {
		const struct snapshot_entry *entry = &folder->entries.items[i];

		if ((!limits->keep || left <= limits->keep) &&
		    (!limits->bytes || bytes <= limits->bytes))
			break;
		if (!strcmp(entry->name, kept))
			continue;
		if (unlinkat(folder->fd, entry->name, 0) && errno != ENOENT)
			return cannot("remove", folder, entry->name);
		left--;
		bytes -= entry->bytes;
	}
	return NULL;
}

struct error *snapshot_folder_add(struct snapshot_folder *folder, const char *name,
				  const struct snapshot_limits *limits)
{
	struct snapshot_entry entry;

	if (!snapshot_name_parse(name, &entry))
		return error_create(ERROR_OTHER, "%s: %s is no name of a snapshot", folder->path,
				    name);
	try_(consider(folder, name));
	sort_by_age(folder, entry.time);
	return remove_oldest(folder, name, limits);
}
