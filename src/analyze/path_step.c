/*
 * Roots and single references as text.
 */
#include "analyze/path.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	LONGEST_KEY = 64, /* bytes of a text that are shown */
	SMALL_TUPLE = 8,  /* a tuple is a record up to here, its places mean something */
	SMALL_DICT = 16,  /* keys of a dict are names up to here */
	NEAR_ITEM = 64,	  /* references before an item up to which its index is looked at */
	NEAR_SLOT = 32,	  /* references of an object among which its slots are */
	NUMBER_TEXT = 32
};

_printf_(2, 3) static struct error *add_format(struct char_array *to, const char *format, ...)
{
	char buffer[128];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	return text_add(to, buffer);
}

/* One character of a text between quotes. */
static struct error *add_character(struct char_array *to, unsigned char c)
{
	char buffer[NUMBER_TEXT];

	if (c == '\'' || c == '\\')
		(void)snprintf(buffer, sizeof(buffer), "\\%c", c);
	else if (c == '\n' || c == '\r' || c == '\t')
		(void)snprintf(buffer, sizeof(buffer), "\\%c",
			       c == '\n'   ? 'n'
			       : c == '\r' ? 'r'
					   : 't');
	else if (c < 0x20 || c == 0x7f)
		(void)snprintf(buffer, sizeof(buffer), "\\x%02x", c);
	else
		(void)snprintf(buffer, sizeof(buffer), "%c", c);
	return text_add(to, buffer);
}

/* As repr() of a str does it, but cut where it is too long; never within a UTF-8 sequence. */
static struct error *add_quoted(struct char_array *to, const char *text)
{
	size_t length = strlen(text), end = length, i;

	if (length > LONGEST_KEY) {
		for (end = LONGEST_KEY; end && ((unsigned char)text[end] & 0xc0) == 0x80;)
			end--;
	}
	try_(text_add(to, "'"));
	for (i = 0; i < end; i++)
		try_(add_character(to, (unsigned char)text[i]));
	return text_add(to, end < length ? "…'" : "'");
}

static bool is_identifier(const char *text)
{
	size_t i;

	if (!*text || isdigit((unsigned char)*text))
		return false;
	for (i = 0; text[i]; i++) {
		unsigned char c = (unsigned char)text[i];

		if (!isalnum(c) && c != '_' && c < 0x80)
			return false;
	}
	return true;
}

static bool is_type(const struct heap *heap, uint32_t id, const char *name)
{
	return !strcmp(heap_type_name(heap, id), name);
}

/* A type name, quoted text or preview of what a key is. */
static struct error *add_key(const struct heap *heap, uint32_t key, struct char_array *to)
{
	const char *text = heap_object_text(heap, key);

	if (text && is_type(heap, key, "builtins.str"))
		return add_quoted(to, text);
	if (text && strlen(text) <= LONGEST_KEY)
		return text_add(to, text);
	try_(text_add(to, "<"));
	try_(text_add(to, heap_type_name(heap, key)));
	return text_add(to, ">");
}

static const char *label_name(const struct heap *heap, size_t ref)
{
	return heap_text(heap, heap_label(heap, ref)->name);
}

bool path_is_namespace(const struct heap *heap, size_t ref)
{
	const struct heap_label *label = heap_label(heap, ref);
	const char *name = heap_text(heap, label->name);

	if (label->kind != HEAP_ATTRIBUTE && label->kind != HEAP_SLOT)
		return false;
	return name && (!strcmp(name, "__dict__") || !strcmp(name, "tp_dict"));
}

/* The key of a value: the reference before it. HEAP_NONE where there is none. */
static uint32_t key_of(const struct heap *heap, uint32_t source, size_t ref)
{
	if (ref == heap_refs_begin(heap, source) || heap_ref_kind(heap, ref - 1) != HEAP_KEY)
		return HEAP_NONE;
	return heap->ref_target[ref - 1];
}

static bool names_one_thing(const struct heap *heap, uint32_t key)
{
	const char *text = heap_object_text(heap, key);

	if (!text || !is_type(heap, key, "builtins.str") || !is_identifier(text))
		return false;
	return !strpbrk(text, "0123456789");
}

