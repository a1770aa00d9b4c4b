/*
 * A small core file, for tests and as a seed for the fuzzer: one thread, a page of data, and a file
 * of two pages of which the core has the first.
 */
#ifndef REFTRACKER_TESTS_TINY_CORE_H
#define REFTRACKER_TESTS_TINY_CORE_H

#include <elf.h>
#include <stdint.h>
#include <sys/procfs.h>

enum {
	TINY_CORE_PAGE = 4096,
	TINY_CORE_DATA = 0x10000, /**< address of the data; its bytes are 'd' */
	TINY_CORE_FILE = 0x20000, /**< address of the file; the bytes of its first page are 'f' */
	TINY_CORE_STACK = 0x1234, /**< the stack pointer */
	TINY_CORE_PID = 42,
};

struct tiny_note {
	uint32_t gap; /**< so that what follows is aligned; counts to the note before */
	Elf64_Nhdr header;
	char name[8];
};

/** The bytes of the file. A test spoils what it likes. */
struct tiny_core {
	Elf64_Ehdr elf;
	Elf64_Phdr notes, data, file;
	struct tiny_note status_note;
	struct elf_prstatus status;
	struct tiny_note process_note;
	struct elf_prpsinfo process;
	struct tiny_note auxiliary_note;
	uint64_t auxiliary[6]; /**< AT_ENTRY in the file, AT_RANDOM in the data, AT_NULL */
	struct tiny_note files_note;
	uint64_t files_head[2]; /**< count, unit of offsets */
	uint64_t range[3];	/**< start, end, offset */
	char path[64];
	unsigned char data_bytes[TINY_CORE_PAGE], file_bytes[TINY_CORE_PAGE];
};

/** Fill @ret in; the file that was mapped is called @path. */
void tiny_core_init(struct tiny_core *ret, const char *path);

#endif
