/*
 * The notes of a core file: fs/binfmt_elf.c of Linux has their formats, gdb writes the same.
 */
#include "arch.h"
#include "core_private.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

/* One note, its description within the file. */
struct note {
	unsigned int type;
	const unsigned char *bytes;
	size_t size;
};

static struct error *bad_note(const char *what)
{
	return error_create(ERROR_BAD_DATA, "damaged core file: note %s", what);
}

static uint64_t word_at(const struct note *note, size_t index)
{
	uint64_t word;

	memcpy(&word, note->bytes + index * sizeof(word), sizeof(word));
	return word;
}

static size_t word_count(const struct note *note)
{
	return note->size / sizeof(uint64_t);
}

static struct error *take_thread(struct core *core, const struct note *note)
{
	struct tracee_thread thread = {0};
	struct elf_prstatus status;

	_Static_assert(sizeof(thread.registers) == sizeof(status.pr_reg),
		       "the kernel's register set and that of <sys/user.h> are the same");
	if (note->size < sizeof(status))
		return bad_note("NT_PRSTATUS");
	memcpy(&status, note->bytes, sizeof(status));
	thread.tid = status.pr_pid;
	memcpy(&thread.registers, &status.pr_reg, sizeof(thread.registers));
	thread.descriptor = arch_core_descriptor(&thread.registers);
	if (!core->threads.count)
		core->facts.signal = status.pr_cursig;
	return tracee_thread_array_append(&core->threads, thread);
}

/* Follows its thread's NT_PRSTATUS, where the processor keeps the pointer in a register apart. */
static void take_thread_pointer(struct core *core, const struct note *note)
{
	if (core->threads.count && word_count(note))
		core->threads.items[core->threads.count - 1].descriptor =
			arch_descriptor_of_pointer(word_at(note, 0));
}

static struct error *take_process(struct core *core, const struct note *note)
{
	struct elf_prpsinfo info;

	if (note->size < sizeof(info))
		return bad_note("NT_PRPSINFO");
	memcpy(&info, note->bytes, sizeof(info));
	core->facts.pid = info.pr_pid;
	core->facts.parent = info.pr_ppid;
	memcpy(core->facts.comm, info.pr_fname, sizeof(info.pr_fname));
	memcpy(core->facts.command, info.pr_psargs, sizeof(info.pr_psargs));
	/* Of less than 80 bytes the kernel makes a space also of the last zero. */
	if (core->facts.command[0] && core->facts.command[strlen(core->facts.command) - 1] == ' ')
		core->facts.command[strlen(core->facts.command) - 1] = '\0';
	return NULL;
}

static void take_auxiliary(struct core *core, const struct note *note)
{
	(void)proc_auxiliary(note->bytes, note->size, AT_ENTRY, &core->facts.entry);
	(void)proc_auxiliary(note->bytes, note->size, AT_RANDOM, &core->facts.random);
}

enum {
	FILE_HEADER_WORDS = 2, /* count, size of the unit of offsets */
	FILE_ENTRY_WORDS = 3   /* start, end, offset */
};

static struct error *take_files(struct core *core, const struct note *note)
{
	const char *text, *end = (const char *)note->bytes + note->size;
	size_t count, unit, i;

	if (word_count(note) < FILE_HEADER_WORDS)
		return bad_note("NT_FILE");
	count = word_at(note, 0);
	unit = word_at(note, 1);
	if (count > (word_count(note) - FILE_HEADER_WORDS) / FILE_ENTRY_WORDS)
		return bad_note("NT_FILE");
	text = (const char *)note->bytes +
	       (FILE_HEADER_WORDS + count * FILE_ENTRY_WORDS) * sizeof(uint64_t);
	for (i = 0; i < count; i++) {
		size_t at = FILE_HEADER_WORDS + i * FILE_ENTRY_WORDS;
		size_t length = strnlen(text, (size_t)(end - text));
		struct core_range range = {
			.start = word_at(note, at),
			.end = word_at(note, at + 1),
			.path = text,
		};

		if (length == (size_t)(end - text) || range.start >= range.end ||
		    __builtin_mul_overflow(word_at(note, at + 2), unit, &range.offset))
			return bad_note("NT_FILE");
		text += length + 1;
		try_(core_range_array_append(&core->ranges, range));
	}
	return NULL;
}

static struct error *take_note(struct core *core, const struct note *note)
{
	switch (note->type) {
	case NT_PRSTATUS:
		return take_thread(core, note);
	case NT_PRPSINFO:
		return take_process(core, note);
	case NT_FILE:
		return core->ranges.count ? NULL : take_files(core, note);
	case NT_AUXV:
		take_auxiliary(core, note);
		return NULL;
	case NT_ARM_TLS:
		take_thread_pointer(core, note);
		return NULL;
	default:
		return NULL;
	}
}

/* Those of the kernel's, and not of a processor's or gdb's own. */
static bool is_known_owner(const char *name, size_t size)
{
	return (size == sizeof("CORE") && !memcmp(name, "CORE", size)) ||
	       (size == sizeof("LINUX") && !memcmp(name, "LINUX", size));
}

static struct error *read_segment(struct core *core, const GElf_Phdr *segment)
{
	Elf_Data *data = elf_getdata_rawchunk(core->elf, (int64_t)segment->p_offset,
					      segment->p_filesz, ELF_T_NHDR);
	size_t at = 0, name, description;
	GElf_Nhdr header;

	if (!data)
		return error_create(ERROR_BAD_DATA, "damaged core file: its notes");
	while (at < data->d_size) {
		const char *bytes = data->d_buf;
		struct note note;

		at = gelf_getnote(data, at, &header, &name, &description);
		if (!at)
			break;
		note = (struct note){header.n_type, (const unsigned char *)bytes + description,
				     header.n_descsz};
		if (is_known_owner(bytes + name, header.n_namesz))
			try_(take_note(core, &note));
	}
	return NULL;
}

struct error *core_read_notes(struct core *core)
{
	GElf_Phdr segment;
	size_t count, i;

	if (elf_getphdrnum(core->elf, &count))
		return error_create(ERROR_BAD_DATA, "damaged core file: its segments");
	for (i = 0; i < count; i++) {
		if (gelf_getphdr(core->elf, (int)i, &segment) && segment.p_type == PT_NOTE)
			try_(read_segment(core, &segment));
	}
	if (!core->threads.count)
		return error_create(ERROR_BAD_DATA, "the core file tells of no thread");
	return NULL;
}
