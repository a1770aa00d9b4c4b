/*
 * Names of native functions: what is mapped where, and the symbols of these files and of their
 * separate debug files. Private to the capture layer.
 */
#ifndef REFTRACKER_CAPTURE_SYMBOLS_H
#define REFTRACKER_CAPTURE_SYMBOLS_H

#include "objfile/objfile.h"
#include "target/origin.h"

/** A file that code is mapped from. */
struct symbol_file {
	const struct mapping *mapping; /**< of code; borrowed from symbols.maps */
	struct objfile *file, *debug;  /**< owned; NULL where there is none */
	uint64_t bias;
};

DEFINE_ARRAY(symbol_file_array, struct symbol_file)

struct symbols {
	struct origin origin;
	struct proc_maps maps;
	struct symbol_file_array files; /**< looked at so far */
};

_must_check_ struct error *symbols_init(struct symbols *symbols, struct origin origin);
void symbols_deinit(struct symbols *symbols);

/**
 * The function and the file at @pc. *@ret_function is NULL where no symbol holds it, *@ret_path ""
 * where nothing is mapped; then *@ret_offset is that in the file. Borrowed.
 */
_must_check_ struct error *symbols_find(struct symbols *symbols, raddr_t pc,
					const char **ret_function, uint64_t *ret_offset,
					const char **ret_path);

/**
 * The variable at @address in the data of the file of @mapping (which is one of symbols->maps).
 * *@ret_symbol is NULL where no symbol holds it; then *@ret_offset is the link-time address.
 * Borrowed.
 */
_must_check_ struct error *symbols_find_data(struct symbols *symbols, const struct mapping *mapping,
					     raddr_t address, const char **ret_symbol,
					     uint64_t *ret_offset);

#endif
