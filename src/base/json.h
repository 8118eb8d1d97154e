/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON, read by libjansson, which is loaded when it is first needed. It refuses what is not UTF-8
 * and strings with a NUL in them. A value of another kind than the one that is asked for, and
 * whatever is below it, is empty: who reads an answer needs no checks on the way.
 */
#pragma once

#include "base/arena.h"

/* Its functions. Zeroed to start with. */
struct json_lib {
	void *(*loadb)(const char *text, size_t size, size_t flags, void *error);
	void (*delete)(void *value);
	void *(*object_get)(const void *object, const char *key);
	void *(*object_iter)(void *object);
	void *(*object_iter_next)(void *object, void *iter);
	const char *(*object_iter_key)(void *iter);
	void *(*object_iter_value)(void *iter);
	size_t (*array_size)(const void *array);
	void *(*array_get)(const void *array, size_t index);
	const char *(*string_value)(const void *string);
	size_t (*string_length)(const void *string);
	double (*real_value)(const void *real);
};

struct json {
	struct json_lib *lib;
	void *value; /* NULL: there is nothing */
};

/*
 * Parses the text. 0; -EBADMSG; -ENOENT or -ENOSYS when there is no library, with ret_why in
 * words (static). json_release() when done.
 */
int json_parse(struct json_lib *lib, struct str text, struct json *ret, const char **ret_why);
void json_release(struct json *json);

/* A member of an object. */
struct json json_get(struct json json, const char *key);
/* Member of member: { "State", "Health" }. */
#define JSON_PATH(json, ...)                                                                   \
	json_path((json), sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *), \
		  (const char *const[]){ __VA_ARGS__ })
struct json json_path(struct json json, size_t n, const char *const *keys);
size_t json_size(struct json array);
struct json json_at(struct json array, size_t index);
/* The text of a string, else empty. NUL-ended; lives as long as the whole. */
struct str json_text(struct json json);
/* A number without a fraction and of at most 2^53, else 0. */
int64_t json_i64(struct json json);
/* Calls `each` for every member of an object, until it says false. */
void json_each(struct json object, bool (*each)(void *arg, struct str key, struct json value),
	       void *arg);
