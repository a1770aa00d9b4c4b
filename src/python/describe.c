#include "python/describe.h"

#include "types.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool python_describe_type(struct py_view *view, raddr_t object, char *type, size_t size)
{
	raddr_t address;

	return view_type_of(view, object, &address) && type_name(view, address, type, size);
}

enum {
	SHOWN = 60,	   /* bytes of a value */
	MOST_DIGITS = 160, /* of 30 bits, of a number */
	CHUNK = 1000000000 /* decimal digits are made by nine */
};

/* What does not fit is cut off. */
static void put_cut(char *value, size_t size, const char *text)
{
	(void)snprintf(value, size, strlen(text) > SHOWN ? "%.*s..." : "%.*s", SHOWN, text);
}

/* Divide in place; returns the rest. */
static uint32_t divide(uint32_t *digits, size_t *count)
{
	uint64_t rest = 0;
	size_t i;

	for (i = *count; i-- > 0;) {
		rest = rest << 30 | digits[i];
		digits[i] = (uint32_t)(rest / CHUNK);
		rest %= CHUNK;
	}
	while (*count && !digits[*count - 1])
		--*count;
	return (uint32_t)rest;
}

static bool describe_large_int(struct py_view *view, raddr_t object, char *value, size_t size)
{
	uint32_t digits[MOST_DIGITS], chunks[MOST_DIGITS * 30 / 29 + 1];
	char text[ARRAY_SIZE(chunks) * 9 + 2];
	size_t count, n = 0, used;
	bool negative;

	if (!view_int_digits(view, object, digits, MOST_DIGITS, &count, &negative))
		return false;
	while (count)
		chunks[n++] = divide(digits, &count);
	used = (size_t)sprintf(text, "%s%" PRIu32, negative ? "-" : "", n ? chunks[n - 1] : 0);
	while (n > 1)
		used += (size_t)sprintf(text + used, "%09" PRIu32, chunks[--n - 1]);
	put_cut(value, size, text);
	return true;
}

