/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of the answers and files of each runtime, as they are in tests/fixtures/runtimes. */
#include <errno.h>

#include "unit.h"

#include "collect/container/known.h"

#define DOCKER "044049f0030a89ae2bd6a89e558d813bafda78a809464b64b1b91db7fd12ee5d"
#define PODMAN "06efb7ad36fd00a6bbfa2c5b44cd1803738a791a5a864e9bd3b75c2e61502ba8"
#define LAYER "3578108a3b9173b5f5d6a6de36d1ca13314f04a3360e23e7c0024ef67ad6ad56"
#define FOUR(text) text text text text
#define CRIO FOUR("0123456789abcdef")
#define CRIO_SANDBOX FOUR("fedcba9876543210")
#define CRIO_LAYER FOUR("9a9a9a9a9a9a9a9a")
#define UID "1c4a3c5e-7d1b-4d53-9f0a-2b8c0d9e1f22"

struct scene {
	struct arena arena;
	struct json_lib lib;
	struct str pattern;
	struct cgroup_conf conf;
	struct known_maker maker;
	struct known known;
};

static void start(struct scene *scene, const char *labels)
{
	*scene = (struct scene){ .pattern = str_of(labels), .known.health = -1 };
	scene->conf.labels = (struct opt_list){ labels != NULL, &scene->pattern };
	scene->maker = (struct known_maker){ &scene->arena, &scene->conf };
}

static struct json parse(struct scene *scene, struct str text)
{
	const char *why = "";
	struct json json = { 0 };

	if (json_parse(&scene->lib, text, &json, &why) < 0)
		fail_msg("no JSON: %.200s", text.p);
	return json;
}

static struct json fixture(struct scene *scene, const char *name)
{
	const char *top = getenv("top_srcdir");
	struct str path = arena_printf(&scene->arena, "%s/tests/fixtures/runtimes/%s",
				       top ? top : ".", name),
		   text;

	assert_int_equal(file_read(AT_FDCWD, path.p, 1 << 20, &scene->arena, &text), 0);
	return parse(scene, text);
}

static void stop(struct scene *scene, struct json *json)
{
	json_release(json);
	arena_release(&scene->arena);
}

static void test_docker_api(void **state)
{
	struct scene s;
	struct json json;

	(void)state;
	start(&s, "*");
	json = fixture(&s, "docker-inspect.json");
	assert_int_equal(known_docker_api(&s.maker, json, STR(PODMAN), &s.known), -EBADMSG);
	assert_int_equal(known_docker_api(&s.maker, json, STR(DOCKER), &s.known), 0);
	assert_text(s.known.name, "web1");
	assert_text(s.known.image, "local/bb:1");
	assert_text(s.known.pod, "");
	assert_text(s.known.inner, "");
	assert_text(s.known.layer,
		    "/var/lib/docker/overlay2/"
		    "05fdb3afc07d7982a25a4facb8d93e071de74afc5923c156aba988971b67d369/diff");
	assert_text(s.known.watch, "/var/lib/docker/containers/" DOCKER "/config.v2.json");
	assert_false(s.known.sandbox);
	assert_int_equal(s.known.health, 1);
	assert_int_equal(s.known.pid, 6412);
	assert_int_equal(s.known.created_ns, 1795271128513009048);
	assert_int_equal(s.known.started_ns, 1795271128880285564);
	assert_int_equal(s.known.n_label, 2);
	assert_text(s.known.label[0].name, "container_label_com_example_team");
	assert_text(s.known.label[0].value, "a/b");
	assert_text(s.known.label[1].name, "container_label_weird_label");
	assert_text(s.known.label[1].value, "x \"y\"\nz");
	stop(&s, &json);
}

static void test_docker_file(void **state)
{
	struct scene s;
	struct json json;

	(void)state;
	start(&s, "com.*.team");
	json = fixture(&s, "docker-config.v2.json");
	assert_int_equal(known_docker_file(&s.maker, json, STR(CRIO), &s.known), -EBADMSG);
	assert_int_equal(known_docker_file(&s.maker, json, STR(DOCKER), &s.known), 0);
	assert_text(s.known.name, "web1");
	assert_text(s.known.image, "local/bb:1");
	assert_int_equal(s.known.health, 1);
	assert_int_equal(s.known.pid, 6412);
	assert_int_equal(s.known.started_ns, 1795271128880285564);
	assert_int_equal(s.known.n_label, 1);
	assert_text(s.known.label[0].value, "a/b");
	stop(&s, &json);
}

