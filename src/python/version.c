#include "python/version.h"

#include <stdio.h>
#include <string.h>

const char *flavour_name(enum py_flavour flavour)
{
	static const char *const names[] = {
		[PY_RELEASE] = "release",
		[PY_DEBUG] = "debug",
		[PY_FREE_THREADED] = "free-threaded",
	};

	return names[flavour];
}

bool version_supported(uint32_t version)
{
	return version_minor(version) >= PY_OLDEST_SUPPORTED &&
	       version_minor(version) <= PY_NEWEST_SUPPORTED;
}

/* ORDER release-level: the nibble in PY_VERSION_HEX (Include/patchlevel.h). */
static const struct {
	const char *text;
	unsigned int level;
} levels[] = {{"a", 0xa}, {"b", 0xb}, {"rc", 0xc}, {"", 0xf}};

const char *version_text(uint32_t version, char *buffer)
{
	unsigned int level = (version >> 4) & 0xf, serial = version & 0xf;
	int n = snprintf(buffer, VERSION_TEXT, "%u.%u.%u", version >> 24, (version >> 16) & 0xff,
			 (version >> 8) & 0xff);
	size_t i;

	for (i = 0; i + 1 < ARRAY_SIZE(levels); i++) {
		if (levels[i].level == level)
			(void)snprintf(buffer + n, VERSION_TEXT - (size_t)n, "%s%u", levels[i].text,
				       serial);
	}
	return buffer;
}

bool version_parse(const char *text, uint32_t *ret)
{
	unsigned int major, minor, micro, serial = 0;
	char level[3] = "";
	int used = 0;
	size_t i;

	if (sscanf(text, "%2u.%2u.%2u%n", &major, &minor, &micro, &used) != 3)
		return false;
	text += used;
	if (sscanf(text, "%2[abrc]%2u%n", level, &serial, &used) == 2)
		text += used;
	else
		level[0] = '\0';
	if (strcmp(text, "") != 0 && strcmp(text, "+") != 0)
		return false;
	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		if (!strcmp(levels[i].text, level)) {
			*ret = PY_VERSION(major, minor, micro) | levels[i].level << 4 |
			       (serial & 0xf);
			return true;
		}
	}
	return false;
}