bool path_is_crowd(const struct heap *heap, uint32_t dict)
{
	size_t begin = heap_refs_begin(heap, dict), end = heap_refs_end(heap, dict), ref;

	if (end - begin > (size_t)SMALL_DICT * 2)
		return true;
	for (ref = begin; ref < end; ref++) {
		if (heap_ref_kind(heap, ref) == HEAP_KEY &&
		    !names_one_thing(heap, heap->ref_target[ref]))
			return true;
	}
	return false;
}

static struct error *add_attribute(struct char_array *to, const char *name)
{
	if (!name)
		return text_add(to, ".<attribute>");
	try_(text_add(to, "."));
	return is_identifier(name) ? text_add(to, name) : add_quoted(to, name);
}

/* What a frame has beside variables: "local f_globals" would be one of that name. */
static bool is_part(const char *name)
{
	static const char *const parts[] = {"value stack", "f_globals", "f_builtins", "f_locals"};
	size_t i;

	for (i = 0; name && i < ARRAY_SIZE(parts); i++) {
		if (!strcmp(name, parts[i]))
			return true;
	}
	return false;
}

/* @function: whose it is; may be NULL, as @name may. */
static struct error *add_bracketed(struct char_array *to, const char *function, const char *what,
				   const char *name)
{
	try_(text_add(to, ".<"));
	if (function) {
		try_(text_add(to, function));
		try_(text_add(to, "() "));
	}
	try_(text_add(to, what));
	if (name) {
		try_(text_add(to, " "));
		try_(text_add(to, name));
	}
	return text_add(to, ">");
}

static struct error *add_index(const struct heap *heap, uint32_t source, size_t ref, bool general,
			       struct char_array *to)
{
	size_t count = heap_refs_end(heap, source) - heap_refs_begin(heap, source);

	if (general && !(is_type(heap, source, "builtins.tuple") && count <= SMALL_TUPLE))
		return text_add(to, "[*]");
	return add_format(to, "[%" PRIu64 "]", heap_ref_index(heap, source, ref));
}

static struct error *add_value(const struct heap *heap, uint32_t source, size_t ref,
			       enum path_context context, bool general, struct char_array *to)
{
	uint32_t key = key_of(heap, source, ref);
	const char *text = key == HEAP_NONE ? NULL : heap_object_text(heap, key);

	if (context == PATH_NAMESPACE && text && is_identifier(text))
		return add_attribute(to, text);
	if (general && path_is_crowd(heap, source))
		return text_add(to, "[*]");
	try_(text_add(to, context == PATH_NAMESPACE ? ".__dict__[" : "["));
	try_(key == HEAP_NONE ? text_add(to, "?") : add_key(heap, key, to));
	return text_add(to, "]");
}

bool path_has_value(const struct heap *heap, uint32_t source, size_t ref)
{
	return ref + 1 < heap_refs_end(heap, source) && heap_ref_kind(heap, ref + 1) == HEAP_VALUE;
}

static struct error *add_key_object(const struct heap *heap, uint32_t source, size_t ref,
				    bool general, struct char_array *to)
{
	if (general && !path_has_value(heap, source, ref))
		return text_add(to, "[*]");
	if (general && path_is_crowd(heap, source))
		return text_add(to, ".<key *>");
	try_(text_add(to, ".<key "));
	try_(add_key(heap, heap->ref_target[ref], to));
	return text_add(to, ">");
}

/* A dict that shares its keys with others names its values itself. */
static struct error *add_named(const struct heap *heap, uint32_t source, size_t ref,
			       enum path_context context, struct char_array *to)
{
	const char *name = label_name(heap, ref);

	if (name && context == PATH_PLAIN && is_type(heap, source, "builtins.dict")) {
		try_(text_add(to, "["));
		try_(add_quoted(to, name));
		return text_add(to, "]");
	}
	return add_attribute(to, name);
}

