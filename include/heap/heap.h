/*
 * The objects of one process at one instant and what they refer to, as columns: row number =
 * object id, rows sorted by address. No per-object allocation and no pointers inside, so that the
 * same columns stand in memory, in a snapshot file, and in its mapping.
 *
 * Knows neither processes nor CPython versions: what it holds can be analysed anywhere. A heap
 * does not change once it is made, by heap_builder_finish() (heap/builder.h) or from a file.
 * Columns are read through the functions below, which say what the packed values mean.
 */
#ifndef REFTRACKER_HEAP_HEAP_H
#define REFTRACKER_HEAP_HEAP_H

#include "base/array.h"
#include "base/bits.h"
#include "base/fetch.h"

#include <string.h>

enum {
	HEAP_GENERATIONS = 4,
	HEAP_GENERATION_PERMANENT = 3,
	HEAP_COUNTED_GENERATIONS = 3
};

#define HEAP_NONE UINT32_MAX /**< no object, no text, no frame */

/** A string of the heap's: index in its texts, HEAP_NONE for none. */
typedef uint32_t heap_text_t;

/** A type object. Two types may have one name (a class that was defined twice). */
struct heap_type {
	raddr_t address;
	uint64_t count;	  /**< its objects */
	uint64_t size;	  /**< shallow bytes of these */
	heap_text_t name; /**< module.qualname */
	uint32_t reserved;
};

/** Whether the collector runs by itself. The order is that of the file. ORDER heap-automatic */
enum heap_automatic {
	HEAP_AUTOMATIC_UNKNOWN, /**< in files before format 2.4, too */
	HEAP_AUTOMATIC_ON,
	HEAP_AUTOMATIC_OFF
};

/** One list of the garbage collector. */
struct heap_list {
	int64_t interp;
	uint64_t collections[HEAP_COUNTED_GENERATIONS]; /**< finished so far, by generation */
	uint32_t count;					/**< objects on it */
	uint32_t first;					/**< objects on the lists before it */
	uint8_t generation;				/**< 0 to 2, or HEAP_GENERATION_PERMANENT */
	uint8_t collections_known;			/**< boolean */
	/** Boolean: positions in it tell age, as far as no collection re-ordered it. */
	uint8_t ordered;
	uint8_t automatic; /**< enum heap_automatic, of its interpreter */
	uint8_t reserved[4];
};

/** What a reference is. The names are those of the column refs.kind (heap_kind_name()). */
enum heap_kind {
	HEAP_ATTRIBUTE, /**< of an instance or module, name: the attribute */
	HEAP_ITEM,	/**< of a sequence; its index: heap_ref_index() */
	HEAP_KEY,	/**< of a mapping, or member of a set */
	HEAP_VALUE,	/**< of a mapping; its key is the reference before it */
	HEAP_LOCAL,	/**< variable of a frame, name: the variable */
	HEAP_CLOSURE,	/**< what a cell or closure variable holds, name: the variable */
	HEAP_SLOT,	/**< member of a C structure or a __slots__ entry, name: the member */
	HEAP_TYPE,	/**< from an object to its type */
	HEAP_WEAK,	/**< does not keep its target alive and is no part of its reference count */
	HEAP_NATIVE,	/**< exact, found by the type's own traversal, but without a name */
	HEAP_INTERNAL,	/**< of the interpreter's own making, such as a type's cache, named */
	HEAP_GUESS,	/**< a word in an object of a type that is not known looks like it */
	HEAP_KINDS
};

/** "attribute", ... Static. */
const char *heap_kind_name(enum heap_kind kind);

/** A kind with a name; a reference has the number of one. */
struct heap_label {
	uint32_t kind;	  /**< enum heap_kind */
	heap_text_t name; /**< HEAP_NONE: none */
};

