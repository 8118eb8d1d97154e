/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/types.h"

#include <ctype.h>

#include "base/buf.h"
#include "base/cleanup.h"

/* Of how many constants in a hundred a prefix must be, to be cut. The rest are limits and flags. */
enum { PREFIX_PERCENT = 80, ENUM_MAX = 1024 };

struct str types_name(const struct types *types, uint32_t offset)
{
	const char *name = types->lib->btf__name_by_offset(types->btf, offset);

	return name ? str_of(name) : STR("");
}

size_t types_tags(const struct types *types, uint32_t id, int member, struct arena *arena,
		  struct str **ret)
{
	uint32_t count = types->lib->btf__type_cnt(types->btf);
	struct str *tags = NULL;
	size_t n = 0;

	for (uint32_t i = 1; i < count; i++) {
		const struct btf_type *t = types->lib->btf__type_by_id(types->btf, i);

		if (!btf_is_decl_tag(t) || t->type != id ||
		    btf_decl_tag(t)->component_idx != member)
			continue;
		tags = arena_grow(arena, tags, n, sizeof(*tags));
		tags[n++] = types_name(types, t->name_off);
	}
	*ret = tags;
	return n;
}

const struct btf_type *types_resolve(const struct types *types, uint32_t id, struct str *ret_name)
{
	const struct btf_type *t = types->lib->btf__type_by_id(types->btf, id);

	/* A cycle of typedefs is refused by libbpf when it opens the object. */
	while (t && (btf_is_mod(t) || btf_is_typedef(t))) {
		if (btf_is_typedef(t) && ret_name && !ret_name->n)
			*ret_name = types_name(types, t->name_off);
		t = types->lib->btf__type_by_id(types->btf, t->type);
	}
	return t;
}

uint32_t types_map_member(const struct types *types, const char *map, const char *name)
{
	int id = types->lib->btf__find_by_name_kind(types->btf, map, BTF_KIND_VAR);
	const struct btf_type *t =
		id > 0 ? types->lib->btf__type_by_id(types->btf, (uint32_t)id) : NULL;

	t = t ? types_resolve(types, t->type, NULL) : NULL;
	if (!t || !btf_is_struct(t))
		return 0;
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const struct btf_type *pointer;

		if (!str_eq(types_name(types, m->name_off), str_of(name)))
			continue;
		pointer = types_resolve(types, m->type, NULL);
		return pointer && btf_is_ptr(pointer) ? pointer->type : 0;
	}
	return 0;
}

static struct str array_decoder(const struct types *types, const struct btf_array *array)
{
	struct str name = { 0 };
	const struct btf_type *element = types_resolve(types, array->type, &name);

	if (!element || !btf_is_int(element))
		return STR("hex");
	if (element->size == 8)
		return STR("kstack");
	if (element->size != 1)
		return STR("hex");
	if (btf_int_encoding(element) & (BTF_INT_CHAR | BTF_INT_SIGNED))
		return STR("string");
	return array->nelems == 4 || array->nelems == 16 ? STR("inet_ip") : STR("hex");
}

struct str types_decoder(const struct types *types, uint32_t id, struct arena *arena)
{
	struct str name = { 0 };
	const struct btf_type *t = types_resolve(types, id, &name);

	if (!t)
		return STR("hex");
	if (str_eq(name, STR("__be16")))
		return STR("be");
	if (str_eq(name, STR("__be32")))
		return STR("inet_ip");
	if (btf_is_any_enum(t))
		return ARENA_CONCAT(arena, STR("enum:"), types_name(types, t->name_off));
	if (btf_is_array(t))
		return array_decoder(types, btf_array(t));
	if (!btf_is_int(t) || t->size > 8)
		return STR("hex");
	return btf_int_encoding(t) & BTF_INT_SIGNED ? STR("int") : STR("uint");
}

struct constant {
	struct str name;
	int64_t value;
};

static size_t constants_of(const struct libbpf *lib, const struct btf *btf, const char *name,
			   struct constant *out)
{
	int id = lib->btf__find_by_name_kind(btf, name, BTF_KIND_ENUM);
	const struct btf_type *t;
	size_t n = 0;

	if (id <= 0)
		id = lib->btf__find_by_name_kind(btf, name, BTF_KIND_ENUM64);
	if (id <= 0)
		return 0;
	t = lib->btf__type_by_id(btf, (uint32_t)id);
	for (uint32_t i = 0; i < btf_vlen(t) && n < ENUM_MAX; i++) {
		bool wide = btf_is_enum64(t);
		uint32_t offset = wide ? btf_enum64(t)[i].name_off : btf_enum(t)[i].name_off;
		const char *word = lib->btf__name_by_offset(btf, offset);

		if (word)
			out[n++] = (struct constant){
				str_of(word),
				wide ? (int64_t)btf_enum64_value(&btf_enum64(t)[i])
				     : btf_enum(t)[i].val,
			};
	}
	return n;
}

static size_t sharing(const struct constant *v, size_t n, struct str prefix)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += v[i].name.n > prefix.n && str_starts(v[i].name, prefix);
	return count;
}

/* The longest beginning up to a '_' that nearly all have. */
static struct str common_prefix(const struct constant *v, size_t n)
{
	struct str best = STR("");

	for (size_t i = 0; i < n; i++) {
		for (size_t end = best.n + 1; end < v[i].name.n; end++) {
			struct str prefix = { v[i].name.p, end };

			if (prefix.p[end - 1] == '_' &&
			    sharing(v, n, prefix) * 100 >= n * PREFIX_PERCENT)
				best = prefix;
		}
	}
	return n > 1 ? best : STR("");
}

struct str types_enum(const struct types *types, struct str name, bool whole, struct arena *arena)
{
	struct constant *v = arena_zalloc(arena, ENUM_MAX, sizeof(*v));
	const char *word = arena_cstr(arena, name);
	_cleanup_buf_ struct buf out = { 0 };
	struct str prefix;
	size_t n = types->kernel ? constants_of(types->lib, types->kernel, word, v) : 0;

	if (!n)
		n = constants_of(types->lib, types->btf, word, v);
	if (!n)
		return STR("");
	prefix = whole ? STR("") : common_prefix(v, n);
	buf_cstr(&out, "map:");
	for (size_t i = 0; i < n; i++) {
		struct str rest = v[i].name;

		if (str_starts(rest, prefix))
			rest = str_skip(rest, prefix.n);
		buf_printf(&out, "%s%lld=", i ? "," : "", (long long)v[i].value);
		for (size_t j = 0; j < rest.n; j++)
			buf_char(&out, whole ? rest.p[j] : (char)tolower((unsigned char)rest.p[j]));
	}
	return arena_str(arena, buf_view(&out));
}
