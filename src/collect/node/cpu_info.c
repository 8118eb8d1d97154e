/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model and abilities of the cpus; off by default. Source: arch/x86/kernel/cpu/proc.c. Of what
 * other architectures print, the words they share with x86, and arm64's Features.
 */
#include <errno.h>

#include "collect/node/cpu.h"

static const struct metric_desc info_desc = { "node_cpu_info",
					      "Model of the cpu as /proc/cpuinfo has it; always 1.",
					      METRIC_GAUGE };
static const struct metric_desc frequency_desc = { "node_cpu_frequency_hertz",
						   "Frequency that the hardware reports.",
						   METRIC_GAUGE };
static const struct metric_desc flag_desc = { "node_cpu_flag_info",
					      "An ability of the first cpu; always 1.",
					      METRIC_GAUGE };
static const struct metric_desc bug_desc = { "node_cpu_bug_info",
					     "A bug of the first cpu; always 1.", METRIC_GAUGE };

enum { CPU, PACKAGE, CORE, VENDOR, FAMILY, MODEL, MODEL_NAME, MICROCODE, STEPPING, CACHE, FIELDS };

static const struct {
	struct str key, label;
} fields[FIELDS] = {
	[CPU] = { { "processor", 9 }, { "cpu", 3 } },
	[PACKAGE] = { { "physical id", 11 }, { "package", 7 } },
	[CORE] = { { "core id", 7 }, { "core", 4 } },
	[VENDOR] = { { "vendor_id", 9 }, { "vendor", 6 } },
	[FAMILY] = { { "cpu family", 10 }, { "family", 6 } },
	[MODEL] = { { "model", 5 }, { "model", 5 } },
	[MODEL_NAME] = { { "model name", 10 }, { "model_name", 10 } },
	[MICROCODE] = { { "microcode", 9 }, { "microcode", 9 } },
	[STEPPING] = { { "stepping", 8 }, { "stepping", 8 } },
	[CACHE] = { { "cache size", 10 }, { "cachesize", 9 } },
};

static void add_words(struct collect *c, const struct opt_regex *include, struct str words,
		      const struct metric_desc *desc, struct str label)
{
	struct str word;

	while (str_word(&words, &word))
		if (opt_regex_match(include, word))
			family_add(metrics_family(c->out, desc),
				   METRIC_LABELS(c->out, { label, word }), 1);
}

/* False when what was read so far is no cpu. */
static bool add_cpu(struct collect *c, const struct label *v, double megahertz)
{
	if (!v[CPU].value.n)
		return false;
	family_add(metrics_family(c->out, &info_desc), metrics_labels(c->out, FIELDS, v), 1);
	/* Where there is cpufreq, its collector reports the frequency under the same name. */
	if (megahertz > 0)
		family_add(metrics_family(c->out, &frequency_desc),
			   METRIC_LABELS(c->out, v[CPU], v[PACKAGE], v[CORE]), megahertz * 1e6);
	return true;
}

static void clear(struct label *v, double *megahertz)
{
	for (size_t i = 0; i < FIELDS; i++)
		v[i] = (struct label){ fields[i].label, STR("") };
	*megahertz = 0;
}

int cpu_add_info(struct collect *c)
{
	const struct cpu_conf *conf = c->conf;
	struct label v[FIELDS];
	struct str text, line, key;
	double megahertz;
	size_t cpus = 0;
	int r = collect_read(c, HOST_PROC, "cpuinfo", &text);

	if (r < 0)
		return r;
	clear(v, &megahertz);
	while (str_line(&text, &line)) {
		if (!str_trim(line).n) { /* an empty line ends a cpu */
			cpus += add_cpu(c, v, megahertz);
			clear(v, &megahertz);
			continue;
		}
		(void)str_cut(&line, ':', &key);
		key = str_trim(key);
		line = str_trim(line);
		for (size_t i = 0; i < FIELDS; i++)
			if (str_eq(key, fields[i].key))
				v[i].value = line;
		if (str_eq(key, STR("cpu MHz")) && num_f64(line, &megahertz) < 0)
			megahertz = 0;
		if (!cpus && (str_eq(key, STR("flags")) || str_eq(key, STR("Features"))))
			add_words(c, &conf->flags_include, line, &flag_desc, STR("flag"));
		if (!cpus && str_eq(key, STR("bugs")))
			add_words(c, &conf->bugs_include, line, &bug_desc, STR("bug"));
	}
	cpus += add_cpu(c, v, megahertz);
	return cpus ? 0 : collect_fail(c, -EBADMSG, "/proc/cpuinfo: no processor");
}
