#include "base/text.h"

#include <string.h>

struct error *text_add(struct char_array *to, const char *text)
{
	size_t length = strlen(text);

	try_(char_array_reserve(to, to->count + length + 1));
	memcpy(to->items + to->count, text, length + 1);
	to->count += length;
	return NULL;
}

struct error *text_take(struct char_array *text, char **ret)
{
	try_(char_array_append(text, '\0'));
	return char_array_take(text, ret);
}
