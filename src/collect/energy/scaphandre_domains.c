/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets and the domains in them. Ours are those that the machine has: by the physical package,
 * with all dies of a package together, and from zones of powercap or from perf's counters.
 */
#include <stdlib.h>

#include "collect/energy/scaphandre.h"

struct row {
	int socket, id; /* id: of the domain's zone; -1 is the socket itself */
	bool mmio, perf;
	struct str name;
	uint64_t total_uj, delta_uj;
	int64_t delta_ns; /* 0: a part of it has no difference */
};

static bool is_mmio(const struct energy_source *source)
{
	return source->path.n &&
	       memmem(source->path.p, source->path.n, "intel-rapl-mmio", 15) != NULL;
}

/* The last number of ".../intel-rapl:0:2" is the zone's, or that of the perf event. */
static int number_of(struct str text, int fallback)
{
	struct str last;
	uint64_t n;

	while (str_cut(&text, ':', &last))
		;
	return num_u64(last, &n) == 0 && n < 1000 ? (int)n : fallback;
}

/* False for what is neither a socket nor a part of one. */
static bool place(const struct energy_source *source, struct row *ret)
{
	static const char *const names[DOMAINS] = {
		[DOMAIN_CORE] = "core",
		[DOMAIN_UNCORE] = "uncore",
		[DOMAIN_DRAM] = "dram",
	};

	if ((source->kind != ENERGY_RAPL && source->kind != ENERGY_PERF) || source->power)
		return false;
	if (source->domain != DOMAIN_PACKAGE && !names[source->domain])
		return false;
	/* Of AMD's cores there is one. */
	if (source->left_out && !is_mmio(source))
		return false;
	*ret = (struct row){
		.socket = source->package < 0 ? 0 : source->package,
		.id = -1,
		.mmio = is_mmio(source),
		.perf = source->kind == ENERGY_PERF,
	};
	if (source->domain != DOMAIN_PACKAGE) {
		ret->name = str_of(names[source->domain]);
		ret->id = number_of(source->id, (int)source->domain);
	}
	return true;
}

static bool is_same(const struct row *a, const struct row *b)
{
	return a->socket == b->socket && a->mmio == b->mmio && str_eq(a->name, b->name);
}

static int by_place(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->mmio != y->mmio)
		return x->mmio - y->mmio;
	return x->socket != y->socket ? x->socket - y->socket : x->id - y->id;
}

static size_t gather(const struct meter *meter, struct row *rows)
{
	size_t n = 0, at;

	for (size_t i = 0; i < meter->n; i++) {
		const struct meter_reading *reading = &meter->v[i];
		struct row row;

		if (reading->source->error || !place(reading->source, &row))
			continue;
		for (at = 0; at < n && !is_same(&rows[at], &row); at++)
			;
		if (at == n) {
			rows[n++] = row;
			rows[at].delta_ns = reading->delta_ns;
		}
		rows[at].total_uj += reading->total_uj;
		rows[at].delta_uj += reading->delta_uj;
		if (!reading->delta_ns)
			rows[at].delta_ns = 0;
	}
	qsort(rows, n, sizeof(*rows), by_place);
	return n;
}

static const struct labels *labels_of(struct collect *c, const struct row *row)
{
	struct str socket = arena_printf(c->scratch, "%d", row->socket);
	struct label source = {
		STR("value_source"),
		row->mmio   ? STR("powercap_rapl_mmio")
		: row->perf ? STR("perf")
			    : STR("powercap_rapl"),
	};

	if (row->id < 0)
		return METRIC_LABELS(c->out, { STR("socket_id"), socket }, source);
	return METRIC_LABELS(c->out, { STR("domain_id"), arena_printf(c->scratch, "%d", row->id) },
			     { STR("domain_name"), row->name }, { STR("socket_id"), socket },
			     source);
}

static void add_energy(struct collect *c, const struct row *row)
{
	/* By domain or not, by MMIO or not. */
	static const struct metric_desc energy[2][2] = {
		{ { "scaph_socket_energy_microjoules",
		    "Energy that a processor package has consumed since it was first looked at.",
		    METRIC_COUNTER },
		  { "scaph_socket_rapl_mmio_energy_microjoules",
		    "The same as the package's memory-mapped counter has it.", METRIC_COUNTER } },
		{ { "scaph_domain_energy_microjoules",
		    "Energy that a part of a processor package, or its memory, has consumed since "
		    "it was first looked at.",
		    METRIC_COUNTER },
		  { "scaph_domain_rapl_mmio_energy_microjoules",
		    "The same as the part's memory-mapped counter has it.", METRIC_COUNTER } },
	};
	static const struct metric_desc power[2] = {
		{ "scaph_socket_power_microwatts",
		  "Mean power of a processor package since the last cycle.", METRIC_GAUGE },
		{ "scaph_domain_power_microwatts",
		  "Mean power of a part of a processor package, or of its memory, since the last "
		  "cycle.",
		  METRIC_GAUGE },
	};
	const struct labels *labels = labels_of(c, row);
	bool domain = row->id >= 0;

	family_add(metrics_family(c->out, &energy[domain][row->mmio]), labels,
		   (double)row->total_uj);
	if (row->delta_ns > 0 && !row->mmio)
		family_add(metrics_family(c->out, &power[domain]), labels,
			   (double)scaphandre_uw(row->delta_uj, row->delta_ns));
}

/* One reading or two, as of the host. */
static void add_records(struct collect *c, const struct row *row)
{
	static const struct metric_desc socket_records = {
		"scaph_self_socket_records_nb",
		"Readings of a package's energy that its power is computed from.",
		METRIC_GAUGE,
	};
	static const struct metric_desc socket_stats = {
		"scaph_self_socket_stats_nb",
		"Readings of CPU time that belong to these.",
		METRIC_GAUGE,
	};
	static const struct metric_desc domain_records = {
		"scaph_self_domain_records_nb",
		"Readings of a domain's energy that its power is computed from.",
		METRIC_GAUGE,
	};
	struct str socket = arena_printf(c->scratch, "%d", row->socket);
	double n = row->delta_ns > 0 ? 2 : 1;

	if (row->mmio)
		return;
	if (row->id >= 0) {
		family_add(metrics_family(c->out, &domain_records),
			   METRIC_LABELS(c->out, { STR("rapl_domain_name"), row->name },
					 { STR("socket_id"), socket }),
			   n);
		return;
	}

	const struct labels *labels = METRIC_LABELS(c->out, { STR("socket_id"), socket });

	family_add(metrics_family(c->out, &socket_records), labels, n);
	family_add(metrics_family(c->out, &socket_stats), labels, n);
}

void scaphandre_domains(struct collect *c, const struct meter *meter)
{
	struct row *rows = arena_zalloc(c->scratch, meter->n + 1, sizeof(*rows));
	size_t n = gather(meter, rows);

	for (size_t i = 0; i < n; i++) {
		add_energy(c, &rows[i]);
		add_records(c, &rows[i]);
	}
}
