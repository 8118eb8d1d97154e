/* SPDX-License-Identifier: Apache-2.0 */
/* The operating system's name and version. Source: os-release(5), /etc before /usr/lib. */
#include "collect/common/os_release.h"

#include <errno.h>
#include <time.h>

static const struct metric_desc info_desc = {
	"node_os_info", "What os-release tells of the operating system; always 1.", METRIC_GAUGE
};
static const struct metric_desc version_desc = {
	"node_os_version", "The version as far as it is a number: 12.4 of 12.4.1.", METRIC_GAUGE
};
static const struct metric_desc support_desc = {
	"node_os_support_end_timestamp_seconds",
	"When the support of this release ends, in Unix time.",
	METRIC_GAUGE,
};

/* The labels of node_os_info, and the os-release keys they come from. */
static const struct {
	struct str label, key;
} fields[] = {
	{ { "build_id", 8 }, { "BUILD_ID", 8 } },
	{ { "id", 2 }, { "ID", 2 } },
	{ { "id_like", 7 }, { "ID_LIKE", 7 } },
	{ { "image_id", 8 }, { "IMAGE_ID", 8 } },
	{ { "image_version", 13 }, { "IMAGE_VERSION", 13 } },
	{ { "name", 4 }, { "NAME", 4 } },
	{ { "pretty_name", 11 }, { "PRETTY_NAME", 11 } },
	{ { "variant", 7 }, { "VARIANT", 7 } },
	{ { "variant_id", 10 }, { "VARIANT_ID", 10 } },
	{ { "version", 7 }, { "VERSION", 7 } },
	{ { "version_codename", 16 }, { "VERSION_CODENAME", 16 } },
	{ { "version_id", 10 }, { "VERSION_ID", 10 } },
};

enum { ID = 1, ID_LIKE = 2, NAME = 5, VERSION_ID = 11 };

static size_t digits(struct str s, size_t from)
{
	size_t n = 0;

	while (from + n < s.n && s.p[from + n] >= '0' && s.p[from + n] <= '9')
		n++;
	return n;
}

/* "12", "12.4" of "12.4.1"; distributions with words for versions have none. */
static void add_version(struct collect *c, const struct label *v)
{
	struct str s = v[VERSION_ID].value;
	size_t whole = digits(s, 0), fraction = 0;
	double version;

	if (whole < s.n && s.p[whole] == '.')
		fraction = digits(s, whole + 1);
	s.n = whole + (fraction ? fraction + 1 : 0);
	if (!whole || num_f64(s, &version) < 0 || version == 0)
		return;
	family_add(metrics_family(c->out, &version_desc),
		   METRIC_LABELS(c->out, v[ID], v[ID_LIKE], v[NAME]), version);
}

/* SUPPORT_END=2028-06-30, a day in UTC. */
static void add_support_end(struct collect *c, struct str date)
{
	struct tm tm = { 0 };
	char text[16];
	const char *end;
	int day;

	if (!date.n || date.n >= sizeof(text))
		return;
	memcpy(text, date.p, date.n);
	text[date.n] = '\0';
	end = strptime(text, "%Y-%m-%d", &tm);
	day = tm.tm_mday;
	/* timegm() would make the 2nd of March of the 30th of February. */
	if (end && !*end && timegm(&tm) >= 0 && tm.tm_mday == day)
		metrics_add(c->out, &support_desc, (double)timegm(&tm));
}

static int run(struct collect *c)
{
	struct label v[ARRAY_SIZE(fields)];
	struct str text, line, key, support_end = { 0 };
	size_t assignments = 0;
	int r = os_release_read(c, &text);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		v[i] = (struct label){ fields[i].label, STR("") };
	while (str_line(&text, &line)) {
		line = str_trim(line);
		if (str_starts(line, STR("#")) || !str_cut(&line, '=', &key))
			continue;
		assignments++;
		if (str_eq(key, STR("SUPPORT_END")))
			support_end = os_release_unquote(c->scratch, line);
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
			if (str_eq(key, fields[i].key))
				v[i].value = os_release_unquote(c->scratch, line);
	}
	if (!assignments)
		return collect_fail(c, -EBADMSG, "os-release: not one KEY=VALUE");
	family_add(metrics_family(c->out, &info_desc), metrics_labels(c->out, ARRAY_SIZE(v), v), 1);
	add_version(c, v);
	add_support_end(c, support_end);
	return 0;
}

const struct collector collector_os = {
	.name = "os",
	.help = "name and version of the operating system",
	.reads = "/etc/os-release or /usr/lib/os-release",
	.on = true,
	.run = run,
};
