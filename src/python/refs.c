#include "refs.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct ref_decoder decoders[] = {
	{ .type = "_contextvars.ContextVar" },
	{ .type = "_ctypes._CData" },
	{ .type = "_ctypes.CType_Type", .refs = refs_ctype },
	{ .type = "_ctypes.PyCPointerType", .refs = refs_pointer_type },
	{ .type = "_elementtree._element_iterator", .refs = refs_element_iterator },
	{ .type = "_pickle.Pickler", .refs = refs_pickler },
	{ .type = "_pickle.Unpickler", .refs = refs_unpickler },
	{ .type = "_queue.SimpleQueue", .refs = refs_simple_queue },
	{ .type = "_sre.SRE_Template", .refs = refs_sre_template },
	{ .type = "_thread._localdummy" },
	{ .type = "builtins.ContextVar" },
	{ .type = "builtins.async_generator", .refs = refs_generator },
	{ .type = "builtins.cell", .refs = refs_cell, .complete = true },
	{ .type = "builtins.code", .refs = refs_code },
	{ .type = "builtins.coroutine", .refs = refs_generator },
	{ .type = "builtins.dict", .refs = refs_dict, .complete = true },
	{ .type = "builtins.fortran", .refs = refs_fortran },
	{ .type = "builtins.frame", .refs = refs_frame },
	{ .type = "builtins.frozendict", .refs = refs_dict, .complete = true },
	{ .type = "builtins.frozenset", .refs = refs_set, .complete = true },
	{ .type = "builtins.function", .refs = refs_function },
	{ .type = "builtins.generator", .refs = refs_generator },
	{ .type = "builtins.hamt_array_node", .refs = refs_hamt_array },
	{ .type = "builtins.hamt_bitmap_node", .refs = refs_hamt_bitmap },
	{ .type = "builtins.hamt_collision_node", .refs = refs_hamt_collision },
	{ .type = "builtins.list", .refs = refs_list, .complete = true },
	{ .type = "builtins.memoryview" },
	{ .type = "builtins.module", .refs = refs_module, .partial = true },
	{ .type = "builtins.set", .refs = refs_set, .complete = true },
	{ .type = "builtins.tuple", .refs = refs_tuple, .complete = true },
	{ .type = "builtins.type", .refs = refs_type },
	{ .type = "builtins.weakcallableproxy" },
	{ .type = "builtins.weakproxy" },
	{ .type = "builtins.weakref" },
	{ .type = "collections.OrderedDict", .refs = refs_odict, .complete = true, .needs = PY_ODICT_FIRST },
	{ .type = "collections.defaultdict", .refs = refs_dict, .complete = true },
	{ .type = "collections.deque", .refs = refs_deque, .complete = true, .needs = PY_DEQUE_LEFTBLOCK },
	{ .type = "datetime.datetime", .refs = refs_datetime },
	{ .type = "datetime.time", .refs = refs_time },
	{ .type = "decimal.Decimal" },
	{ .type = "functools._lru_cache_wrapper", .refs = refs_lru_cache },
	{ .type = "functools._lru_list_elem" },
	{ .type = "greenlet.greenlet", .refs = refs_greenlet, .partial = true },
	{ .type = "itertools._tee_dataobject", .refs = refs_tee_data },
	{ .type = "numpy._ArrayFunctionDispatcher", .refs = refs_numpy_dispatcher, .partial = true },
	{ .type = "numpy._DTypeMeta", .refs = refs_dtype_class },
	{ .type = "numpy.ndarray", .refs = refs_ndarray },
	{ .type = "numpy.ufunc", .refs = refs_ufunc, .partial = true },
	{ .type = "numpy.void", .refs = refs_numpy_void },
	{ .type = "pyexpat.xmlparser", .refs = refs_expat_parser },
	{ .type = "sqlite3.Connection", .refs = refs_connection },
	{ .type = "weakref.CallableProxyType" },
	{ .type = "weakref.ProxyType" },
	{ .type = "weakref.ReferenceType" },
	{ .type = "xml.etree.ElementTree.Element", .refs = refs_element },
	{ .type = "zoneinfo.ZoneInfo", .refs = refs_zoneinfo },
};
/* clang-format on */

