#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Whether @path can be replaced by a rename: it is a regular file or nothing. */
static bool is_replaceable(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? errno == ENOENT : S_ISREG(st.st_mode);
}

/* Takes @fd, also where it fails. */
static struct error *open_stream(struct outfile *out, int fd)
{
	_cleanup_close_ int owned = fd;

	if (fd < 0)
		return error_from_errno(errno, "cannot write %s", out->path);
	out->stream = fdopen(fd, "w");
	if (!out->stream)
		return error_from_errno(errno, "cannot write %s", out->path);
	(void)steal_fd(&owned);
	return NULL;
}

static bool is_standard_output(struct outfile *out, const char *path)
{
	*out = (struct outfile)OUTFILE_NONE;
	out->path = path;
	if (strcmp(path, "-"))
		return false;
	out->stream = stdout;
	return true;
}

struct error *outfile_open(struct outfile *out, const char *path, mode_t mode)
{
	if (is_standard_output(out, path))
		return NULL;
	if (!is_replaceable(path))
		return open_stream(out, open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
	try_(newfile_open(&out->file, AT_FDCWD, path, mode));
	/* The file's own descriptor stays for the commit. */
	return open_stream(out, fcntl(out->file.fd, F_DUPFD_CLOEXEC, 0));
}

struct error *outfile_open_in_place(struct outfile *out, const char *path)
{
	if (is_standard_output(out, path))
		return NULL;
	return open_stream(out, open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
}

/* Close the stream, but for standard output. False and errno where something was not written. */
static bool close_stream(struct outfile *out)
{
	FILE *stream = steal_ptr(out->stream);
	bool failed;

	errno = 0;
	failed = fflush(stream) || ferror(stream);
	if (stream != stdout && fclose(stream))
		failed = true;
	if (failed && !errno)
		errno = EIO;
	return !failed;
}

const char *outfile_name(const struct outfile *out)
{
	return out->stream == stdout ? "standard output" : out->path;
}

struct error *outfile_commit(struct outfile *out)
{
	const char *name = outfile_name(out);

	if (!close_stream(out))
		return error_from_errno(errno, "cannot write %s", name);
	return out->file.fd >= 0 ? newfile_commit(&out->file) : NULL;
}

void outfile_deinit(struct outfile *out)
{
	if (out->stream && out->stream != stdout)
		(void)fclose(out->stream);
	newfile_deinit(&out->file);
	*out = (struct outfile)OUTFILE_NONE;
}
