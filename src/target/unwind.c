#include "target/unwind.h"

#include "arch.h"

#include <libunwind.h>
#include <linux/elf.h>
#include <stdlib.h>

/*
 * The binary search table of an object: section .eh_frame_hdr, which PT_GNU_EH_FRAME names (Linux
 * Standard Base, Core, 10.6). It is mapped, so it is read from the image like all memory: no file
 * is opened, and it does not matter in which root the target sees its files.
 */
struct table {
	const struct mapping *code; /**< of which it tells */
	raddr_t header;		    /**< 0: there is none */
	uint64_t entries;
};

DEFINE_ARRAY(table_array, struct table)

struct unwinder {
	struct image *image;
	struct proc_maps maps;
	struct table_array tables; /**< looked at so far */
	unw_addr_space_t space;
	const struct tracee_thread *thread; /**< being unwound */
};

enum {
	HEADER_BYTES = 12,	/* before the first entry, with the encodings below */
	ENTRY_BYTES = 8,	/* two offsets of 4 bytes */
	COUNT_ENCODING = 0x03,	/* DW_EH_PE_udata4 */
	TABLE_ENCODING = 0x3b,	/* DW_EH_PE_datarel | DW_EH_PE_sdata4 */
	POINTER_ENCODING = 0x1b /* DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
};

/*
 * libunwind's own search in such a table. It is exported for those who know where a table is, but
 * not declared in a header.
 */
int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t ip, unw_dyn_info_t *di,
				       unw_proc_info_t *info, int need_unwind_info, void *arg);

/* The mapping of the start of the file of which @code is a part. */
static const struct mapping *find_start(const struct proc_maps *maps, const struct mapping *code)
{
	const struct mapping *at = code;

	if (!code->inode)
		return code; /* the kernel's vdso */
	while (at > maps->list.items && at->offset)
		at--;
	return !at->offset && at->inode == code->inode && at->device == code->device ? at : NULL;
}

/* The run-time address of PT_GNU_EH_FRAME; false where there is none. */
static bool find_header(struct image *image, raddr_t start, raddr_t *ret)
{
	Elf64_Ehdr elf;
	Elf64_Phdr segment;
	raddr_t bias = start, header = 0;
	bool has_header = false;
	unsigned int i;

	if (!image_read(image, start, &elf, sizeof(elf)) ||
	    memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_phentsize != sizeof(segment))
		return false;
	for (i = 0; i < elf.e_phnum; i++) {
		if (!image_read(image, start + elf.e_phoff + i * sizeof(segment), &segment,
				sizeof(segment)))
			return false;
		if (segment.p_type == PT_LOAD && !segment.p_offset)
			bias = start - segment.p_vaddr;
		if (segment.p_type == PT_GNU_EH_FRAME) {
			header = segment.p_vaddr;
			has_header = true;
		}
	}
	*ret = bias + header;
	return has_header;
}

static void look_for_table(struct unwinder *unwinder, struct table *table)
{
	const struct mapping *start = find_start(&unwinder->maps, table->code);
	unsigned char bytes[HEADER_BYTES];
	uint32_t entries;
	raddr_t header;

	if (!start || !find_header(unwinder->image, start->start, &header) ||
	    !image_read(unwinder->image, header, bytes, sizeof(bytes)))
		return;
	if (bytes[0] != 1 || bytes[1] != POINTER_ENCODING || bytes[2] != COUNT_ENCODING ||
	    bytes[3] != TABLE_ENCODING)
		return;
	memcpy(&entries, bytes + 8, sizeof(entries));
	table->header = header;
	table->entries = entries;
}

/* The table for the code at @ip; NULL where nothing is mapped or memory is short. */
static const struct table *find_table(struct unwinder *unwinder, raddr_t ip)
{
	struct table new = {.code = proc_maps_find(&unwinder->maps, ip)};
	struct error *err;
	size_t i;

	if (!new.code)
		return NULL;
	for (i = 0; i < unwinder->tables.count; i++) {
		if (unwinder->tables.items[i].code == new.code)
			return &unwinder->tables.items[i];
	}
	look_for_table(unwinder, &new);
	err = table_array_append(&unwinder->tables, new);
	error_free(err);
	return err ? NULL : &unwinder->tables.items[unwinder->tables.count - 1];
}

