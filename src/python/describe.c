#include "python/describe.h"

#include "types.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool python_describe_type(struct py_view *view, raddr_t object, char *type, size_t size)
{
	raddr_t address;

	return view_type_of(view, object, &address) && type_name(view, address, type, size);
}

static bool describe_int(struct py_view *view, raddr_t object, char *value, size_t size)
{
	int64_t number;

	if (!view_int(view, object, &number))
		return false;
	(void)snprintf(value, size, "%" PRId64, number);
	return true;
}

static bool describe_bool(struct py_view *view, raddr_t object, char *value, size_t size)
{
	int64_t number;

	if (!view_int(view, object, &number))
		return false;
	(void)snprintf(value, size, "%s", number ? "True" : "False");
	return true;
}

/* What is cut off may end within a character: its first bytes go as well. */
static void drop_half_character(char *text)
{
	size_t end = strlen(text);

	while (end && ((unsigned char)text[end - 1] & 0xc0) == 0x80)
		end--;
	if (end && (unsigned char)text[end - 1] >= 0xc0)
		end--;
	text[end] = '\0';
}

static bool describe_text(struct py_view *view, raddr_t object, char *value, size_t size)
{
	enum {
		SHOWN = 60
	};
	char text[TEXT_MAX * 4 + 1];

	if (!view_text_start(view, object, text, sizeof(text)))
		return false;
	if (strlen(text) <= SHOWN) {
		(void)snprintf(value, size, "'%s'", text);
		return true;
	}
	text[SHOWN] = '\0';
	drop_half_character(text);
	(void)snprintf(value, size, "'%s...", text);
	return true;
}

bool python_describe_value(struct py_view *view, raddr_t object, const char *type, char *value,
			   size_t size)
{
	if (!strcmp(type, "builtins.NoneType")) {
		(void)snprintf(value, size, "None");
		return true;
	}
	if (!strcmp(type, "builtins.int"))
		return describe_int(view, object, value, size);
	if (!strcmp(type, "builtins.bool"))
		return describe_bool(view, object, value, size);
	return !strcmp(type, "builtins.str") && describe_text(view, object, value, size);
}
