#include "python/layout.h"

#include <string.h>

static const char *const field_names[PY_FIELD_COUNT] = {
#define FIELD(id, type, members, unit, reported) [PY_##id] = type "." members,
#include "python/layout_fields.def"
#undef FIELD
};

const char *layout_field_name(enum py_field field)
{
	return field_names[field];
}

const char *layout_source_name(enum py_source source)
{
	static const char *const names[] = {
		[PY_SOURCE_NONE] = "none",
		[PY_SOURCE_BUILTIN] = "built-in table",
		[PY_SOURCE_REPORTED] = "_Py_DebugOffsets",
		[PY_SOURCE_DWARF] = "DWARF",
	};

	return names[source];
}

void layout_init(struct py_layout *layout)
{
	size_t i;

	*layout = (struct py_layout){0};
	for (i = 0; i < PY_FIELD_COUNT; i++) {
		layout->places[i] = (struct py_place){
			.offset = PY_UNKNOWN,
			.reported_at = PY_ABSENT,
		};
	}
}

void layout_count_sources(const struct py_layout *layout, unsigned int counts[PY_SOURCE_DWARF + 1])
{
	size_t i;

	memset(counts, 0, sizeof(*counts) * (PY_SOURCE_DWARF + 1));
	for (i = 0; i < PY_FIELD_COUNT; i++)
		counts[layout->places[i].source]++;
}

/* Without these no object can be found at all, in any version. */
static const enum py_field mandatory[] = {
	PY_RUNTIME_INTERPRETERS,
	PY_INTERP,
	PY_INTERP_NEXT,
	PY_INTERP_ID,
	PY_INTERP_THREADS,
	PY_INTERP_SYSDICT,
	PY_THREAD_NEXT,
	PY_THREAD_INTERP,
	PY_GC,
	PY_GC_GENERATIONS,
	PY_GC_PERMANENT,
	PY_GC_COLLECTING,
	PY_GC_STATS,
	PY_GENERATION,
	PY_OBJECT,
	PY_OBJECT_REFCNT,
	PY_OBJECT_TYPE,
	PY_VAR_SIZE,
	PY_TYPE,
	PY_TYPE_NAME,
	PY_TYPE_BASICSIZE,
	PY_TYPE_ITEMSIZE,
	PY_TYPE_FLAGS,
	PY_TYPE_BASE,
	PY_TYPE_DICT,
	PY_HEAPTYPE,
	PY_HEAPTYPE_QUALNAME,
	PY_HEAPTYPE_CACHED_KEYS,
	PY_DICT_KEYS,
	PY_DICT_VALUES,
	PY_KEYS,
	PY_KEYS_NENTRIES,
	PY_KEYS_REFCNT,
	PY_ENTRY,
	PY_ENTRY_KEY,
	PY_ENTRY_VALUE,
	PY_ASCII,
	PY_ASCII_LENGTH,
	PY_ASCII_STATE,
	PY_COMPACT,
	PY_UNICODE_DATA,
	PY_LONG_DIGIT,
	PY_LIST_ALLOCATED,
	PY_TUPLE_ITEM,
	PY_SET_MASK,
	PY_SET_TABLE,
	PY_SET_SMALLTABLE,
};

/* Of builds with the GIL: the lists of the collector. */
static const enum py_field of_lists[] = {
	PY_GC_HEAD,
	PY_GC_HEAD_NEXT,
	PY_GC_HEAD_PREV,
};

/* Of builds without: the heaps of mimalloc. */
static const enum py_field of_heaps[] = {
	PY_OBJECT_REF_SHARED,	   PY_RUNTIME_ALLOCATOR_DEBUG,
	PY_INTERP_WORLD_STOPPED,   PY_THREAD_HEAPS,
	PY_THREAD_HEAPS_READY,	   PY_MI_HEAP,
	PY_MI_HEAP_PAGES,	   PY_MI_QUEUE,
	PY_MI_QUEUE_FIRST,	   PY_MI_PAGE,
	PY_MI_PAGE_SLICE_COUNT,	   PY_MI_PAGE_SLICE_OFFSET,
	PY_MI_PAGE_CAPACITY,	   PY_MI_PAGE_FREE,
	PY_MI_PAGE_LOCAL_FREE,	   PY_MI_PAGE_THREAD_FREE,
	PY_MI_PAGE_BLOCK_SIZE,	   PY_MI_PAGE_HEAP,
	PY_MI_PAGE_NEXT,	   PY_MI_PAGE_PREV,
	PY_MI_SEGMENT_SLICES,	   PY_MI_SEGMENT_ENTRIES,
	PY_MI_SEGMENT_INFO_SLICES, PY_MI_SEGMENT_COOKIE,
	PY_MI_SEGMENT_USED,
};

/* Of these, mimalloc 2.1.2 (3.13, 3.14.0 to 3.14.8, 3.15.0): abandoned segments are on lists. */
static const enum py_field of_listed_segments[] = {
	PY_INTERP_ABANDONED,
	PY_INTERP_ABANDONED_VISITED,
	PY_MI_SEGMENT_NEXT,
};

