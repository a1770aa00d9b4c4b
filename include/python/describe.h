/*
 * An object in a few words, for people.
 */
#ifndef REFTRACKER_PYTHON_DESCRIBE_H
#define REFTRACKER_PYTHON_DESCRIBE_H

#include "python/view.h"

enum {
	DESCRIBE_TYPE = 2048, /**< bytes for the name of a type */
	DESCRIBE_VALUE = 256, /**< bytes for a value */
};

/** module.qualname of the object's type. False where it cannot be read. */
bool python_describe_type(struct py_view *view, raddr_t object, char *type, size_t size);

typedef bool python_describe_fn(struct py_view *view, raddr_t object, char *value, size_t size);

/** What python_describe_value() does for all objects of @type; NULL: nothing, or it is None. */
python_describe_fn *python_describer(const char *type);

/**
 * The value of a number, a str, bytes, a bytearray or None as Python writes it, what is longer than
 * 60 bytes cut off with "...". @type: of the object, as python_describe_type() says. False for all
 * other types, and for whole numbers of more than some 1,400 digits.
 */
bool python_describe_value(struct py_view *view, raddr_t object, const char *type, char *value,
			   size_t size);

/**
 * What a function, method, generator, coroutine or asynchronous generator (__qualname__), a module
 * or a class (module.qualname) is called; the start of a name that is too long. @type: as above.
 * False for all else, and where it cannot be read.
 */
bool python_describe_name(struct py_view *view, raddr_t object, const char *type, char *name,
			  size_t size);

#endif