/* What @id refers to by a slot of this name, among its first references; HEAP_NONE: nothing. */
static uint32_t slot_of(const struct heap *heap, uint32_t id, const char *slot)
{
	size_t begin = heap_refs_begin(heap, id), end = heap_refs_end(heap, id), ref;

	for (ref = begin; ref < end && ref < begin + NEAR_SLOT; ref++) {
		const char *name = label_name(heap, ref);

		if (heap_ref_kind(heap, ref) == HEAP_SLOT && name && !strcmp(name, slot))
			return heap->ref_target[ref];
	}
	return HEAP_NONE;
}

/*
 * The function whose variables an object holds: a generator, coroutine or frame. NULL: not known.
 * Two of one name are one text.
 */
static const char *function_of(const struct heap *heap, uint32_t id)
{
	uint32_t name = slot_of(heap, id, "__qualname__"), code;

	if (name == HEAP_NONE) {
		code = slot_of(heap, id, "f_code");
		name = code == HEAP_NONE ? HEAP_NONE : slot_of(heap, code, "co_qualname");
		if (name == HEAP_NONE && code != HEAP_NONE)
			name = slot_of(heap, code, "co_name");
	}
	return name == HEAP_NONE ? NULL : heap_object_text(heap, name);
}

struct error *path_add_step(const struct heap *heap, uint32_t source, size_t ref,
			    enum path_context context, bool general, struct char_array *to)
{
	enum heap_kind kind = heap_ref_kind(heap, ref);
	const char *name = label_name(heap, ref);

	switch (kind) {
	case HEAP_ATTRIBUTE:
	case HEAP_SLOT:
		if (path_is_namespace(heap, ref))
			return NULL;
		return add_named(heap, source, ref, context, to);
	case HEAP_ITEM:
		return add_index(heap, source, ref, general, to);
	case HEAP_VALUE:
		return add_value(heap, source, ref, context, general, to);
	case HEAP_KEY:
		return add_key_object(heap, source, ref, general, to);
	case HEAP_TYPE:
		return text_add(to, ".__class__");
	case HEAP_CLOSURE:
		/* Objects/cellobject.c: what a cell calls its content. */
		if (name && !strcmp(name, "cell_contents"))
			return add_attribute(to, name);
		return add_bracketed(to, NULL, "closure", name);
	case HEAP_LOCAL:
		if (is_part(name))
			return add_bracketed(to, function_of(heap, source), name, NULL);
		return add_bracketed(to, function_of(heap, source), "local", name);
	case HEAP_WEAK:
	case HEAP_NATIVE:
	case HEAP_INTERNAL:
	case HEAP_GUESS:
	case HEAP_KINDS:
		break;
	}
	return add_bracketed(to, NULL, kind < HEAP_KINDS ? heap_kind_name(kind) : "?", name);
}

bool path_label_tells(const struct heap *heap, uint32_t source, size_t ref,
		      enum path_context context)
{
	switch (heap_ref_kind(heap, ref)) {
	case HEAP_ITEM:
	case HEAP_KEY:
	case HEAP_VALUE:
		return false;
	case HEAP_ATTRIBUTE:
	case HEAP_SLOT:
		return context == PATH_PLAIN && !is_type(heap, source, "builtins.dict");
	case HEAP_LOCAL:
		return !function_of(heap, source);
	case HEAP_CLOSURE:
	case HEAP_TYPE:
	case HEAP_WEAK:
	case HEAP_NATIVE:
	case HEAP_INTERNAL:
	case HEAP_GUESS:
	case HEAP_KINDS:
		break;
	}
	return true;
}

static bool same_key_text(const struct heap *heap, uint32_t a, uint32_t b)
{
	if (a == b)
		return true;
	if (a == HEAP_NONE || b == HEAP_NONE)
		return false;
	/* A heap has each text once. */
	return heap->type[a] == heap->type[b] &&
	       heap_object_text(heap, a) == heap_object_text(heap, b);
}

/* Only the first items: to count those before one takes time. */
static bool same_index(const struct heap *heap, const struct path_step *a,
		       const struct path_step *b)
{
	size_t before = a->ref - heap_refs_begin(heap, a->source);

	return before < NEAR_ITEM && b->ref - heap_refs_begin(heap, b->source) < NEAR_ITEM &&
	       heap_ref_index(heap, a->source, a->ref) == heap_ref_index(heap, b->source, b->ref);
}

