#include "linetable.h"

#include "python/frames.h"

/* Larger tables would belong to more instructions than CPython can compile. */
#define LARGEST_TABLE (UINT64_C(1) << 30)

/* The table, byte by byte: read in pieces, because most questions end early. */
struct line_cursor {
	struct image *image;
	raddr_t address; /**< of the next piece */
	uint64_t left;	 /**< bytes not yet in the piece */
	size_t size, next;
	unsigned char piece[256];
};

static bool fill(struct line_cursor *cursor)
{
	size_t size = sizeof(cursor->piece);

	if (cursor->left < size)
		size = (size_t)cursor->left;
	if (!size || !image_read(cursor->image, cursor->address, cursor->piece, size))
		return false;
	cursor->address += size;
	cursor->left -= size;
	cursor->size = size;
	cursor->next = 0;
	return true;
}

static bool peek_byte(struct line_cursor *cursor, unsigned int *ret)
{
	if (cursor->next == cursor->size && !fill(cursor))
		return false;
	*ret = cursor->piece[cursor->next];
	return true;
}

static bool next_byte(struct line_cursor *cursor, unsigned int *ret)
{
	if (!peek_byte(cursor, ret))
		return false;
	cursor->next++;
	return true;
}

static int64_t as_signed(unsigned int byte)
{
	return byte < 0x80 ? (int64_t)byte : (int64_t)byte - 0x100;
}

/* A range of instructions [.., end) and its line. */
struct line_range {
	int64_t end; /**< bytes */
	int64_t computed;
	int64_t line; /**< computed, or PY_LINE_NONE */
};

/*
 * Objects/lnotab_notes.txt (3.8, 3.9): pairs of how far the address and then the line goes on. The
 * line of an address is the sum of all steps up to it.
 */
static bool find_in_lnotab(struct line_cursor *cursor, int64_t offset, int64_t *line)
{
	uint64_t pairs = cursor->left / 2;
	unsigned int step, lines;
	int64_t address = 0;

	for (; pairs; pairs--) {
		if (!next_byte(cursor, &step) || !next_byte(cursor, &lines))
			return false;
		address += step;
		if (address > offset)
			break;
		*line += as_signed(lines);
	}
	return true;
}

/* Objects/lnotab_notes.txt (3.10): each pair is a range, -128 means that it has no line. */
static bool next_pair(struct line_cursor *cursor, struct line_range *range)
{
	unsigned int step, lines;

	if (!next_byte(cursor, &step) || !next_byte(cursor, &lines))
		return false;
	range->end += step;
	if (lines != 0x80)
		range->computed += as_signed(lines);
	range->line = lines != 0x80 ? range->computed : PY_LINE_NONE;
	return true;
}

/* ORDER PyCodeLocationInfoKind (Include/internal/pycore_code.h, 3.11+). */
enum {
	LOCATION_LINE0 = 10,
	LOCATION_LINE2 = 12,
	LOCATION_NO_COLUMNS = 13,
	LOCATION_LONG = 14,
	LOCATION_NONE = 15
};

/* Six bits a byte, the lowest first; the lowest of all is the sign. */
static bool next_signed(struct line_cursor *cursor, int64_t *ret)
{
	unsigned int byte, shift = 0;
	uint64_t value = 0;

	do {
		/* CPython's are 32 bits wide; more is damage. */
		if (!next_byte(cursor, &byte) || byte & 0x80 || shift > 30)
			return false;
		value |= (uint64_t)(byte & 0x3f) << shift;
		shift += 6;
	} while (byte & 0x40);
	*ret = value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
	return true;
}

/* The first byte of an entry has its highest bit set, the others have not. */
static void skip_columns(struct line_cursor *cursor)
{
	unsigned int byte;

	while (peek_byte(cursor, &byte) && !(byte & 0x80))
		cursor->next++;
}

/* Objects/locations.md (3.11+): 1 to 8 code units of 2 bytes, a kind, the line, the columns. */
static bool next_location(struct line_cursor *cursor, struct line_range *range)
{
	unsigned int first, kind;
	int64_t lines = 0;

	if (!next_byte(cursor, &first) || !(first & 0x80))
		return false;
	kind = (first >> 3) & 0xf;
	if (kind == LOCATION_NO_COLUMNS || kind == LOCATION_LONG) {
		if (!next_signed(cursor, &lines))
			return false;
	} else if (kind >= LOCATION_LINE0 && kind <= LOCATION_LINE2) {
		lines = kind - LOCATION_LINE0;
	}
	skip_columns(cursor);
	range->end += ((int64_t)(first & 7) + 1) * 2;
	range->computed += lines;
	range->line = kind == LOCATION_NONE ? PY_LINE_NONE : range->computed;
	return true;
}

static bool find_in_ranges(struct line_cursor *cursor, bool pairs, int64_t offset, int64_t *line)
{
	struct line_range range = {.computed = *line, .line = PY_LINE_NONE};

	while (range.end <= offset) {
		if (pairs ? !next_pair(cursor, &range) : !next_location(cursor, &range))
			return false;
	}
	*line = range.line;
	return true;
}

bool line_find(struct image *image, const struct line_table *table, int64_t offset, int64_t *ret)
{
	struct line_cursor cursor = {
		.image = image,
		.address = table->address,
		.left = table->size,
	};
	int64_t line = table->first_line;

	if (offset >= 0) {
		bool found;

		if (table->size > LARGEST_TABLE)
			return false;
		found = table->format == PY_LINES_LNOTAB
				? find_in_lnotab(&cursor, offset, &line)
				: find_in_ranges(&cursor, table->format == PY_LINES_PAIRS, offset,
						 &line);
		if (!found)
			return false;
	}
	*ret = line < 0 ? PY_LINE_NONE : line;
	return true;
}