static void test_podman_api(void **state)
{
	struct scene s;
	struct json json;

	(void)state;
	start(&s, NULL);
	json = fixture(&s, "podman-inspect.json");
	assert_int_equal(known_docker_api(&s.maker, json, STR(PODMAN), &s.known), 0);
	assert_text(s.known.name, "pod2");
	assert_text(s.known.image, "localhost/local/bb:1");
	assert_text(s.known.layer, "/var/lib/containers/storage/overlay/" LAYER "/diff");
	assert_text(s.known.watch,
		    "/var/lib/containers/storage/overlay-containers/containers.json");
	assert_int_equal(s.known.health, -1);
	assert_int_equal(s.known.pid, 8131);
	/* 14:26:22.9 an hour east of Greenwich. */
	assert_int_equal(s.known.started_ns, 1795271182900000000 - INT64_C(3600000000000));
	assert_int_equal(s.known.n_label, 0);
	stop(&s, &json);
}

static void test_podman_files(void **state)
{
	struct scene s;
	struct known bundle = { 0 };
	struct json json;

	(void)state;
	start(&s, "*");
	json = fixture(&s, "podman-containers.json");
	assert_int_equal(known_storage(&s.maker, json, STR(DOCKER), &s.known), -ENOENT);
	assert_int_equal(known_storage(&s.maker, json, STR(PODMAN), &s.known), 0);
	json_release(&json);
	/* The name that it was given later, not that of its creation. */
	assert_text(s.known.name, "pod2");
	assert_text(s.known.image, "localhost/local/bb:1");
	assert_int_equal(s.known.created_ns, 1795271182654025734);
	json = fixture(&s, "podman-config.json");
	assert_int_equal(known_oci(&s.maker, json, &bundle), 0);
	known_merge(&s.known, &bundle);
	assert_text(s.known.name, "pod2");
	assert_text(s.known.pod, "");
	assert_false(s.known.sandbox);
	assert_int_equal(s.known.created_ns, 1795271182654025734);
	stop(&s, &json);
}

static void test_containerd(void **state)
{
	struct scene s;
	struct json json;

	(void)state;
	start(&s, NULL);
	json = fixture(&s, "containerd-config.json");
	assert_int_equal(known_oci(&s.maker, json, &s.known), 0);
	assert_text(s.known.image, "docker.io/library/nginx:1.25");
	assert_text(s.known.pod, "web-0");
	assert_text(s.known.namespace, "shop");
	assert_text(s.known.inner, "nginx");
	assert_false(s.known.sandbox);
	json_release(&json);
	s.known = (struct known){ 0 };
	json = fixture(&s, "containerd-sandbox.json");
	assert_int_equal(known_oci(&s.maker, json, &s.known), 0);
	assert_text(s.known.pod, "web-0");
	assert_text(s.known.inner, "POD");
	assert_true(s.known.sandbox);
	stop(&s, &json);
}

static void test_crio(void **state)
{
	struct scene s;
	struct known bundle = { 0 };
	struct json json;

	(void)state;
	start(&s, "io.kubernetes.pod.*");
	json = fixture(&s, "crio-containers.json");
	assert_int_equal(known_storage(&s.maker, json, STR(CRIO_SANDBOX), &s.known), 0);
	assert_text(s.known.image, "registry.k8s.io/pause:3.9");
	s.known = (struct known){ 0 };
	assert_int_equal(known_storage(&s.maker, json, STR(CRIO), &s.known), 0);
	json_release(&json);
	json = fixture(&s, "crio-config.json");
	assert_int_equal(known_oci(&s.maker, json, &bundle), 0);
	known_merge(&s.known, &bundle);
	assert_text(s.known.name, "k8s_db_db-0_shop_" UID "_0");
	assert_text(s.known.image, "quay.io/shop/db:7");
	assert_text(s.known.pod, "db-0");
	assert_text(s.known.namespace, "shop");
	assert_text(s.known.inner, "db");
	assert_int_equal(s.known.created_ns, 1795161600250000000);
	/* Out of the labels that are JSON within JSON. */
	assert_int_equal(s.known.n_label, 3);
	assert_text(s.known.label[0].name, "container_label_io_kubernetes_pod_name");
	stop(&s, &json);
}

static void test_refresh(void **state)
{
	static const struct str texts[] = {
		STR("{\"Names\":[\"/other/alias\",\"/web2\"],\"Status\":\"Up 2 minutes "
		    "(unhealthy)\"}"),
		STR("{\"Names\":[\"/web2\"],\"Status\":\"Up 2 seconds (health: starting)\"}"),
		STR("{\"Names\":[],\"Status\":7}"),
	};
	struct scene s;
	struct json json;

	(void)state;
	start(&s, NULL);
	s.known.name = STR("web1");
	json = fixture(&s, "docker-list.json");
	assert_true(known_refresh(&s.maker, json_at(json, 0), &s.known));
	assert_int_equal(s.known.health, 1);
	assert_false(known_refresh(&s.maker, json_at(json, 0), &s.known));
	json_release(&json);
	json = parse(&s, texts[0]);
	assert_true(known_refresh(&s.maker, json, &s.known));
	assert_text(s.known.name, "web2");
	assert_int_equal(s.known.health, 0);
	json_release(&json);
	json = parse(&s, texts[1]);
	assert_false(known_refresh(&s.maker, json, &s.known));
	json_release(&json);
	json = parse(&s, texts[2]);
	assert_false(known_refresh(&s.maker, json, &s.known));
	assert_text(s.known.name, "web2");
	assert_int_equal(s.known.health, 0);
	stop(&s, &json);
}

