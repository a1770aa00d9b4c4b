/*
 * Chains of references as Python would write them: app.CACHE['u42'].history[3].
 *
 *	app                                  a module
 *	thread 4711 handler() local rows     a variable of a running frame
 *	<interpreter builtins>  <thread 4711 dict>  <static builtins.dict>
 *	<stack f>  <data lib.so:symbol>  <unexplained>  <unreached>
 *	                                     other reasons to live; those of no single place are
 *	                                     followed by the type of the object: <unexplained m.A>
 *	.name  [3]  ['key']                  attribute or member, item, value under a key
 *	.<key 'k'>  .<local x>  .<closure x>  .<native>  .<guess>  .<weak>
 *	                                     what Python has no expression for
 *	.next{12}                            the same step twelve times
 *	.<… 1000 steps …>                    the middle of a chain of very many steps that differ
 *
 * The dict in which an object keeps its attributes is no step of its own. Keys are texts where
 * the heap has their text, else the name of their type in angle brackets. Generalised, what
 * differs from one member of a crowd to the next is a star: app.SESSIONS[*].history[*].
 *
 * Texts come from the target: quotes, backslashes and control characters in them are escaped,
 * long ones shortened; they are not yet fit for a terminal where they are no valid UTF-8.
 */
#ifndef REFTRACKER_ANALYZE_PATH_H
#define REFTRACKER_ANALYZE_PATH_H

#include "analyze/reach.h"
#include "base/strtab.h"

/** From a root to an object. A zeroed one is a valid empty one. */
struct path {
	uint32_t root;	       /**< index in heap->roots; HEAP_NONE: no root reaches it */
	uint32_t start;	       /**< the object at the root */
	struct u32_array refs; /**< numbers of references, from there on */
};

void path_deinit(struct path *path);

/** The chain to @id, which must not be one that was left out. Linear in its length. */
_must_check_ struct error *path_to(const struct reach *reach, uint32_t id, struct path *ret);

/** Caller frees *@ret. Linear in the references of the objects on it. */
_must_check_ struct error *path_text(const struct heap *heap, const struct path *path, bool general,
				     char **ret);

/**
 * Where the object is in the shortest chain: the same text as by path_to() and path_text(), but a
 * very long chain is not walked from end to end. Caller frees.
 */
_must_check_ struct error *path_text_to(const struct reach *reach, uint32_t id, char **ret);

/* The parts, for those who render other things than one chain. Each appends to @to, no NUL. */

/** A root; HEAP_NONE: <unreached>. @target: its object. */
_must_check_ struct error *path_add_root(const struct heap *heap, uint32_t root, uint32_t target,
					 bool general, struct char_array *to);

/** What may be known of the source of a reference. */
enum path_context {
	PATH_PLAIN,
	PATH_NAMESPACE, /**< it is the dict in which an object keeps its attributes */
};

/** A reference on a chain. */
struct path_step {
	uint32_t source;
	uint32_t ref;
	enum path_context context;
};

/** Whether the label of a reference of @source alone makes its text, whatever its target. */
bool path_label_tells(const struct heap *heap, uint32_t source, size_t ref,
		      enum path_context context);

/** Whether they surely have the same text. Constant, so some that have it are not known. */
bool path_steps_alike(const struct heap *heap, const struct path_step *a,
		      const struct path_step *b);

/** The context of references of @id, in the chain by which it is reached. */
enum path_context path_context_to(const struct reach *reach, uint32_t id);

/**
 * One reference of @source. A reference to the dict of attributes adds nothing; what follows it
 * has context PATH_NAMESPACE.
 */
_must_check_ struct error *path_add_step(const struct heap *heap, uint32_t source, size_t ref,
					 enum path_context context, bool general,
					 struct char_array *to);

/** Whether a reference leads from an object to the dict of its attributes. */
bool path_is_namespace(const struct heap *heap, size_t ref);

/** Whether an object is such a dict, in the chain by which it is reached, or a module. */
bool path_is_namespace_dict(const struct reach *reach, uint32_t id);

/** Whether this dict's keys look as if they named members of a crowd, and not one thing each. */
bool path_is_crowd(const struct heap *heap, uint32_t dict);

/** Whether a key has a value beside it, as in a dict; the member of a set has none. */
bool path_has_value(const struct heap *heap, uint32_t source, size_t ref);

#endif
