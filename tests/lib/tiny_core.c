#include "tiny_core.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void fill_note(struct tiny_note *note, uint32_t type, size_t size)
{
	note->header = (Elf64_Nhdr){
		.n_namesz = 5,
		.n_descsz = (uint32_t)(size + sizeof(note->gap)),
		.n_type = type,
	};
	memcpy(note->name, "CORE", 5);
}

static Elf64_Phdr segment(uint32_t flags, size_t offset, uint64_t address, size_t memory)
{
	return (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = offset,
		.p_vaddr = address,
		.p_filesz = TINY_CORE_PAGE,
		.p_memsz = memory,
	};
}

static void fill_header(struct tiny_core *core)
{
	memcpy(core->elf.e_ident, ELFMAG, SELFMAG);
	core->elf.e_ident[EI_CLASS] = ELFCLASS64;
	core->elf.e_ident[EI_DATA] = ELFDATA2LSB;
	core->elf.e_ident[EI_VERSION] = EV_CURRENT;
	core->elf.e_type = ET_CORE;
#if defined(__aarch64__)
	core->elf.e_machine = EM_AARCH64;
#else
	core->elf.e_machine = EM_X86_64;
#endif
	core->elf.e_version = EV_CURRENT;
	core->elf.e_phoff = offsetof(struct tiny_core, notes);
	core->elf.e_ehsize = sizeof(core->elf);
	core->elf.e_phentsize = sizeof(core->notes);
	core->elf.e_phnum = 3;
}

void tiny_core_init(struct tiny_core *ret, const char *path)
{
	memset(ret, 0, sizeof(*ret));
	fill_header(ret);
	ret->notes = (Elf64_Phdr){
		.p_type = PT_NOTE,
		.p_offset = offsetof(struct tiny_core, status_note.header),
		.p_filesz = offsetof(struct tiny_core, data_bytes) -
			    offsetof(struct tiny_core, status_note.header),
	};
	ret->data = segment(PF_R | PF_W, offsetof(struct tiny_core, data_bytes), TINY_CORE_DATA,
			    TINY_CORE_PAGE);
	ret->file = segment(PF_R | PF_X, offsetof(struct tiny_core, file_bytes), TINY_CORE_FILE,
			    2 * (size_t)TINY_CORE_PAGE);
	fill_note(&ret->status_note, NT_PRSTATUS, sizeof(ret->status));
	ret->status.pr_pid = TINY_CORE_PID;
	ret->status.pr_cursig = 11;
#if defined(__aarch64__)
	ret->status.pr_reg[31] = TINY_CORE_STACK;
#else
	ret->status.pr_reg[19] = TINY_CORE_STACK;
#endif
	fill_note(&ret->process_note, NT_PRPSINFO, sizeof(ret->process));
	ret->process.pr_pid = TINY_CORE_PID;
	(void)snprintf(ret->process.pr_psargs, sizeof(ret->process.pr_psargs), "python app.py ");
	fill_note(&ret->auxiliary_note, NT_AUXV, sizeof(ret->auxiliary));
	ret->auxiliary[0] = AT_ENTRY;
	ret->auxiliary[1] = TINY_CORE_FILE + 16;
	ret->auxiliary[2] = AT_RANDOM;
	ret->auxiliary[3] = TINY_CORE_DATA + 32;
	/* Nothing follows this one. */
	fill_note(&ret->files_note, NT_FILE,
		  sizeof(ret->files_head) + sizeof(ret->range) + sizeof(ret->path) -
			  sizeof(ret->files_note.gap));
	ret->files_head[0] = 1;
	ret->files_head[1] = 1;
	ret->range[0] = TINY_CORE_FILE;
	ret->range[1] = TINY_CORE_FILE + 2 * TINY_CORE_PAGE;
	(void)snprintf(ret->path, sizeof(ret->path), "%s", path);
	memset(ret->data_bytes, 'd', sizeof(ret->data_bytes));
	memset(ret->file_bytes, 'f', sizeof(ret->file_bytes));
}
