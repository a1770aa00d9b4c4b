/*
 * A growable array of one plain type, in one macro.
 *
 *	DEFINE_ARRAY(raddr_array, raddr_t)
 *	struct raddr_array list = { 0 };
 *	try_(raddr_array_append(&list, addr));
 *	... list.items[i], list.count ...
 *	raddr_array_deinit(&list);
 *
 * A zeroed array is a valid empty one. Growth doubles, so appending is linear over all.
 */
#ifndef REFTRACKER_BASE_ARRAY_H
#define REFTRACKER_BASE_ARRAY_H

#include "base/block.h"
#include "base/error.h"

/**
 * Make room for @needed items in a buffer of *@capacity items of @item_size bytes. Returns the
 * (moved) buffer, or NULL with the old buffer still valid. Freed by block_free().
 */
void *array_grow(void *items, size_t item_size, size_t needed, size_t *capacity);

#define DEFINE_ARRAY(name, type)                                                                   \
	struct name {                                                                              \
		type *items;	 /**< owned */                                                     \
		size_t count;	 /**< items in use */                                              \
		size_t capacity; /**< items allocated */                                           \
	};                                                                                         \
	_must_check_ _unused_ static inline struct error *name##_reserve(struct name *a, size_t n) \
	{                                                                                          \
		type *items;                                                                       \
		if (n <= a->capacity)                                                              \
			return NULL;                                                               \
		items = array_grow(a->items, sizeof(type), n, &a->capacity);                       \
		if (!items)                                                                        \
			return &error_no_memory;                                                   \
		a->items = items;                                                                  \
		return NULL;                                                                       \
	}                                                                                          \
	_must_check_ _unused_ static inline struct error *name##_append(struct name *a, type item) \
	{                                                                                          \
		if (a->count == a->capacity)                                                       \
			try_(name##_reserve(a, a->count + 1));                                     \
		a->items[a->count++] = item;                                                       \
		return NULL;                                                                       \
	}                                                                                          \
	/* The items, which the caller frees with free(); the array is empty then. */              \
	_must_check_ _unused_ static inline struct error *name##_take(struct name *a, type **ret)  \
	{                                                                                          \
		size_t size = a->capacity * sizeof(type);                                          \
		type *items = block_to_malloc(a->items, size, a->count * sizeof(type));            \
		if (a->items && !items)                                                            \
			return &error_no_memory;                                                   \
		*a = (struct name){0};                                                             \
		*ret = items;                                                                      \
		return NULL;                                                                       \
	}                                                                                          \
	_unused_ static inline void name##_deinit(struct name *a)                                  \
	{                                                                                          \
		block_free(a->items, a->capacity * sizeof(type));                                  \
		*a = (struct name){0};                                                             \
	}

DEFINE_ARRAY(u64_array, uint64_t)
DEFINE_ARRAY(u32_array, uint32_t)
DEFINE_ARRAY(u16_array, uint16_t)

/** Ascending, each number once. */
void u32_array_tidy(struct u32_array *array);

/** The first row of [@low, @high) of a sorted column that is not below @value; @high: none. */
static inline size_t u32_lower_bound(const uint32_t *column, size_t low, size_t high,
				     uint32_t value)
{
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (column[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

#endif