void ref_reader_deinit(struct ref_reader *reader)
{
	ref_row_array_deinit(&reader->found);
	u64_array_deinit(&reader->words);
	local_list_deinit(&reader->locals);
	ref_title_array_deinit(&reader->titles);
	ref_words_array_deinit(&reader->loose);
}

void ref_reader_clear(struct ref_reader *reader)
{
	reader->found.count = 0;
	reader->titles.count = 0;
	reader->loose.count = 0;
}

struct error *ref_make_room(struct ref_reader *reader, size_t count)
{
	if (reader->found.count + count <= reader->found.capacity)
		return NULL;
	if (reader->full && reader->found.count)
		try_(reader->full(reader, reader->full_ctx));
	return ref_row_array_reserve(&reader->found, reader->found.count + count);
}

/* Each version of Cython has its types in a module of its own, such as _cython_3_3_1; 0.29 in none.
 */
static const struct ref_decoder *find_cython_decoder(const char *name)
{
	static const struct ref_decoder function = {
		.type = "cython_function_or_method",
		.refs = refs_cython_function,
		.partial = true,
	};
	static const struct ref_decoder old = {
		.type = "cython_function_or_method",
		.refs = refs_old_cython_function,
		.partial = true,
	};
	static const char module[] = "_cython_", old_module[] = "_cython_3_0_";
	const char *dot = strrchr(name, '.');

	if (!dot || strcmp(dot + 1, function.type) != 0)
		return NULL;
	if (!strncmp(name, "builtins.", strlen("builtins.")) ||
	    !strncmp(name, old_module, strlen(old_module)))
		return &old;
	return strncmp(name, module, strlen(module)) ? NULL : &function;
}

static const struct ref_decoder *find_decoder(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(decoders); i++) {
		if (!strcmp(decoders[i].type, name))
			return &decoders[i];
	}
	return find_cython_decoder(name);
}

const struct ref_decoder *ref_decoder_choose(struct py_view *view, raddr_t type)
{
	const struct ref_decoder *decoder;
	char name[TYPE_NAME_MAX];
	raddr_t class;
	uint64_t i;

	for (i = 0; type_mro_item(view, type, i, &class); i++) {
		if (!type_name(view, class, name, sizeof(name)))
			continue;
		decoder = find_decoder(name);
		if (decoder)
			return decoder;
	}
	return NULL;
}

/* All but its state is told by its members and attributes. */
struct error *refs_module(struct ref_reader *reader, const struct sized_object *object)
{
	(void)reader;
	(void)object;
	return NULL;
}

void ref_set_limit(struct ref_reader *reader, raddr_t address, enum py_field field)
{
	uint64_t limit;

	if (!py_has(reader->view->layout, field))
		return;
	if (!view_word(reader->view, address, field, &limit))
		reader->damaged = true;
	else if ((int64_t)limit > 0)
		reader->limit = limit;
}

struct error *ref_add_at(struct ref_reader *reader, raddr_t address, enum py_ref_kind kind,
			 const char *name)
{
	raddr_t target;

	if (image_read_u64(reader->view->image, address, &target))
		return ref_add(reader, target, kind, (struct py_name){.text = name});
	return ref_damaged(reader);
}

struct error *ref_title_function(struct ref_reader *reader, raddr_t object, enum py_field qualname)
{
	struct ref_title title = {.function = true};

	if (!py_has(reader->view->layout, qualname) ||
	    !view_word(reader->view, object, qualname, &title.object) || !title.object)
		return NULL;
	title.name = title.object;
	return ref_title_array_append(&reader->titles, title);
}

struct error *ref_add_member(struct ref_reader *reader, raddr_t base, enum py_field field,
			     const char *name)
{
	if (!py_has(reader->view->layout, field))
		return NULL;
	return ref_add_at(reader, base + py_at(reader->view->layout, field), PY_REF_SLOT, name);
}

enum {
	MOST_LOOSE = 1 << 20 /* words; more are damage */
};

struct error *ref_add_loose(struct ref_reader *reader, raddr_t address, uint64_t count)
{
	if (count > MOST_LOOSE)
		return ref_damaged(reader);
	return ref_words_array_append(&reader->loose, (struct ref_words){address, count});
}