enum heap_root_kind {
	HEAP_ROOT_MODULE,      /**< an entry of sys.modules, name: the module */
	HEAP_ROOT_FRAME,       /**< a variable of a running frame, name: the variable */
	HEAP_ROOT_INTERPRETER, /**< held by the interpreter's state, name: which member */
	HEAP_ROOT_THREAD,      /**< held by a thread's state, name: which member */
	HEAP_ROOT_STATIC,      /**< a static type or other static object */
	HEAP_ROOT_INTERNED,    /**< in the table of interned strings */
	HEAP_ROOT_STACK,       /**< a word on a native stack, name: the C function; a guess */
	HEAP_ROOT_DATA, /**< a word in the data of a file mapped there, name: its symbol; a guess */
	HEAP_ROOT_UNEXPLAINED, /**< more references are counted than found, and no root reaches it
				*/
	HEAP_ROOT_KINDS
};

/** "module", "frame", ... as the column roots.kind has it. Static. */
const char *heap_root_kind_name(enum heap_root_kind kind);

/** One reason to live that is no reference from an object. */
struct heap_root {
	uint16_t kind;	  /**< enum heap_root_kind */
	uint16_t counted; /**< boolean: the reference count of the target counts it */
	heap_text_t name;
	uint32_t target; /**< object id */
	uint32_t thread; /**< index in threads, or HEAP_NONE */
	uint32_t frame;	 /**< index in frames, or HEAP_NONE */
};

/** Whether it is a word that only looks like a reference. */
static inline bool heap_root_is_guess(const struct heap_root *root)
{
	return root->kind == HEAP_ROOT_STACK || root->kind == HEAP_ROOT_DATA;
}

struct heap_thread {
	uint64_t native_id; /**< of the kernel; 0: not known */
	uint64_t ident;	    /**< its pthread_t, as threading.get_ident() says */
	int64_t interp;
	heap_text_t name; /**< of the kernel, or HEAP_NONE */
	uint32_t reserved;
};

/** A Python frame of a thread. */
struct heap_frame {
	uint32_t thread; /**< index in threads */
	uint32_t depth;	 /**< 0: the innermost */
	heap_text_t function, file;
	int32_t line;	 /**< negative: none */
	uint32_t object; /**< the frame object, where there is one; else HEAP_NONE */
};

/** The text of an object: of a str that is a name or a key; or a preview of a value. */
struct heap_object_text {
	uint32_t object;
	heap_text_t text;
};

/** A value that does not fit into its column. */
struct heap_big {
	uint32_t row; /**< of the column */
	uint32_t reserved;
	uint64_t value;
};

struct heap_items;

/** Addresses from row @first on have these upper bits. */
struct heap_segment {
	uint32_t first;
	uint32_t high; /**< address >> HEAP_ADDRESS_BITS */
};

enum {
	HEAP_ALIGN_BITS = 3,			 /**< objects stand at multiples of 8 */
	HEAP_ADDRESS_BITS = 32 + HEAP_ALIGN_BITS /**< that a row of address_low tells */
};

/** How references of objects were found. */
enum heap_reading {
	HEAP_READ_EXACT,	/**< by the type's own tp_traverse */
	HEAP_READ_DECODED,	/**< by what we know of the type */
	HEAP_READ_CONSERVATIVE, /**< by words that look like references */
	HEAP_READ_FAILED,	/**< not or not all: damaged, or its traversal crashed */
	HEAP_READ_LEAF,		/**< of a type that holds no references */
	HEAP_READINGS
};

/** "exact", ... Static. */
const char *heap_reading_name(enum heap_reading reading);

struct heap_tally {
	uint64_t objects, bytes;
};

/** What memory is for, as the mappings of the process say it. The order is that of the file. */
enum heap_place {
	HEAP_PLACE_ARENAS,    /**< of pymalloc, CPython's allocator of small blocks */
	HEAP_PLACE_ANONYMOUS, /**< the heap of malloc and what else is no file, without arenas */
	HEAP_PLACE_STACKS,    /**< of threads */
	HEAP_PLACE_PROGRAM,   /**< code and data of the executable and of libraries, with .bss */
	HEAP_PLACE_FILES,     /**< other mapped files */
	HEAP_PLACE_SHARED,    /**< shared memory */
	HEAP_PLACE_KERNEL,    /**< what the kernel puts there, such as [vdso] */
	HEAP_PLACES
};

