/*
 * Small heaps for tests, from a sketch in words:
 *
 *	tiny_heap("root:app app.CACHE->d:builtins.dict:64 d['k']->a:app.A:32 a[]->b b~a")
 *
 *	root:X          X is a root of kind module with the name X
 *	local:X         X is a root of kind frame, a variable called X
 *	held:X          X is counted once more than anything here explains
 *	limit:N:X       X says that it holds N at most
 *	X:TYPE:SIZE     type and shallow size of X, anywhere X is named; else "t.X" and 16 bytes
 *	X->Y            a native reference          X~Y   a weak one
 *	X.name->Y       an attribute                X[]->Y   the next item
 *	X['k']->Y       a value under the key 'k': a reference to a str object k, then one to Y
 *
 * Names are letters, digits and '_'. Objects get ascending addresses from 0x1000, 16 bytes
 * apart, in the order in which they are first named, so their ids are 0, 1, 2 ... in that order;
 * all are tracked, on one list. Reference counts are those of the strong references and roots.
 */
#ifndef REFTRACKER_TESTS_TINY_HEAP_H
#define REFTRACKER_TESTS_TINY_HEAP_H

#include "heap/heap.h"

/** Make it. A sketch that cannot be read fails the test. The caller destroys it. */
struct heap *tiny_heap(const char *sketch);

/** The id of the object called @name in @sketch. */
uint32_t tiny_id(const char *sketch, const char *name);

#endif
