/* SPDX-License-Identifier: Apache-2.0 */
/* What there is of JSON when it was built without: nothing can be parsed. */
#include "base/json.h"

#include <errno.h>

int json_parse(struct json_lib *lib, struct str text, struct json *ret, const char **ret_why)
{
	(void)lib;
	(void)text;
	(void)ret;
	*ret_why = "built without jansson";
	return -ENOSYS;
}

void json_release(struct json *json)
{
	(void)json;
}

struct json json_get(struct json json, const char *key)
{
	(void)key;
	return json;
}

struct json json_path(struct json json, size_t n, const char *const *keys)
{
	(void)n;
	(void)keys;
	return json;
}

size_t json_size(struct json array)
{
	(void)array;
	return 0;
}

struct json json_at(struct json array, size_t index)
{
	(void)index;
	return array;
}

struct str json_text(struct json json)
{
	(void)json;
	return STR("");
}

int64_t json_i64(struct json json)
{
	(void)json;
	return 0;
}

void json_each(struct json object, bool (*each)(void *arg, struct str key, struct json value),
	       void *arg)
{
	(void)object;
	(void)each;
	(void)arg;
}