enum {
	CHUNK = 4096 /* words that are read at once */
};

struct error *ref_add_items(struct ref_reader *reader, raddr_t address, uint64_t count)
{
	uint64_t done, i;

	try_(u64_array_reserve(&reader->words, CHUNK));
	for (done = 0; done < count; done += CHUNK) {
		uint64_t n = count - done < CHUNK ? count - done : CHUNK;
		const unsigned char *words = read_block(reader->view->image,
							address + done * sizeof(raddr_t),
							(size_t)n * sizeof(raddr_t),
							reader->words.items);

		if (!words)
			return ref_damaged(reader);
		try_(ref_make_room(reader, n));
		for (i = 0; i < n; i++)
			ref_put(reader, word_of(words, i * sizeof(raddr_t)), PY_REF_ITEM,
				(struct py_name){0});
	}
	return NULL;
}

bool ref_circle_closed(struct ref_circle *circle, raddr_t at)
{
	if (at == circle->mark)
		return true;
	if (circle->steps++ == circle->limit) {
		circle->mark = at;
		circle->limit = circle->limit * 2 + 1;
		circle->steps = 0;
	}
	return false;
}

enum {
	MOST_STATE = 1 << 20, /* bytes of a module's state; more is damage */
	MOST_GUESSED = 4096,  /* bytes of an object that are looked at for guesses */
	LONGEST_READ = 512    /* words; members further on are read one by one */
};

/* Objects/structseq.c: members of a struct sequence name its items too, which are told as those of
 * a tuple. What is behind the last of them is no item: st_atime of os.stat_result. */
static uint64_t told_as_items(const struct ref_reader *reader, const struct sized_object *object)
{
	if (!(object->type->flags & TPFLAGS_TUPLE_SUBCLASS))
		return 0;
	return py_at(reader->view->layout, PY_TUPLE_ITEM) + object->var_size * sizeof(raddr_t);
}

/* All members from the first to the last in one read, as far as that is near. */
static struct error *add_members(struct ref_reader *reader, const struct sized_object *object)
{
	const struct type_info *type = object->type;
	const struct member *members = &reader->members->list.items[type->first_member];
	uint32_t first = members[0].offset, last = members[type->member_count - 1].offset, i;
	uint64_t buffer[LONGEST_READ], items_end = told_as_items(reader, object);
	bool near = (last - first) / sizeof(*buffer) < LONGEST_READ;
	const unsigned char *words = near ? read_block(reader->view->image, object->address + first,
						       last - first + sizeof(*buffer), buffer)
					  : NULL;

	if (near && !words)
		return ref_damaged(reader);
	for (i = 0; i < type->member_count; i++) {
		const struct member *member = &members[i];
		struct py_name name = {.text = member->name};

		if (member->offset < items_end)
			continue;
		if (near)
			try_(ref_add(reader, word_of(words, member->offset - first), member->kind,
				     name));
		else
			try_(ref_add_at(reader, object->address + member->offset, member->kind,
					member->name));
	}
	return NULL;
}

struct error *refs_read(struct ref_reader *reader, const struct sized_object *object)
{
	const struct ref_decoder *decoder = object->type->decoder;

	reader->first = reader->found.count;
	reader->limit = 0;
	reader->damaged = false;
	reader->guessed = false;
	if (object->type->member_count)
		try_(add_members(reader, object));
	if (decoder && decoder->refs)
		try_(decoder->refs(reader, object));
	if (object->type->dictoffset || object->type->flags & TPFLAGS_MANAGED_DICT)
		try_(refs_attributes(reader, object));
	/* Objects/object.c: PyObject_Init() counts the type of its instances where it is on the
	 * heap, since 3.8. */
	if (object->type->flags & TPFLAGS_HEAPTYPE)
		return ref_add(reader, object->type->address, PY_REF_TYPE, (struct py_name){0});
	return NULL;
}

struct error *refs_count_targets(const struct ref_reader *reader, size_t end, struct addrmap *ret)
{
	const union ref_row *rows = reader->found.items;
	uint32_t count;
	size_t i;