/* Or mimalloc 2.5.2 (3.14.10, 3.15.2): they are counted, and found by what they say. */
static const enum py_field of_counted_segments[] = {
	PY_INTERP_SUBPROC,     PY_MI_SUBPROC_ABANDONED, PY_MI_PAGE_START,	 PY_MI_PAGE_TAG,
	PY_MI_SEGMENT_SUBPROC, PY_MI_SEGMENT_THREAD,	PY_MI_SEGMENT_ABANDONED,
};

/* A structure and the members that must lie within it. */
static const struct {
	enum py_field whole, member;
} within[] = {
	{PY_INTERP, PY_INTERP_NEXT},
	{PY_INTERP, PY_INTERP_THREADS},
	{PY_INTERP, PY_INTERP_SYSDICT},
	{PY_INTERP, PY_INTERP_GC},
	{PY_RUNTIME, PY_RUNTIME_INTERPRETERS},
	{PY_GC, PY_GC_GENERATIONS},
	{PY_GC, PY_GC_PERMANENT},
	{PY_GC, PY_GC_COLLECTING},
	{PY_GC, PY_GC_ENABLED},
	{PY_GENERATION, PY_GENERATION_THRESHOLD},
	{PY_GC_HEAD, PY_GC_HEAD_NEXT},
	{PY_GC_HEAD, PY_GC_HEAD_PREV},
	{PY_OBJECT, PY_OBJECT_TYPE},
	{PY_TYPE, PY_TYPE_FLAGS},
	{PY_TYPE, PY_TYPE_DICT},
	{PY_HEAPTYPE, PY_HEAPTYPE_QUALNAME},
	{PY_KEYS, PY_KEYS_NENTRIES},
	{PY_ENTRY, PY_ENTRY_VALUE},
	{PY_MI_PAGE, PY_MI_PAGE_SLICE_COUNT},
	{PY_MI_PAGE, PY_MI_PAGE_SLICE_OFFSET},
	{PY_MI_PAGE, PY_MI_PAGE_CAPACITY},
	{PY_MI_PAGE, PY_MI_PAGE_FREE},
	{PY_MI_PAGE, PY_MI_PAGE_LOCAL_FREE},
	{PY_MI_PAGE, PY_MI_PAGE_THREAD_FREE},
	{PY_MI_PAGE, PY_MI_PAGE_BLOCK_SIZE},
	{PY_MI_PAGE, PY_MI_PAGE_START},
	{PY_MI_PAGE, PY_MI_PAGE_TAG},
	{PY_MI_PAGE, PY_MI_PAGE_HEAP},
	{PY_MI_PAGE, PY_MI_PAGE_KEYS},
	{PY_MI_PAGE, PY_MI_PAGE_NEXT},
	{PY_MI_PAGE, PY_MI_PAGE_PREV},
};

static struct error *check_heaps(const struct py_layout *layout)
{
	try_(layout_check_known(layout, of_heaps, ARRAY_SIZE(of_heaps)));
	if (py_has(layout, PY_INTERP_SUBPROC))
		return layout_check_known(layout, of_counted_segments,
					  ARRAY_SIZE(of_counted_segments));
	return layout_check_known(layout, of_listed_segments, ARRAY_SIZE(of_listed_segments));
}

/* No structure of CPython comes near this; what is larger is damage. */
enum {
	LARGEST_STRUCTURE = 16 << 20
};

static struct error *check_place(const struct py_layout *layout, enum py_field field)
{
	const struct py_place *place = &layout->places[field];

	if (place->offset > LARGEST_STRUCTURE || place->size > LARGEST_STRUCTURE)
		return error_create(ERROR_BAD_DATA, "%s has an impossible offset (%d, from %s)",
				    layout_field_name(field), place->offset,
				    layout_source_name(place->source));
	return NULL;
}

struct error *layout_check_known(const struct py_layout *layout, const enum py_field *fields,
				 size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (!py_has(layout, fields[i]))
			return error_create(ERROR_UNSUPPORTED, "the layout of %s is not known",
					    layout_field_name(fields[i]));
	}
	return NULL;
}

struct error *layout_check(const struct py_layout *layout)
{
	size_t i;

	for (i = 0; i < PY_FIELD_COUNT; i++)
		try_(check_place(layout, (enum py_field)i));
	try_(layout_check_known(layout, mandatory, ARRAY_SIZE(mandatory)));
	if (py_has(layout, PY_OBJECT_GC_BITS))
		try_(check_heaps(layout));
	else
		try_(layout_check_known(layout, of_lists, ARRAY_SIZE(of_lists)));
	if (!py_has(layout, PY_INTERP_GC) && !py_has(layout, PY_RUNTIME_GC))
		return error_create(ERROR_UNSUPPORTED, "the place of the collector is not known");
	for (i = 0; i < ARRAY_SIZE(within); i++) {
		if (!py_has(layout, within[i].member) || !py_has(layout, within[i].whole))
			continue;
		if (py_at(layout, within[i].member) + sizeof(uint32_t) >
		    py_size(layout, within[i].whole))
			return error_create(ERROR_BAD_DATA, "%s lies outside its structure",
					    layout_field_name(within[i].member));
	}
	return NULL;
}