bool path_steps_alike(const struct heap *heap, const struct path_step *a, const struct path_step *b)
{
	enum heap_kind kind = heap_ref_kind(heap, a->ref);

	if (a->context != b->context ||
	    heap_label_index(heap, a->ref) != heap_label_index(heap, b->ref) || kind == HEAP_KEY)
		return false;
	if (kind == HEAP_ITEM)
		return same_index(heap, a, b);
	if (kind == HEAP_VALUE)
		return same_key_text(heap, key_of(heap, a->source, a->ref),
				     key_of(heap, b->source, b->ref));
	if (kind == HEAP_LOCAL)
		return function_of(heap, a->source) == function_of(heap, b->source);
	return path_label_tells(heap, a->source, a->ref, a->context) ==
	       path_label_tells(heap, b->source, b->ref, b->context);
}

/* "4711", or what else is known of a thread. */
static struct error *add_thread(const struct heap *heap, uint32_t thread, bool general,
				struct char_array *to)
{
	const struct heap_thread *t;

	try_(text_add(to, "thread "));
	if (general)
		return text_add(to, "*");
	if (thread >= heap->thread_count)
		return text_add(to, "?");
	t = &heap->threads[thread];
	if (t->native_id)
		return add_format(to, "%" PRIu64, t->native_id);
	return add_format(to, "0x%" PRIx64, t->ident);
}

static struct error *add_frame_root(const struct heap *heap, const struct heap_root *root,
				    bool general, struct char_array *to)
{
	const char *function = NULL, *name = heap_text(heap, root->name);

	if (root->frame < heap->frame_count)
		function = heap_text(heap, heap->frames[root->frame].function);
	try_(add_thread(heap, root->thread, general, to));
	try_(text_add(to, " "));
	try_(text_add(to, function ? function : "?"));
	try_(text_add(to, is_part(name) ? "() " : "() local "));
	return text_add(to, name ? name : "?");
}

/* The name of a type object, else of the type of an object. */
static const char *own_name(const struct heap *heap, uint32_t target)
{
	raddr_t address = heap_address(heap, target);
	size_t i;

	for (i = 0; i < heap->type_count; i++) {
		if (heap->types[i].address == address)
			return heap_text(heap, heap->types[i].name);
	}
	return heap_type_name(heap, target);
}

/* "interned strings" */
static bool says_kind(const char *name, const char *kind)
{
	size_t n = strlen(kind);

	return name && !strncmp(name, kind, n) && name[n] == ' ';
}

static struct error *add_other_root(const struct heap *heap, const struct heap_root *root,
				    bool general, struct char_array *to)
{
	const char *kind = heap_root_kind_name((enum heap_root_kind)root->kind);
	const char *name = heap_text(heap, root->name), *space = " ";

	if (root->kind == HEAP_ROOT_UNEXPLAINED)
		name = heap_type_name(heap, root->target);
	else if (root->kind == HEAP_ROOT_STATIC && !name)
		name = own_name(heap, root->target);
	try_(text_add(to, "<"));
	if (root->kind == HEAP_ROOT_THREAD)
		try_(add_thread(heap, root->thread, general, to));
	else if (says_kind(name, kind))
		space = "";
	else
		try_(text_add(to, kind));
	if (name) {
		try_(text_add(to, space));
		try_(text_add(to, name));
	}
	return text_add(to, ">");
}

struct error *path_add_root(const struct heap *heap, uint32_t root, uint32_t target, bool general,
			    struct char_array *to)
{
	const struct heap_root *r;

	if (root >= heap->root_count) {
		try_(text_add(to, "<unreached "));
		try_(text_add(to, heap_type_name(heap, target)));
		return text_add(to, ">");
	}
	r = &heap->roots[root];
	if (r->kind == HEAP_ROOT_FRAME)
		return add_frame_root(heap, r, general, to);
	if (r->kind == HEAP_ROOT_MODULE && r->name != HEAP_NONE)
		return text_add(to, heap_text(heap, r->name));
	return add_other_root(heap, r, general, to);
}
