/*
 * What the making of a heap shares: the columns, and their sorting.
 */
#ifndef REFTRACKER_HEAP_BUILDER_PRIVATE_H
#define REFTRACKER_HEAP_BUILDER_PRIVATE_H

#include "base/strtab.h"
#include "heap/builder.h"
#include "heap/explain.h"

DEFINE_ARRAY(u8_array, uint8_t)
DEFINE_ARRAY(big_array, struct heap_big)
DEFINE_ARRAY(segment_array, struct heap_segment)
DEFINE_ARRAY(label_array, struct heap_label)
DEFINE_ARRAY(type_array, struct heap_type)
DEFINE_ARRAY(list_array, struct heap_list)
DEFINE_ARRAY(thread_array, struct heap_thread)
DEFINE_ARRAY(frame_array, struct heap_frame)
DEFINE_ARRAY(object_text_array, struct heap_object_text)

/* Tracked objects of one list that were added one after the other: mostly all of the list. */
struct tracked_run {
	uint32_t list;
	uint32_t row;	/**< of the first */
	uint32_t place; /**< of the first: on its list; when all are known, on all lists */
	uint32_t count;
};

DEFINE_ARRAY(run_array, struct tracked_run)

/* What a tracked object has more than others, in the order of their adding. */
struct tracked_columns {
	struct run_array runs;
	struct u32_array place; /**< once they are sorted */
	struct u32_array body;
};

/*
 * The columns of a heap, owned. While a heap is built, rows stand in the order of adding, and those
 * that each object has are no more than their items: the builder says how many there are.
 */
struct columns {
	struct u32_array address_low;
	struct segment_array segments;
	struct u32_array type;
	struct u16_array size_low;
	struct big_array big_sizes;
	struct u16_array refcount_low;
	struct big_array big_refcounts;
	struct u16_array content;
	struct u64_array tracked_bits;
	struct u32_array tracked_before;
	struct tracked_columns tracked;
	struct u32_array ref_start, ref_target;
	struct u16_array ref_label;
	struct big_array big_labels;
	struct label_array labels;
	struct type_array types;
	struct list_array lists;
	struct heap_root_array roots;
	struct thread_array threads;
	struct frame_array frames;
	struct object_text_array object_texts;
	struct big_array limits;
	struct u32_array text_start;
	struct char_array text_bytes;
};

struct heap_builder {
	struct heap_facts facts;
	heap_text_t strings[HEAP_STRINGS];
	struct strtab texts;
	struct addrmap label_ids;
	size_t count;		    /* objects */
	size_t room;		    /* for how many there is, in all columns of objects */
	struct segment_array highs; /* upper bits of addresses in the order of adding */
	uint32_t high;		    /* of the object added last, + 1; 0: there is none */
	struct u16_array types;	    /* of the objects; UINT16_MAX: see big_types */
	struct big_array big_types;
	/* How many references each object has, as far as they were told. */
	struct u8_array ref_counts; /* UINT8_MAX: see big_ref_counts */
	size_t some_refs;	    /* of the next object, told so far */
	struct big_array big_ref_counts;
	struct columns columns;
};

/**
 * From the order of adding to that of addresses, with objects numbered anew wherever they are
 * named. Fails where two objects have one address, or a target does not exist; @builder is of no
 * use then but to be destroyed. Linear in objects and references.
 */
_must_check_ struct error *builder_sort(struct heap_builder *builder);

#endif
