#include "base/text.h"

struct error *text_take(struct char_array *text, char **ret)
{
	try_(char_array_append(text, '\0'));
	return char_array_take(text, ret);
}