static bool describe_int(struct py_view *view, raddr_t object, char *value, size_t size)
{
	int64_t number;

	if (!view_int(view, object, &number))
		return describe_large_int(view, object, value, size);
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

enum {
	DOUBLE_TEXT = 32,
	FIXED_BELOW = 16 /* decimal exponents from here on are written */
};

/* The fewest digits that read as @number, as Python's repr() has it; @point: 1.0 and not 1. */
static void double_text(double number, bool point, char *ret)
{
	char digits[DOUBLE_TEXT];
	int precision = 0, exponent;

	if (!isfinite(number)) {
		(void)snprintf(ret, DOUBLE_TEXT, "%s",
			       isnan(number) ? "nan" : (number < 0 ? "-inf" : "inf"));
		return;
	}
	do
		(void)snprintf(digits, sizeof(digits), "%.*e", precision, number);
	while (strtod(digits, NULL) != number && ++precision < 17);
	exponent = atoi(strchr(digits, 'e') + 1);
	if (exponent < -4 || exponent >= FIXED_BELOW)
		(void)snprintf(ret, DOUBLE_TEXT, "%s", digits);
	else if (exponent >= precision)
		(void)snprintf(ret, DOUBLE_TEXT, point ? "%.0f.0" : "%.0f", number);
	else
		(void)snprintf(ret, DOUBLE_TEXT, "%.*f", precision - exponent, number);
}

static bool describe_float(struct py_view *view, raddr_t object, char *value, size_t size)
{
	char text[DOUBLE_TEXT];
	double number;

	/* PyFloatObject and PyComplexObject: behind the head. */
	if (!image_read(view->image, object + py_at(view->layout, PY_VAR_SIZE), &number,
			sizeof(number)))
		return false;
	double_text(number, true, text);
	(void)snprintf(value, size, "%s", text);
	return true;
}

static bool describe_complex(struct py_view *view, raddr_t object, char *value, size_t size)
{
	char real[DOUBLE_TEXT], imaginary[DOUBLE_TEXT];
	double numbers[2];

	if (!image_read(view->image, object + py_at(view->layout, PY_VAR_SIZE), numbers,
			sizeof(numbers)))
		return false;
	double_text(numbers[0], false, real);
	double_text(numbers[1], false, imaginary);
	if (numbers[0] == 0 && !signbit(numbers[0]))
		(void)snprintf(value, size, "%sj", imaginary);
	else
		(void)snprintf(value, size, "(%s%s%sj)", real, *imaginary == '-' ? "" : "+",
			       imaginary);
	return true;
}

static size_t escape(unsigned char byte, char quote, char *to)
{
	switch (byte) {
	case '\t':
		return (size_t)sprintf(to, "\\t");
	case '\n':
		return (size_t)sprintf(to, "\\n");
	case '\r':
		return (size_t)sprintf(to, "\\r");
	default:
		break;
	}
	if (byte == quote || byte == '\\')
		return (size_t)sprintf(to, "\\%c", byte);
	return (size_t)sprintf(to, byte < ' ' || byte >= 0x7f ? "\\x%02x" : "%c", byte);
}

/* @before and @behind the literal. */
static bool describe_bytes_at(struct py_view *view, raddr_t at, uint64_t length, const char *before,
			      const char *behind, char *value, size_t size)
{
	unsigned char bytes[SHOWN];
	size_t count = length < SHOWN ? (size_t)length : SHOWN, used, i;
	char text[SHOWN * 2] = "", quote;

	if (!image_read(view->image, at, bytes, count))
		return false;
	quote = memchr(bytes, '\'', count) && !memchr(bytes, '"', count) ? '"' : '\'';
	used = (size_t)sprintf(text, "%sb%c", before, quote);
	for (i = 0; i < count && used < SHOWN; i++)
		used += escape(bytes[i], quote, text + used);
	if (i == length)
		(void)snprintf(value, size, "%s%c%s", text, quote, behind);
	else
		(void)snprintf(value, size, "%s...", text);
	return true;
}

static bool describe_bytes(struct py_view *view, raddr_t object, char *value, size_t size)
{
	uint64_t length;

	return view_word(view, object, PY_VAR_SIZE, &length) &&
	       describe_bytes_at(view, object + py_at(view->layout, PY_BYTES_SVAL), length, "", "",
				 value, size);
}

/* Include/cpython/bytearrayobject.h: ob_alloc, ob_bytes, ob_start, where the first byte is. */
static bool describe_bytearray(struct py_view *view, raddr_t object, char *value, size_t size)
{
	uint64_t length, words[3];

	return py_has(view->layout, PY_BYTEARRAY_ALLOC) &&
	       view_word(view, object, PY_VAR_SIZE, &length) &&
	       image_read(view->image, object + py_at(view->layout, PY_BYTEARRAY_ALLOC), words,
			  sizeof(words)) &&
	       describe_bytes_at(view, words[2], length, "bytearray(", ")", value, size);
}

static const struct {
	const char *type;
	python_describe_fn *describe;
} describers[] = {
	{"builtins.int", describe_int},		{"builtins.bool", describe_bool},
	{"builtins.str", describe_text},	{"builtins.float", describe_float},
	{"builtins.bytes", describe_bytes},	{"builtins.bytearray", describe_bytearray},
	{"builtins.complex", describe_complex},
};

python_describe_fn *python_describer(const char *type)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(describers); i++) {
		if (!strcmp(type, describers[i].type))
			return describers[i].describe;
	}
	return NULL;
}

bool python_describe_value(struct py_view *view, raddr_t object, const char *type, char *value,
			   size_t size)
{
	python_describe_fn *describe = python_describer(type);

	if (!strcmp(type, "builtins.NoneType")) {
		(void)snprintf(value, size, "None");
		return true;
	}
	return describe && describe(view, object, value, size);
}

bool python_describe_name(struct py_view *view, raddr_t object, const char *type, char *name,
			  size_t size)
{
	static const struct {
		const char *type;
		enum py_field name;
	} named[] = {
		{"builtins.function", PY_FUNCTION_QUALNAME},
		{"builtins.generator", PY_GEN_QUALNAME},
		{"builtins.coroutine", PY_CORO_QUALNAME},
		{"builtins.async_generator", PY_ASYNC_GEN_QUALNAME},
		{"builtins.module", PY_MODULE_NAME},
	};
	char of_function[DESCRIBE_TYPE];
	raddr_t text;
	size_t i;

	if (!strcmp(type, "builtins.type"))
		return type_name(view, object, name, size);
	if (!strcmp(type, "builtins.method"))
		return py_has(view->layout, PY_METHOD_FUNC) &&
		       view_word(view, object, PY_METHOD_FUNC, &object) &&
		       python_describe_type(view, object, of_function, sizeof(of_function)) &&
		       !strcmp(of_function, named[0].type) &&
		       python_describe_name(view, object, of_function, name, size);
	for (i = 0; i < ARRAY_SIZE(named); i++) {
		if (!strcmp(type, named[i].type))
			return py_has(view->layout, named[i].name) &&
			       view_word(view, object, named[i].name, &text) &&
			       view_text_start(view, text, name, size);
	}
	return false;
}