/** What is known of struct heap_memory. */
enum heap_memory_known {
	HEAP_MEMORY_RESIDENT = 1 << 0, /**< resident, swapped, proportional, own */
	HEAP_MEMORY_ARENAS = 1 << 1,   /**< the arenas, also where there are none of them */
	HEAP_MEMORY_OBJECTS = 1 << 2,  /**< the objects by where they are */
	HEAP_MEMORY_MALLOC = 1 << 3    /**< what is free in malloc */
};

/**
 * Where the memory of the process is, in bytes if nothing else is said. What is resident was read
 * just before the stop, but for arenas and stacks, just after it. A part of struct heap_facts.
 */
struct heap_memory {
	uint64_t known; /**< enum heap_memory_known */
	/** Without HEAP_MEMORY_ARENAS, arenas are among what is anonymous. */
	uint64_t resident[HEAP_PLACES];
	uint64_t swapped;
	uint64_t proportional; /**< resident, of what n processes have the n-th part each */
	uint64_t own;	       /**< resident, of what no other process has */
	uint64_t arenas;       /**< number */
	uint64_t arena_bytes;
	uint64_t pool_size;
	uint64_t pools;	     /**< in use, number */
	uint64_t free_pools; /**< number */
	uint64_t used;	     /**< blocks in use */
	uint64_t free;	     /**< free blocks of pools in use */
	/* Shallow sizes of all objects. */
	uint64_t objects_inside;  /**< what of them is in arenas */
	uint64_t objects_outside; /**< what is elsewhere: large ones, and what these own */
	uint64_t objects_program; /**< in the data of the executable and of libraries */
	uint64_t malloc_free;	  /**< resident, in the heaps of glibc's malloc */
};

/** About the capture. Fixed width, because a file holds it as it is. */
struct heap_facts {
	uint64_t pid;
	uint64_t time;		/**< wall clock, ns since the epoch */
	uint64_t start_time;	/**< of the process: field 22 of /proc/PID/stat, clock ticks */
	uint64_t pause;		/**< how long the target stood still, ns, all attempts together */
	uint64_t longest_pause; /**< the longest of these, ns */
	uint64_t attempts;	/**< captures until one was consistent */
	uint64_t threads;
	uint64_t cloned;     /**< boolean: by a clone, the memory was not copied in the pause */
	uint64_t copied;     /**< bytes of target memory that were read */
	uint64_t resident;   /**< bytes of the target */
	uint64_t version;    /**< PY_VERSION_HEX */
	uint64_t unsized;    /**< objects whose size could not be worked out, counted as 0 bytes */
	uint64_t own_sizes;  /**< objects whose type has a __sizeof__ in Python, which is not run */
	uint64_t immortal;   /**< counts from here on mean an immortal object; 0: there are none */
	uint64_t with_graph; /**< boolean: references and roots were read */
	uint64_t with_values; /**< boolean: texts hold previews of values, too */
	uint64_t damaged;     /**< references that led to no object and were left out */
	struct heap_tally readings[HEAP_READINGS];
	uint64_t from_core; /**< boolean: the process was a core file */
	struct heap_memory memory;
	uint64_t run; /**< mark of the run of the program, execve() begins another; 0: not known */
};

/** Facts that are texts. */
enum heap_string {
	HEAP_STRING_COMMAND, /**< command line, arguments separated by spaces */
	HEAP_STRING_HOST,
	HEAP_STRING_BOOT_ID,
	HEAP_STRING_CGROUP,
	HEAP_STRING_EXECUTABLE,
	HEAP_STRING_LAYOUT, /**< where the layout of the structures came from */
	HEAP_STRINGS
};

/** What names a run of a program: a process, and what of the process execve() has not replaced. */
struct heap_run {
	uint64_t pid;
	uint64_t start_time;
	uint64_t mark; /**< see run of struct heap_facts */
	const char
		*boot_id; /**< within which the others mean anything; borrowed, NULL: not known */
};

