#include "base/newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TEMPORARY_TRIES = 100,
	PRIVATE = 0600
};

static struct error *cannot_write(const struct newfile *file)
{
	return error_from_errno(errno, "cannot write %s", file->path);
}

static struct error *open_folder(struct newfile *file, int dir_fd)
{
	char *slash = strrchr(file->folder, '/');
	const char *folder = ".";

	file->name = slash ? slash + 1 : file->folder;
	if (slash) {
		*slash = '\0';
		folder = *file->folder ? file->folder : "/";
	}
	file->dir_fd = openat(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return file->dir_fd < 0 ? cannot_write(file) : NULL;
}

/* Where something has the name that no file should replace. */
static struct error *check_name(const struct newfile *file)
{
	struct stat status;

	if (!*file->name)
		return error_create(ERROR_USAGE, "cannot write %s: it is a folder", file->path);
	if (!fstatat(file->dir_fd, file->name, &status, AT_SYMLINK_NOFOLLOW) &&
	    !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
		return error_create(ERROR_USAGE, "cannot write %s: it is no regular file",
				    file->path);
	return NULL;
}

/* A name that no one else uses, and that says whose it is. */
static bool choose_temporary(struct newfile *file)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return false;
	(void)snprintf(file->temporary, sizeof(file->temporary), "%s%016jx", NEWFILE_TEMPORARY,
		       (uintmax_t)number);
	return true;
}

static struct error *open_named(struct newfile *file, mode_t mode)
{
	int i;

	for (i = 0; i < TEMPORARY_TRIES && choose_temporary(file); i++) {
		file->fd = openat(file->dir_fd, file->temporary,
				  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (file->fd >= 0)
			return NULL;
		if (errno != EEXIST)
			break;
	}
	file->temporary[0] = '\0';
	return cannot_write(file);
}

static struct error *open_temporary(struct newfile *file, mode_t mode)
{
	file->fd = openat(file->dir_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
	if (file->fd < 0)
		try_(open_named(file, mode));
	/* A strict umask may have taken bits away. */
	return mode == PRIVATE && fchmod(file->fd, mode) ? cannot_write(file) : NULL;
}

struct error *newfile_open(struct newfile *file, int dir_fd, const char *path, mode_t mode)
{
	*file = (struct newfile)NEWFILE_NONE;
	file->path = path;
	file->folder = strdup(path);
	if (!file->folder)
		return &error_no_memory;
	try_(open_folder(file, dir_fd));
	try_(check_name(file));
	return open_temporary(file, mode);
}

/* Give a file without a name a temporary one: a link cannot replace what is there. */
static struct error *link_temporary(struct newfile *file, const char *self)
{
	int i;

	for (i = 0; i < TEMPORARY_TRIES && choose_temporary(file); i++) {
		if (!linkat(AT_FDCWD, self, file->dir_fd, file->temporary, AT_SYMLINK_FOLLOW))
			return NULL;
		if (errno != EEXIST)
			break;
	}
	file->temporary[0] = '\0';
	return cannot_write(file);
}

/* Give the file its name, at once where that is free. */
static struct error *give_name(struct newfile *file)
{
	char self[64];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", file->fd);
	if (!file->temporary[0]) {
		if (!linkat(AT_FDCWD, self, file->dir_fd, file->name, AT_SYMLINK_FOLLOW))
			return NULL;
		try_(link_temporary(file, self));
	}
	if (renameat(file->dir_fd, file->temporary, file->dir_fd, file->name))
		return cannot_write(file);
	file->temporary[0] = '\0';
	return NULL;
}

struct error *newfile_commit(struct newfile *file)
{
	if (fsync(file->fd))
		return cannot_write(file);
	try_(give_name(file));
	/* Some file systems cannot; the file itself is on disk. */
	if (fsync(file->dir_fd) && errno != EINVAL && errno != EROFS)
		return cannot_write(file);
	return NULL;
}

void newfile_deinit(struct newfile *file)
{
	if (file->temporary[0])
		(void)unlinkat(file->dir_fd, file->temporary, 0);
	if (file->fd >= 0)
		(void)close(file->fd);
	if (file->dir_fd >= 0)
		(void)close(file->dir_fd);
	free(file->folder);
	*file = (struct newfile)NEWFILE_NONE;
}
