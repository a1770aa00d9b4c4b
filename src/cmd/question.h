/*
 * What the commands about objects share: PID|FILE and OBJECT from the command line, as a heap with
 * references and the objects that are meant in it.
 */
#ifndef REFTRACKER_CMD_QUESTION_H
#define REFTRACKER_CMD_QUESTION_H

#include "analyze/dominators.h"
#include "analyze/reach.h"
#include "cmd/source.h"

struct question {
	struct heap *heap;	  /**< owned */
	struct u32_array objects; /**< those that OBJECT names; none where there is no OBJECT */
	const char *object;	  /**< OBJECT as it was written; borrowed, NULL: not given */
};

enum question_needs {
	QUESTION_OBJECT, /**< exactly one OBJECT must be given; the first it names is meant */
	QUESTION_OBJECT_OR_NOTHING
};

/**
 * Where several objects are named and one is meant, standard error says so. ERROR_USAGE for other
 * arguments than needed; the errors of source_open() and select_objects().
 */
_must_check_ struct error *question_open(const struct command_context *context,
					 const struct capture_values *values,
					 enum question_needs needs, struct question *ret);
void question_deinit(struct question *question);

#endif
