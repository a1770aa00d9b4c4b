/*
 * The version of an interpreter from the strings in its file, for those that do not say it in
 * a better way (before 3.11).
 */
#include "base/file.h"
#include "objfile/objfile.h"
#include "python/version.h"

#include <stdio.h>
#include <string.h>

struct version_search {
	uint32_t minor; /**< that the file name says, or 0 */
	uint32_t found; /**< best so far, or 0 */
};

/*
 * PY_VERSION stands in the file as "3.9.2", or as the end of a longer string: the linker lets
 * strings share their tails, and a prefix such as "/opt/python/3.9.2" has it as its tail.
 */
static bool match_version(const char *text, void *arg)
{
	struct version_search *search = arg;
	const char *tail = text + strlen(text);
	uint32_t version;

	while (tail > text && strchr("0123456789.abcr+", tail[-1]))
		tail--;
	if (!version_parse(tail, &version))
		return false;
	/* What nobody knows may be the version of anything, but not where the name says the same.
	 */
	if (!version_supported(version) && version_minor(version) != search->minor)
		return false;
	search->found = version;
	return version_minor(version) == search->minor;
}

/* "libpython3.9.so.1.0", "python3.9d": 0x03090000; 0 where the name says nothing. */
static uint32_t minor_of_name(const char *path)
{
	const char *name = file_base_name(path);
	unsigned int major, minor;

	name += strcspn(name, "0123456789");
	if (sscanf(name, "%1u.%2u", &major, &minor) != 2)
		return 0;
	return PY_VERSION(major, minor, 0);
}

uint32_t version_find(struct objfile *file, const char *path)
{
	struct version_search search = {.minor = minor_of_name(path)};

	(void)objfile_find_string(file, match_version, &search);
	if (search.minor && version_minor(search.found) != search.minor)
		return search.minor;
	return search.found;
}
