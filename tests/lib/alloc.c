#include "alloc.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset);

static long left = -1;
static bool failed;

void alloc_fail_after(long n)
{
	left = n;
	failed = false;
}

bool alloc_failed(void)
{
	return failed;
}

static bool fails(void)
{
	if (left < 0)
		return false;
	if (left--)
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* mmap() with offsets of 64 bits. What is mapped of a file is no allocation. */
void *__wrap_mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	if (!(flags & MAP_ANONYMOUS) || !fails())
		return __real_mmap64(addr, size, prot, flags, fd, offset);
	errno = ENOMEM;
	return MAP_FAILED;
}