	for (i = reader->first; i < end; i++) {
		count = 0;
		(void)addrmap_get(ret, rows[i].found.target, &count);
		try_(addrmap_set(ret, rows[i].found.target, count + 1));
	}
	return NULL;
}

struct error *refs_take_target(struct addrmap *counts, raddr_t target, bool *ret)
{
	uint32_t count = 0;

	*ret = addrmap_get(counts, target, &count) && count;
	return *ret ? addrmap_set(counts, target, count - 1) : NULL;
}

struct guess {
	struct ref_reader *reader;
	ref_is_object_fn *is_object;
	void *ctx;
	const char *name;      /* of what is found; NULL: none */
	raddr_t passed_over;   /* the word here is no reference */
	size_t told;	       /* where the references end that were found before */
	struct addrmap counts; /* how often each of their targets, once it is needed */
	bool counted;
};

static void guess_deinit(struct guess *guess)
{
	addrmap_deinit(&guess->counts);
}

/* A word whose target was told is taken for what was told. */
static struct error *guess_word(struct guess *guess, raddr_t address, raddr_t word)
{
	bool told;

	if (address == guess->passed_over || !word || !guess->is_object(guess->ctx, word))
		return NULL;
	if (!guess->counted)
		try_(refs_count_targets(guess->reader, guess->told, &guess->counts));
	guess->counted = true;
	try_(refs_take_target(&guess->counts, word, &told));
	if (told)
		return NULL;
	guess->reader->guessed = true;
	return ref_add(guess->reader, word, PY_REF_GUESS, (struct py_name){.text = guess->name});
}

static struct error *guess_words(struct guess *guess, raddr_t address, uint64_t size)
{
	uint64_t words[LONGEST_READ], count = size / sizeof(*words), done, n, i;

	for (done = 0; done < count; done += n) {
		n = count - done < LONGEST_READ ? count - done : LONGEST_READ;
		if (!image_read(guess->reader->view->image, address + done * sizeof(*words), words,
				(size_t)n * sizeof(*words)))
			return ref_damaged(guess->reader);
		for (i = 0; i < n; i++)
			try_(guess_word(guess, address + (done + i) * sizeof(*words), words[i]));
	}
	return NULL;
}

/* Objects/moduleobject.c: the state of a C module, a block of a size that its definition tells or,
 * from 3.15 on, the module itself. */
static bool find_state(struct py_view *view, raddr_t module, raddr_t *ret, uint64_t *ret_size)
{
	raddr_t definition;

	if (!py_has(view->layout, PY_MODULE_STATE) ||
	    !view_word(view, module, PY_MODULE_STATE, ret) || !*ret)
		return false;
	if (py_has(view->layout, PY_MODULE_STATE_SIZE))
		return view_word(view, module, PY_MODULE_STATE_SIZE, ret_size);
	return py_has(view->layout, PY_MODULE_DEFINITION) &&
	       view_word(view, module, PY_MODULE_DEFINITION, &definition) && definition &&
	       view_word(view, definition, PY_MODULEDEF_SIZE, ret_size);
}

static struct error *guess_state(struct guess *guess, const struct sized_object *object)
{
	uint64_t size;
	raddr_t state;

	if (!object->type->decoder || object->type->decoder->refs != refs_module ||
	    !find_state(guess->reader->view, object->address, &state, &size) || size > MOST_STATE)
		return NULL;
	guess->name = "state";
	return guess_words(guess, state, size);
}

struct error *refs_guess(struct ref_reader *reader, const struct sized_object *object,
			 ref_is_object_fn *is_object, void *ctx)
{
	uint32_t head = py_at(reader->view->layout, PY_VAR_SIZE);
	uint64_t size = object->type->basicsize;
	_cleanup_(guess_deinit) struct guess guess = {
		.reader = reader,
		.is_object = is_object,
		.ctx = ctx,
		.told = reader->found.count,
		/* The list of weak references to it is none of its own. */
		.passed_over = object->address + (raddr_t)object->type->weaklistoffset,
	};

	if (size > head)
		try_(guess_words(&guess, object->address + head,
				 size - head < MOST_GUESSED ? size - head : MOST_GUESSED));
	return guess_state(&guess, object);
}
