#include "symbols.h"

#include <string.h>

static void deinit_file(struct symbol_file *file)
{
	objfile_close(file->file);
	objfile_close(file->debug);
}

struct error *symbols_init(struct symbols *symbols, struct origin origin)
{
	*symbols = (struct symbols){.origin = origin};
	return origin_maps(origin, &symbols->maps);
}

void symbols_deinit(struct symbols *symbols)
{
	size_t i;

	for (i = 0; i < symbols->files.count; i++)
		deinit_file(&symbols->files.items[i]);
	symbol_file_array_deinit(&symbols->files);
	proc_maps_deinit(&symbols->maps);
	*symbols = (struct symbols){0};
}

/* A file that cannot be read, or is none, has no names: no error. */
static void open_files(struct origin origin, struct symbol_file *new)
{
	struct origin_roots roots;
	const char *path = new->mapping->path;
	struct error *err;
	int fd = -1;

	err = origin_open_mapping(origin, new->mapping, &fd);
	if (!err)
		err = objfile_open(fd, path, &new->file);
	error_free(err);
	if (!new->file)
		return;
	if (!(new->mapping->flags &MAPPING_WRITE ? objfile_data_bias : objfile_load_bias)(
		    new->file, new->mapping->offset, new->mapping->start, &new->bias)) {
		objfile_close(steal_ptr(new->file));
		return;
	}
	origin_roots(origin, &roots);
	error_free(objfile_open_debug(new->file, path, roots.list, &new->debug));
}

static struct error *find_file(struct symbols *symbols, const struct mapping *mapping,
			       struct symbol_file **ret)
{
	struct symbol_file new = {.mapping = mapping};
	struct error *err;
	size_t i;

	for (i = 0; i < symbols->files.count; i++) {
		*ret = &symbols->files.items[i];
		if ((*ret)->mapping == mapping)
			return NULL;
	}
	if (mapping->inode)
		open_files(symbols->origin, &new);
	err = symbol_file_array_append(&symbols->files, new);
	if (err)
		deinit_file(&new);
	else
		*ret = &symbols->files.items[symbols->files.count - 1];
	return err;
}

struct error *symbols_find_data(struct symbols *symbols, const struct mapping *mapping,
				raddr_t address, const char **ret_symbol, uint64_t *ret_offset)
{
	struct symbol_file *file;

	*ret_symbol = NULL;
	*ret_offset = address - mapping->start + mapping->offset;
	try_(find_file(symbols, mapping, &file));
	if (!file->file)
		return NULL;
	*ret_offset = address - file->bias;
	if (file->debug &&
	    objfile_data_at(file->debug, address - file->bias, ret_symbol, ret_offset))
		return NULL;
	(void)objfile_data_at(file->file, address - file->bias, ret_symbol, ret_offset);
	return NULL;
}

struct error *symbols_find(struct symbols *symbols, raddr_t pc, const char **ret_function,
			   uint64_t *ret_offset, const char **ret_path)
{
	const struct mapping *mapping = proc_maps_find(&symbols->maps, pc);
	struct symbol_file *file;

	*ret_function = NULL;
	*ret_path = "";
	*ret_offset = 0;
	if (!mapping)
		return NULL;
	*ret_path = mapping->path;
	*ret_offset = pc - mapping->start + mapping->offset;
	try_(find_file(symbols, mapping, &file));
	if (file->debug &&
	    objfile_function_at(file->debug, pc - file->bias, ret_function, ret_offset))
		return NULL;
	if (file->file)
		(void)objfile_function_at(file->file, pc - file->bias, ret_function, ret_offset);
	return NULL;
}