static void test_lies(void **state)
{
	static const char *const texts[] = {
		"[]",
		"[7]",
		"{\"Id\":7}",
		"{\"Id\":\"" DOCKER "\",\"Name\":[1],\"State\":[],\"Config\":{\"Labels\":[\"a\"]}}",
		"{\"Id\":\"" DOCKER
		"\",\"State\":{\"Pid\":-1},\"HostnamePath\":\"/a/../b/hostname\","
		"\"GraphDriver\":{\"Data\":{\"UpperDir\":\"relative\"}}}",
		"{\"Id\":\"" DOCKER "\",\"State\":{\"Pid\":4294967297},\"Created\":\"yesterday\"}",
	};
	struct scene s;
	struct json json;

	(void)state;
	start(&s, "*");
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		s.known = (struct known){ .health = -1 };
		json = parse(&s, str_of(texts[i]));
		assert_int_equal(known_docker_api(&s.maker, json, STR(DOCKER), &s.known),
				 i < 3 ? -EBADMSG : 0);
		assert_text(s.known.name, "");
		assert_text(s.known.layer, "");
		assert_text(s.known.watch, "");
		assert_int_equal(s.known.pid, 0);
		assert_int_equal(s.known.created_ns, 0);
		assert_int_equal(s.known.n_label, 0);
		assert_int_equal(known_storage(&s.maker, json, STR(DOCKER), &s.known), -ENOENT);
		assert_int_equal(known_oci(&s.maker, json, &s.known), -EBADMSG);
		json_release(&json);
	}
	stop(&s, &json);
}

static void test_labels(void **state)
{
	char long_text[5000];
	struct scene s;
	struct known *known = &s.known;
	struct json none = { 0 };

	(void)state;
	start(&s, "[!x]*");
	known_label(&s.maker, known, STR("a.b"), STR("1"));
	known_label(&s.maker, known, STR("a-b"), STR("2"));
	known_label(&s.maker, known, STR("empty"), STR(""));
	known_label(&s.maker, known, STR(""), STR("empty"));
	known_label(&s.maker, known, STR("xa"), STR("not wanted"));
	known_label(&s.maker, known, STR("\xc3\xa4"), STR("3"));
	assert_int_equal(known->n_label, 2);
	assert_text(known->label[0].name, "container_label_a_b");
	assert_text(known->label[0].value, "1");
	assert_text(known->label[1].name, "container_label___");
	/* Cut between characters, and not more than there is room for. */
	memset(long_text, 'x', sizeof(long_text));
	memcpy(long_text + KNOWN_TEXT_MAX - 1, "\xc3\xa4", 2);
	known_label(&s.maker, known, STR("l0"), (struct str){ long_text, sizeof(long_text) });
	assert_int_equal(known->n_label, 2);
	known_label(&s.maker, known, STR("l0"), (struct str){ long_text, 2000 });
	assert_int_equal(known->n_label, 3);
	assert_int_equal(known->label[2].value.n, KNOWN_TEXT_MAX - 1);
	for (int i = 1; i < 200; i++)
		known_label(&s.maker, known, arena_printf(&s.arena, "l%d", i), STR("v"));
	assert_int_equal(known->n_label, KNOWN_LABELS_MAX);
	stop(&s, &none);
}

static void test_time(void **state)
{
	static const char *const none[] = { "",
					    "0001-01-01T00:00:00Z",
					    "1969-12-31T23:59:59Z",
					    "2026-11-21",
					    "2026-11-21T14:25:28",
					    "2026-11-21T14:25:28.5",
					    "2026-11-21T14:25:28Zx",
					    "2026-11-21T14:25:28+0100",
					    "9999-11-21T14:25:28Z",
					    "2026-11-21 14:25:28Z" };

	(void)state;
	assert_int_equal(known_time(STR("1970-01-01T00:00:01Z")), 1000000000);
	assert_int_equal(known_time(STR("2026-11-21T14:25:28.5Z")), 1795271128500000000);
	assert_int_equal(known_time(STR("2026-11-21T14:25:28.1234567891Z")), 1795271128123456789);
	assert_int_equal(known_time(STR("2026-11-21T12:55:28-01:30")), 1795271128000000000);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_int_equal(known_time(str_of(none[i])), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_docker_api), cmocka_unit_test(test_docker_file),
		cmocka_unit_test(test_podman_api), cmocka_unit_test(test_podman_files),
		cmocka_unit_test(test_containerd), cmocka_unit_test(test_crio),
		cmocka_unit_test(test_refresh),    cmocka_unit_test(test_lies),
		cmocka_unit_test(test_labels),     cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