/**
 * What another heap is of where two are not of one run of a program: "another process". NULL: they
 * are, as far as is known. Static.
 */
const char *heap_other_run(const struct heap_run *a, const struct heap_run *b);

/**
 * All pointers but @storage are borrowed from it. Arrays without a count of their own have a row
 * for each object, or what their comment says.
 */
struct heap {
	size_t count;		     /**< objects */
	const uint32_t *address_low; /**< bits 3 to 34 */
	const struct heap_segment *segments;
	size_t segment_count;
	const uint32_t *type;	  /**< index in types */
	const uint16_t *size_low; /**< shallow size; UINT16_MAX: see big_sizes */
	const struct heap_big *big_sizes;
	size_t big_size_count;
	const uint16_t *refcount_low; /**< UINT16_MAX: see big_refcounts */
	const struct heap_big *big_refcounts;
	size_t big_refcount_count;
	/** heap_content(), heap_telling(). */
	const uint16_t *content;
	bool marks_values; /**< content says which values are rare; in files since format 2.3 */

	/* Of objects that the collector tracks: a bit for each object, and how many before. */
	const uint64_t *tracked; /**< a word for each 64 objects */
	const uint32_t *tracked_before;
	size_t tracked_count;
	/* A row for each tracked object. */
	const uint32_t *place; /**< on all lists, one after the other, from 0 */
	const uint32_t *body;  /**< hash of its first words at that time, 0: nothing known */

	/* References, sorted by source, then in the order in which the source holds them. */
	const uint32_t *ref_start; /**< count + 1 rows: of the first one of each object */
	size_t ref_count;
	const uint32_t *ref_target; /**< object id */
	const uint16_t *ref_label;  /**< index in labels; UINT16_MAX: see big_labels */
	const struct heap_big *big_labels;
	size_t big_label_count;
	const struct heap_label *labels;
	size_t label_count;

	const struct heap_type *types;
	size_t type_count;
	const struct heap_list *lists;
	size_t list_count;
	const struct heap_root *roots;
	size_t root_count;
	const struct heap_thread *threads;
	size_t thread_count;
	const struct heap_frame *frames; /**< sorted by thread and depth */
	size_t frame_count;
	const struct heap_object_text *object_texts; /**< sorted by object */
	size_t object_text_count;
	/** How many others an object holds at most, by its own doing; in files since format 2.1. */
	const struct heap_big *limits;
	size_t limit_count;

	const uint32_t *text_start; /**< text_count rows: of its first byte in text_bytes */
	size_t text_count;
	const char *text_bytes; /**< UTF-8, each ended by NUL */
	size_t text_size;	/**< bytes, 4 GiB at most */

	struct heap_facts facts;
	heap_text_t strings[HEAP_STRINGS];

	/** What heap_ref_index() notes, in no file; owned. NULL: it counts each time. */
	struct heap_items *items;

	void *storage; /**< owned; what it is only its maker knows */
	void (*free_storage)(void *storage);
	void (*rest_storage)(void *storage); /**< see heap_rest(); NULL: nothing to be done */
};

void heap_destroy(struct heap *heap);

/** Its boot id is borrowed from @heap. */
struct heap_run heap_run_of(const struct heap *heap);

/** The same where there are only facts; @boot_id is borrowed. */
struct heap_run heap_run_of_facts(const struct heap_facts *facts, const char *boot_id);

/**
 * Most of @heap is not needed for a while: let go memory that only repeats a file. It comes back
 * when it is read.
 */
static inline void heap_rest(const struct heap *heap)
{
	if (heap->rest_storage)
		heap->rest_storage(heap->storage);
}

static inline void cleanup_heap(struct heap **heap)
{
	heap_destroy(*heap);
}
#define _cleanup_heap_ _cleanup_(cleanup_heap)

static inline size_t heap_count(const struct heap *heap)
{
	return heap->count;
}

