/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <errno.h>
#include <jansson.h>

#include "base/lib.h"

#define SYMBOL(member)                                             \
	{                                                          \
		"json_" #member, offsetof(struct json_lib, member) \
	}

static int load(struct json_lib *lib, const char **ret_why)
{
	static const struct lib_symbol symbols[] = {
		SYMBOL(loadb),
		SYMBOL(delete),
		SYMBOL(object_get),
		SYMBOL(object_iter),
		SYMBOL(object_iter_next),
		SYMBOL(object_iter_key),
		SYMBOL(object_iter_value),
		SYMBOL(array_size),
		SYMBOL(array_get),
		SYMBOL(string_value),
		SYMBOL(string_length),
		SYMBOL(real_value),
		{ NULL, 0 },
	};
	struct json_lib found = { 0 };
	int r = lib->loadb ? 0 : lib_open("libjansson.so.4", symbols, &found, ret_why);

	if (r == 0 && !lib->loadb)
		*lib = found;
	return r;
}

int json_parse(struct json_lib *lib, struct str text, struct json *ret, const char **ret_why)
{
	json_error_t error;
	int r = load(lib, ret_why);
	void *value;

	if (r < 0)
		return r;
	/*
	 * A number too large for it makes libjansson refuse the whole text, and config.json of OCI
	 * writes "no limit" as 2^64 - 1.
	 */
	value = lib->loadb(text.n ? text.p : "", text.n, JSON_DECODE_INT_AS_REAL, &error);
	if (!value)
		return -EBADMSG;
	*ret = (struct json){ lib, value };
	return 0;
}

void json_release(struct json *json)
{
	if (json->value)
		json->lib->delete (json->value);
	json->value = NULL;
}

static bool is(struct json json, json_type type)
{
	return json.value && json_typeof((const json_t *)json.value) == type;
}

static struct json of(struct json whole, void *value)
{
	return (struct json){ whole.lib, value };
}

struct json json_get(struct json json, const char *key)
{
	return of(json, is(json, JSON_OBJECT) ? json.lib->object_get(json.value, key) : NULL);
}

struct json json_path(struct json json, size_t n, const char *const *keys)
{
	for (size_t i = 0; i < n; i++)
		json = json_get(json, keys[i]);
	return json;
}

size_t json_size(struct json array)
{
	return is(array, JSON_ARRAY) ? array.lib->array_size(array.value) : 0;
}

struct json json_at(struct json array, size_t index)
{
	return of(array, is(array, JSON_ARRAY) ? array.lib->array_get(array.value, index) : NULL);
}

struct str json_text(struct json json)
{
	if (!is(json, JSON_STRING))
		return STR("");
	return (struct str){ json.lib->string_value(json.value),
			     json.lib->string_length(json.value) };
}

int64_t json_i64(struct json json)
{
	const double most = 0x1p53; /* beyond, not all of them are exact */
	double value = is(json, JSON_REAL) ? json.lib->real_value(json.value) : 0;
	int64_t whole = value >= -most && value <= most ? (int64_t)value : 0;

	return (double)whole < value || (double)whole > value ? 0 : whole;
}

void json_each(struct json object, bool (*each)(void *arg, struct str key, struct json value),
	       void *arg)
{
	void *iter = is(object, JSON_OBJECT) ? object.lib->object_iter(object.value) : NULL;

	while (iter && each(arg, str_of(object.lib->object_iter_key(iter)),
			    of(object, object.lib->object_iter_value(iter))))
		iter = object.lib->object_iter_next(object.value, iter);
}
