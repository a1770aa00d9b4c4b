/*
 * Layouts of interpreters without debug information: tables that scripts/gen-layouts made with
 * layout_add_dwarf() from real builds. Nothing in them is typed by hand.
 */
#include "python/layout.h"

struct table_place {
	int32_t offset;
	uint32_t size;
	int32_t reported_at;
};

struct layout_table {
	const char *name;     /**< where it comes from: "trixie 3.13.5" */
	uint32_t first, last; /**< versions for which it was measured, both included */
	enum py_flavour flavour;
	uint32_t runtime_size; /**< bytes of _PyRuntimeState: part of the key */
	struct table_place places[PY_FIELD_COUNT];
};

static const struct layout_table tables[] = {
#include "layout_tables.inc"
};

/* How far @version is from what the table was measured for: 0 exact, older tables before newer. */
static uint64_t distance(const struct layout_table *table, uint32_t version)
{
	if (version > table->last)
		return version - table->last;
	if (version < table->first)
		return (UINT64_C(1) << 32) + table->first - version;
	return 0;
}

static const struct layout_table *find_table(uint32_t version, enum py_flavour flavour,
					     uint64_t runtime_size)
{
	const struct layout_table *best = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct layout_table *table = &tables[i];

		if (table->flavour != flavour || table->runtime_size != runtime_size ||
		    version_minor(table->first) != version_minor(version))
			continue;
		if (!best || distance(table, version) < distance(best, version))
			best = table;
	}
	return best;
}

static void take_table(struct py_layout *layout, const struct layout_table *table)
{
	size_t i;

	for (i = 0; i < PY_FIELD_COUNT; i++) {
		const struct table_place *from = &table->places[i];
		struct py_place *place = &layout->places[i];

		if (place->reported_at < 0)
			place->reported_at = from->reported_at;
		if (place->offset != PY_UNKNOWN || from->offset == PY_UNKNOWN)
			continue;
		place->offset = from->offset;
		place->size = from->size;
		place->source = PY_SOURCE_BUILTIN;
	}
}

static bool add_table(struct py_layout *layout, const struct layout_table *table, uint32_t version)
{
	if (!table)
		return false;
	take_table(layout, table);
	layout->builtin_name = table->name;
	layout->builtin_exact = distance(table, version) == 0;
	return true;
}

bool layout_add_builtin(struct py_layout *layout, uint32_t version, enum py_flavour flavour,
			uint64_t runtime_size)
{
	return add_table(layout, find_table(version, flavour, runtime_size), version);
}

/* Does the process report what the table says, but for the size of _PyRuntime? */
static bool is_alike(const struct layout_table *table, struct image *image, raddr_t runtime)
{
	_cleanup_error_ struct error *err = NULL;
	struct py_layout layout;
	unsigned int mismatches;

	if (table->places[PY_RUNTIME].reported_at < 0)
		return false;
	layout_init(&layout);
	take_table(&layout, table);
	err = layout_add_reported(&layout, image, runtime, &mismatches);
	return !err && mismatches == (py_size(&layout, PY_RUNTIME) != table->runtime_size);
}

bool layout_add_alike(struct py_layout *layout, uint32_t version, enum py_flavour flavour,
		      struct image *image, raddr_t runtime)
{
	const struct layout_table *best = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		const struct layout_table *table = &tables[i];

		if (table->flavour == flavour &&
		    version_minor(table->first) == version_minor(version) &&
		    (!best || distance(table, version) < distance(best, version)) &&
		    is_alike(table, image, runtime))
			best = table;
	}
	layout->builtin_alike = best;
	return add_table(layout, best, version);
}