/** Shallow bytes of all objects. */
uint64_t heap_total_size(const struct heap *heap);

/** UTF-8; NULL for HEAP_NONE. Borrowed. */
static inline const char *heap_text(const struct heap *heap, heap_text_t text)
{
	return text == HEAP_NONE ? NULL : heap->text_bytes + heap->text_start[text];
}

/** The segment in which object @id stands. Logarithmic in the segments, of which there are few. */
static inline const struct heap_segment *heap_segment_of(const struct heap *heap, size_t id)
{
	size_t low = 0, high = heap->segment_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (heap->segments[middle].first <= id)
			low = middle;
		else
			high = middle;
	}
	return &heap->segments[low];
}

static inline raddr_t heap_address(const struct heap *heap, size_t id)
{
	return (raddr_t)heap_segment_of(heap, id)->high << HEAP_ADDRESS_BITS |
	       (raddr_t)heap->address_low[id] << HEAP_ALIGN_BITS;
}

/** The object at @address. False where there is none. Logarithmic. */
bool heap_find(const struct heap *heap, raddr_t address, uint32_t *ret);

/** The value of @row in a sorted list of values that did not fit. 0 where it is not there. */
uint64_t heap_big_find(const struct heap_big *list, size_t count, uint32_t row);

/** Shallow size in bytes, as sys.getsizeof() says. */
static inline uint64_t heap_size(const struct heap *heap, size_t id)
{
	uint16_t low = heap->size_low[id];

	return low != UINT16_MAX
		       ? low
		       : heap_big_find(heap->big_sizes, heap->big_size_count, (uint32_t)id);
}

static inline uint64_t heap_refcount(const struct heap *heap, size_t id)
{
	uint16_t low = heap->refcount_low[id];

	return low != UINT16_MAX
		       ? low
		       : heap_big_find(heap->big_refcounts, heap->big_refcount_count, (uint32_t)id);
}

/** Hash of its address and what cannot change, 0: nothing known. To compare within a run. */
static inline uint16_t heap_content(const struct heap *heap, size_t id)
{
	return heap->content[id] & (uint16_t)~1;
}

/** Whether it is a str, bytes, int or float whose value hardly another one has. */
static inline bool heap_telling(const struct heap *heap, size_t id)
{
	return heap->marks_values && heap->content[id] & 1;
}

/** Whether its reference count says nothing, because the object lives for ever (PEP 683). */
static inline bool heap_immortal(const struct heap *heap, size_t id)
{
	return heap->facts.immortal && heap_refcount(heap, id) >= heap->facts.immortal;
}

static inline bool heap_tracked(const struct heap *heap, size_t id)
{
	return heap->tracked[id / 64] >> (id % 64) & 1;
}

/** The row of a tracked object in the columns that only these have. */
static inline size_t heap_tracked_row(const struct heap *heap, size_t id)
{
	return (size_t)heap->tracked_before[id / 64] +
	       bits_count_below(heap->tracked[id / 64], id % 64);
}

/** Of a tracked object: its place on all lists, one after the other. */
static inline uint32_t heap_place(const struct heap *heap, size_t id)
{
	return heap->place[heap_tracked_row(heap, id)];
}