static int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *info,
			  int need_unwind_info, void *arg)
{
	const struct table *table = find_table(arg, ip);
	unw_dyn_info_t found = {0};

	if (!table || !table->entries)
		return -UNW_ENOINFO;
	found.format = UNW_INFO_FORMAT_REMOTE_TABLE;
	found.start_ip = table->code->start;
	found.end_ip = table->code->end;
	found.u.rti.segbase = table->header;
	found.u.rti.table_data = table->header + HEADER_BYTES;
	/* In words, which is how the caller of this function counts. */
	found.u.rti.table_len = table->entries * ENTRY_BYTES / sizeof(unw_word_t);
	return UNW_OBJ(dwarf_search_unwind_table)(space, ip, &found, info, need_unwind_info, arg);
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *arg)
{
	(void)space;
	(void)info;
	(void)arg;
}

static int no_dynamic_list(unw_addr_space_t space, unw_word_t *ret, void *arg)
{
	(void)space;
	(void)ret;
	(void)arg;
	return -UNW_ENOINFO;
}

static int read_memory(unw_addr_space_t space, unw_word_t addr, unw_word_t *value, int write,
		       void *arg)
{
	struct unwinder *unwinder = arg;

	(void)space;
	if (write)
		return -UNW_EINVAL;
	return image_read(unwinder->image, addr, value, sizeof(*value)) ? 0 : -UNW_EINVAL;
}

static int read_register(unw_addr_space_t space, unw_regnum_t number, unw_word_t *value, int write,
			 void *arg)
{
	const struct unwinder *unwinder = arg;
	uint64_t word;

	(void)space;
	if (write || !arch_dwarf_register(&unwinder->thread->registers, number, &word))
		return -UNW_EBADREG;
	*value = word;
	return 0;
}

static int read_float(unw_addr_space_t space, unw_regnum_t number, unw_fpreg_t *value, int write,
		      void *arg)
{
	(void)space;
	(void)number;
	(void)value;
	(void)write;
	(void)arg;
	return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
	(void)space;
	(void)cursor;
	(void)arg;
	return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t space, unw_word_t addr, char *buffer, size_t size,
		   unw_word_t *offset, void *arg)
{
	(void)space;
	(void)addr;
	(void)buffer;
	(void)size;
	(void)offset;
	(void)arg;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
	.find_proc_info = find_proc_info,
	.put_unwind_info = put_unwind_info,
	.get_dyn_info_list_addr = no_dynamic_list,
	.access_mem = read_memory,
	.access_reg = read_register,
	.access_fpreg = read_float,
	.resume = no_resume,
	.get_proc_name = no_name,
};

struct error *unwind_create(struct origin origin, struct image *image, struct unwinder **ret)
{
	_cleanup_unwinder_ struct unwinder *unwinder = calloc(1, sizeof(*unwinder));

	if (!unwinder)
		return &error_no_memory;
	unwinder->image = image;
	unwinder->space = unw_create_addr_space(&accessors, 0);
	if (!unwinder->space)
		return &error_no_memory;
	(void)unw_set_caching_policy(unwinder->space, UNW_CACHE_GLOBAL);
	try_(origin_maps(origin, &unwinder->maps));
	*ret = steal_ptr(unwinder);
	return NULL;
}

void unwind_destroy(struct unwinder *unwinder)
{
	if (!unwinder)
		return;
	if (unwinder->space)
		unw_destroy_addr_space(unwinder->space);
	table_array_deinit(&unwinder->tables);
	proc_maps_deinit(&unwinder->maps);
	free(unwinder);
}

static struct error *tell_frame(unw_cursor_t *cursor, unwind_fn *tell, void *ctx)
{
	struct unwind_frame frame;
	unw_word_t pc = 0, stack = 0;

	(void)unw_get_reg(cursor, UNW_REG_IP, &pc);
	(void)unw_get_reg(cursor, UNW_REG_SP, &stack);
	frame.pc = pc;
	frame.stack = stack;
	return tell(ctx, &frame);
}

struct error *unwind_thread(struct unwinder *unwinder, const struct tracee_thread *thread,
			    unwind_fn *tell, void *ctx)
{
	unw_cursor_t cursor;
	unw_word_t pc = 0;
	unsigned int count;

	unwinder->thread = thread;
	if (unw_init_remote(&cursor, unwinder->space, unwinder))
		return NULL;
	for (count = 0; count < UNWIND_MOST_FRAMES; count++) {
		try_(tell_frame(&cursor, tell, ctx));
		if (unw_step(&cursor) <= 0 || unw_get_reg(&cursor, UNW_REG_IP, &pc) || !pc)
			break;
	}
	return NULL;
}
