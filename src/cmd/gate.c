#include "gate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum relation {
	MORE,
	MORE_OR_EQUAL,
	LESS,
	LESS_OR_EQUAL,
	EQUAL
};

struct gate {
	const struct gate_figure *figure;
	enum relation relation;
	int64_t limit;
};

static const struct gate_figure *find_figure(const char *name, size_t length,
					     const struct gate_figure *figures, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (strlen(figures[i].name) == length && !memcmp(figures[i].name, name, length))
			return &figures[i];
	}
	return NULL;
}

/* Bytes of the relation at @text, 0 where there is none. */
static size_t read_relation(const char *text, enum relation *ret)
{
	/* The longer one first. */
	static const struct {
		const char *text;
		enum relation relation;
	} known[] = {
		{">=", MORE_OR_EQUAL}, {"<=", LESS_OR_EQUAL}, {"==", EQUAL},
		{">", MORE},	       {"<", LESS},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (!strncmp(text, known[i].text, strlen(known[i].text))) {
			*ret = known[i].relation;
			return strlen(known[i].text);
		}
	}
	return 0;
}

static bool read_gate(const char *text, const struct gate_figure *figures, size_t count,
		      struct gate *ret)
{
	size_t length = strcspn(text, " <>="), relation;
	char *end;

	ret->figure = find_figure(text, length, figures, count);
	text += length;
	text += strspn(text, " ");
	relation = read_relation(text, &ret->relation);
	if (!ret->figure || !relation)
		return false;
	text += relation;
	text += strspn(text, " ");
	if (!text[*text == '-'] || strspn(text + (*text == '-'), "0123456789 ") == 0)
		return false;
	errno = 0;
	ret->limit = strtoll(text, &end, 10);
	return !errno && end != text && !end[strspn(end, " ")];
}

static struct error *parse(const char *text, const struct gate_figure *figures, size_t count,
			   struct gate *ret)
{
	if (read_gate(text, figures, count, ret))
		return NULL;
	return error_create(ERROR_USAGE,
			    "--fail-if: '%s' is no condition such as '%s>1000', with >, >=, <, <= "
			    "or ==",
			    text, figures[0].name);
}

struct error *gate_check(const char *text, const struct gate_figure *figures, size_t count)
{
	struct gate gate;

	return parse(text, figures, count, &gate);
}

static bool holds(const struct gate *gate)
{
	int64_t value = gate->figure->value;

	switch (gate->relation) {
	case MORE:
		return value > gate->limit;
	case MORE_OR_EQUAL:
		return value >= gate->limit;
	case LESS:
		return value < gate->limit;
	case LESS_OR_EQUAL:
		return value <= gate->limit;
	case EQUAL:
		break;
	}
	return value == gate->limit;
}

struct error *gate_test(const char *text, const struct gate_figure *figures, size_t count)
{
	struct gate gate;

	try_(parse(text, figures, count, &gate));
	if (!holds(&gate))
		return NULL;
	return error_create(ERROR_GATE, "--fail-if %s: %s is %" PRId64, text, gate.figure->name,
			    gate.figure->value);
}
