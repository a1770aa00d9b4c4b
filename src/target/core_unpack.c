#include "core_private.h"

#include <errno.h>
#include <fcntl.h>
#include <zstd.h>

static struct error *open_nameless(int *ret)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	if (!folder || !*folder)
		folder = "/var/tmp";
	fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_from_errno(errno, "cannot unpack it into %s", folder);
	*ret = fd;
	return NULL;
}

static bool is_zero(const unsigned char *bytes, size_t size)
{
	return !size || (!bytes[0] && !memcmp(bytes, bytes + 1, size - 1));
}

/* Zeros become a hole: much of a core is that. */
static struct error *put(int fd, const unsigned char *bytes, size_t size, uint64_t *at)
{
	while (size) {
		ssize_t n = is_zero(bytes, size) ? (ssize_t)size
						 : pwrite(fd, bytes, size, (off_t)*at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_from_errno(n ? errno : ENOSPC, "cannot unpack it");
		bytes += n;
		size -= (size_t)n;
		*at += (uint64_t)n;
	}
	return NULL;
}

/* Buffers of the sizes that the library asks for. */
struct buffers {
	ZSTD_DStream *stream;
	unsigned char *in, *out;
};

static void buffers_deinit(struct buffers *buffers)
{
	(void)ZSTD_freeDStream(buffers->stream);
	free(buffers->in);
	free(buffers->out);
}

static struct error *buffers_init(struct buffers *buffers)
{
	buffers->stream = ZSTD_createDStream();
	buffers->in = malloc(ZSTD_DStreamInSize());
	buffers->out = malloc(ZSTD_DStreamOutSize());
	return buffers->stream && buffers->in && buffers->out ? NULL : &error_no_memory;
}

/* @ret_left: 0 where a frame is complete. */
static struct error *unpack_block(struct buffers *buffers, size_t size, int to, uint64_t *at,
				  size_t *ret_left)
{
	ZSTD_inBuffer in = {buffers->in, size, 0};

	while (in.pos < in.size) {
		ZSTD_outBuffer out = {buffers->out, ZSTD_DStreamOutSize(), 0};

		*ret_left = ZSTD_decompressStream(buffers->stream, &out, &in);
		if (ZSTD_isError(*ret_left))
			return error_create(ERROR_BAD_DATA, "damaged: %s",
					    ZSTD_getErrorName(*ret_left));
		try_(put(to, buffers->out, out.pos, at));
	}
	return NULL;
}

struct error *core_unpack(int fd, int *ret)
{
	_cleanup_(buffers_deinit) struct buffers buffers = {0};
	_cleanup_close_ int to = -1;
	uint64_t read_at = 0, at = 0;
	size_t left = 1;
	ssize_t n;

	try_(buffers_init(&buffers));
	try_(open_nameless(&to));
	while ((n = pread(fd, buffers.in, ZSTD_DStreamInSize(), (off_t)read_at)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_from_errno(errno, "cannot read it");
		read_at += (uint64_t)n;
		try_(unpack_block(&buffers, (size_t)n, to, &at, &left));
	}
	if (left)
		return error_create(ERROR_BAD_DATA, "truncated: the compressed data does not end");
	if (ftruncate(to, (off_t)at))
		return error_from_errno(errno, "cannot unpack it");
	*ret = steal_fd(&to);
	return NULL;
}
