/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers and files of container runtimes. Whatever they say, texts are UTF-8 of a bounded length,
 * labels legal and each there once, and paths absolute.
 * Input: the first byte chooses the form, the rest is JSON.
 * runner: -runs=200000
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "collect/container/known.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ID "044049f0030a89ae2bd6a89e558d813bafda78a809464b64b1b91db7fd12ee5d"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_text(struct str text)
{
	must(text.n <= KNOWN_TEXT_MAX && str_utf8_valid(text));
}

static void must_be_path(struct str path)
{
	must(!path.n || (path.p[0] == '/' && strlen(path.p) == path.n));
	must(!path.n || !memmem(path.p, path.n, "/../", 4));
}

static void must_be_fit(const struct known *known)
{
	must_be_text(known->name);
	must_be_text(known->image);
	must_be_text(known->pod);
	must_be_text(known->namespace);
	must_be_text(known->inner);
	must_be_path(known->layer);
	must_be_path(known->watch);
	must(known->health >= -1 && known->health <= 1);
	must(known->created_ns >= 0 && known->started_ns >= 0 && known->pid <= INT32_MAX);
	must(known->n_label <= KNOWN_LABELS_MAX);
	for (size_t i = 0; i < known->n_label; i++) {
		must(label_name_valid(known->label[i].name) && known->label[i].value.n);
		must_be_text(known->label[i].value);
		for (size_t k = 0; k < i; k++)
			must(!str_eq(known->label[i].name, known->label[k].name));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena arena = { 0 };
	struct str all = STR("*");
	struct cgroup_conf conf = { .labels = { 1, &all } };
	struct known_maker maker = { &arena, &conf };
	struct known known = { .health = -1 };
	struct json_lib lib = { 0 };
	struct json json;
	const char *why;

	if (!size ||
	    json_parse(&lib, (struct str){ (const char *)data + 1, size - 1 }, &json, &why))
		return 0;
	switch (data[0] % 5) {
	case 0:
		(void)known_docker_api(&maker, json, STR(ID), &known);
		break;
	case 1:
		(void)known_docker_file(&maker, json, STR(ID), &known);
		break;
	case 2:
		(void)known_oci(&maker, json, &known);
		break;
	case 3:
		(void)known_storage(&maker, json, STR(ID), &known);
		break;
	default:
		for (size_t i = 0; i < json_size(json); i++)
			(void)known_refresh(&maker, json_at(json, i), &known);
	}
	must_be_fit(&known);
	json_release(&json);
	return 0;
}
