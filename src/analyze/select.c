#include "analyze/select.h"

#include "base/regex.h"

#include <errno.h>

/* The parts of an argument. */
struct choice {
	char *type; /**< owned: name or expression, without slashes */
	bool is_regex;
	uint64_t number; /**< 0: all */
};

static void choice_deinit(struct choice *choice)
{
	free(choice->type);
}

static struct error *parse_address(const struct heap *heap, const char *text, struct u32_array *ret)
{
	unsigned long long address;
	uint32_t id;
	char *end;

	errno = 0;
	address = strtoull(text, &end, 16);
	if (errno || *end || end == text)
		return error_create(ERROR_USAGE, "'%s' is not an address", text);
	if (!heap_find(heap, address, &id))
		return error_create(ERROR_OTHER, "there is no object at %s", text);
	return u32_array_append(ret, id);
}

/* A '#' with digits behind it, at the end. Whatever else has a '#' is part of the name. */
static struct error *take_number(struct choice *choice)
{
	char *hash = strrchr(choice->type, '#');
	size_t digits = hash ? strspn(hash + 1, "0123456789") : 0;

	if (!digits || hash[1 + digits])
		return NULL;
	errno = 0;
	choice->number = strtoull(hash + 1, NULL, 10);
	if (errno || !choice->number)
		return error_create(ERROR_USAGE, "'%s': objects are counted from #1", choice->type);
	*hash = '\0';
	return NULL;
}

static struct error *parse_type(const char *text, struct choice *choice)
{
	size_t length;

	choice->type = strdup(text);
	if (!choice->type)
		return &error_no_memory;
	try_(take_number(choice));
	length = strlen(choice->type);
	if (!length)
		return error_create(ERROR_USAGE, "'%s' names no type", text);
	choice->is_regex = length > 2 && choice->type[0] == '/' && choice->type[length - 1] == '/';
	if (choice->is_regex) {
		choice->type[length - 1] = '\0';
		memmove(choice->type, choice->type + 1, length - 1);
	}
	return NULL;
}

static bool is_name(const char *name, const char *wanted)
{
	static const char builtins[] = "builtins.";

	return !strcmp(name, wanted) || (!strncmp(name, builtins, sizeof(builtins) - 1) &&
					 !strcmp(name + sizeof(builtins) - 1, wanted));
}

/* For each type of the heap whether it is meant. */
static struct error *match_types(const struct heap *heap, const struct choice *choice, bool *meant)
{
	regex_t regex;
	size_t i;

	if (choice->is_regex)
		try_(regex_compile(choice->type, &regex));
	for (i = 0; i < heap->type_count; i++) {
		const char *name = heap_text(heap, heap->types[i].name);

		meant[i] = choice->is_regex ? !regexec(&regex, name, 0, NULL, 0)
					    : is_name(name, choice->type);
	}
	if (choice->is_regex)
		regfree(&regex);
	return NULL;
}

static struct error *nothing_found(const struct choice *choice, uint64_t found)
{
	if (found)
		return error_create(ERROR_OTHER, "the last object of type %s is #%ju", choice->type,
				    (uintmax_t)found);
	return error_hint(error_create(ERROR_OTHER, "there is no object of type %s", choice->type),
			  "OBJECT is 0xADDRESS, module.Qualname or /regex/, with #N for the N-th");
}

struct error *select_objects(const struct heap *heap, const char *text, struct u32_array *ret)
{
	_cleanup_(choice_deinit) struct choice choice = {0};
	_cleanup_(u32_array_deinit) struct u32_array found = {0};
	_cleanup_free_ bool *meant = calloc(heap->type_count + 1, sizeof(*meant));
	uint64_t count = 0;
	size_t i;

	if (!meant)
		return &error_no_memory;
	if (!strncmp(text, "0x", 2) || !strncmp(text, "0X", 2))
		return parse_address(heap, text, ret);
	try_(parse_type(text, &choice));
	try_(match_types(heap, &choice, meant));
	for (i = 0; i < heap->count; i++) {
		if (!meant[heap->type[i]])
			continue;
		count++;
		if (!choice.number || count == choice.number)
			try_(u32_array_append(&found, (uint32_t)i));
	}
	if (!found.count)
		return nothing_found(&choice, count);
	*ret = found;
	found = (struct u32_array){0};
	return NULL;
}
