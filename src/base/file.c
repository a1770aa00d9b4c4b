#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum {
	READ_STEP = 16384
};

struct error *file_read(const char *path, char **ret, size_t *ret_size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(char_array_deinit) struct char_array text = {0};
	ssize_t n = 1;

	if (fd < 0)
		return error_from_errno(errno, "cannot open %s", path);
	while (n > 0) {
		try_(char_array_reserve(&text, text.count + READ_STEP + 1));
		do
			n = read(fd, text.items + text.count, READ_STEP);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return error_from_errno(errno, "cannot read %s", path);
		text.count += (size_t)n;
	}
	if (ret_size)
		*ret_size = text.count;
	return text_take(&text, ret);
}

bool file_number(const char *path, const char *key, uint64_t *ret)
{
	_cleanup_free_ char *text = NULL;
	const char *number;
	char *end;
	uint64_t value;

	error_free(file_read(path, &text, NULL));
	number = text ? strstr(text, key) : NULL;
	if (!number)
		return false;
	number += strlen(key);
	value = strtoull(number, &end, 10);
	if (end == number)
		return false;
	*ret = value;
	return true;
}

struct error *file_write_all(int fd, const char *text, size_t size, const char *name)
{
	while (size) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_from_errno(errno, "cannot write %s", name);
		text += n;
		size -= (size_t)n;
	}
	return NULL;
}

const char *file_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
