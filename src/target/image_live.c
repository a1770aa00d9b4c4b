#include "image_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

int memory_open(pid_t pid, int flags)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	return open(path, flags | O_CLOEXEC);
}

bool memory_read(int fd, raddr_t addr, void *buffer, size_t size)
{
	return fd >= 0 && addr <= INT64_MAX &&
	       pread(fd, buffer, size, (off_t)addr) == (ssize_t)size;
}

/* process_vm_readv() is filtered in some containers; /proc/PID/mem needs no system call of its own.
 */
static bool read_proc_mem(pid_t pid, raddr_t addr, void *buffer, size_t size)
{
	_cleanup_close_ int fd = memory_open(pid, O_RDONLY);

	return memory_read(fd, addr, buffer, size);
}

bool live_read(pid_t pid, raddr_t addr, void *buffer, size_t size)
{
	struct iovec local = {.iov_base = buffer, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)addr, .iov_len = size};
	ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	if (n < 0 && (errno == EPERM || errno == ENOSYS))
		return read_proc_mem(pid, addr, buffer, size);
	return n == (ssize_t)size;
}

bool live_peek(pid_t pid, raddr_t addr, void *buffer, size_t size)
{
	_cleanup_close_ int fd = memory_open(pid, O_RDONLY);

	return fd < 0 ? live_read(pid, addr, buffer, size) : memory_read(fd, addr, buffer, size);
}

static bool write_directly(pid_t pid, raddr_t addr, const void *buffer, size_t size)
{
	struct iovec local = {.iov_base = (void *)(uintptr_t)buffer, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)addr, .iov_len = size};

	return process_vm_writev(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

bool live_write(pid_t pid, raddr_t addr, const void *buffer, size_t size)
{
	_cleanup_close_ int fd = memory_open(pid, O_WRONLY);

	if (fd < 0)
		return write_directly(pid, addr, buffer, size);
	return addr <= INT64_MAX && pwrite(fd, buffer, size, (off_t)addr) == (ssize_t)size;
}

struct image_live {
	struct image image;
	pid_t pid;
};

static bool live_find(struct image *image, raddr_t addr, struct image_region *ret)
{
	(void)image;
	(void)addr;
	(void)ret;
	return false; /* nothing is kept */
}

static bool live_image_read(struct image *image, raddr_t addr, void *buffer, size_t size)
{
	return live_read(((struct image_live *)image)->pid, addr, buffer, size);
}

static void live_destroy(struct image *image)
{
	free(image);
}

static const struct image_ops live_ops = {
	.name = "live",
	.find = live_find,
	.read = live_image_read,
	.destroy = live_destroy,
};

struct error *image_live_create(pid_t pid, struct image **ret)
{
	struct image_live *live = calloc(1, sizeof(*live));

	if (!live)
		return &error_no_memory;
	live->image.ops = &live_ops;
	live->pid = pid;
	*ret = &live->image;
	return NULL;
}