/** The number of the list with this place. Logarithmic in the lists, of which there are few. */
static inline size_t heap_list_at(const struct heap *heap, uint32_t place)
{
	size_t low = 0, high = heap->list_count;

	/* The last list that begins at or before it: empty ones begin where the next one does. */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (heap->lists[middle].first <= place)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/** The same of a tracked object. */
static inline size_t heap_list_of(const struct heap *heap, size_t id)
{
	return heap_list_at(heap, heap_place(heap, id));
}

/** The list of a tracked object. */
static inline const struct heap_list *heap_list(const struct heap *heap, size_t id)
{
	return &heap->lists[heap_list_of(heap, id)];
}

/** Its position on that, from 0. */
static inline uint32_t heap_position(const struct heap *heap, size_t id)
{
	return heap_place(heap, id) - heap_list(heap, id)->first;
}

/** The hash of its first words. Only for tracked objects, as the three above. */
static inline uint32_t heap_body(const struct heap *heap, size_t id)
{
	return heap->body[heap_tracked_row(heap, id)];
}

static inline const struct heap_type *heap_type(const struct heap *heap, size_t id)
{
	return &heap->types[heap->type[id]];
}

/** module.qualname of an object's type. Borrowed. */
static inline const char *heap_type_name(const struct heap *heap, size_t id)
{
	return heap_text(heap, heap_type(heap, id)->name);
}

/**
 * How many others a container holds at most before it drops what it held, 0: no limit is known.
 * Logarithmic.
 */
static inline uint64_t heap_limit(const struct heap *heap, size_t id)
{
	return heap_big_find(heap->limits, heap->limit_count, (uint32_t)id);
}

/** References of object @id: [heap_refs_begin(), heap_refs_end()). */
static inline size_t heap_refs_begin(const struct heap *heap, size_t id)
{
	return heap->ref_start[id];
}

static inline size_t heap_refs_end(const struct heap *heap, size_t id)
{
	return heap->ref_start[id + 1];
}

/** Have the processor fetch where the references of object @id begin. */
static inline void heap_fetch_start(const struct heap *heap, size_t id)
{
	fetch_line(&heap->ref_start[id]);
}

/** The same with the first of its references, where it has any: its start is better there by then.
 */
static inline void heap_fetch_refs(const struct heap *heap, size_t id)
{
	size_t ref = heap_refs_begin(heap, id);

	if (ref == heap_refs_end(heap, id))
		return;
	fetch_line(&heap->ref_target[ref]);
	fetch_line(&heap->ref_label[ref]);
}

/**
 * What the reference @ahead behind number @ref leads to, of whatever object; 0 where there is none.
 * For those who go through all references and have what they will need fetched.
 */
static inline uint32_t heap_target_ahead(const struct heap *heap, size_t ref, size_t ahead)
{
	return ref + ahead < heap->ref_count ? heap->ref_target[ref + ahead] : 0;
}

/** Which of the labels a reference has. */
static inline size_t heap_label_index(const struct heap *heap, size_t ref)
{
	uint16_t low = heap->ref_label[ref];

	return low != UINT16_MAX
		       ? low
		       : heap_big_find(heap->big_labels, heap->big_label_count, (uint32_t)ref);
}

static inline const struct heap_label *heap_label(const struct heap *heap, size_t ref)
{
	return &heap->labels[heap_label_index(heap, ref)];
}

static inline enum heap_kind heap_ref_kind(const struct heap *heap, size_t ref)
{
	return (enum heap_kind)heap_label(heap, ref)->kind;
}

/** Whether a reference keeps its target alive. */
static inline bool heap_ref_strong(const struct heap *heap, size_t ref)
{
	return heap_ref_kind(heap, ref) != HEAP_WEAK;
}

/** The text of an object: of names and keys, and previews of values. NULL: none. Logarithmic. */
const char *heap_object_text(const struct heap *heap, size_t id);

/** The same as a number, HEAP_NONE for none. */
heap_text_t heap_object_text_id(const struct heap *heap, size_t id);

/** The object whose reference @ref is. Logarithmic. */
uint32_t heap_ref_source(const struct heap *heap, size_t ref);

/** The index of an item in its sequence: how many items of @source precede it. Logarithmic,
 * but for the first time, which is linear in the heap. Not by several threads at once. */
uint64_t heap_ref_index(const struct heap *heap, uint32_t source, size_t ref);

/** Who refers to whom: for each object the references that point to it, ascending. */
struct heap_referrers {
	uint32_t *start; /**< count + 1 rows; owned */
	uint32_t *refs;	 /**< reference numbers; owned */
};

/** Linear; 4 bytes for each object and each reference. Weak references are in it, too. */
_must_check_ struct error *heap_referrers_make(const struct heap *heap, struct heap_referrers *ret);
void heap_referrers_deinit(struct heap_referrers *referrers);

#endif
