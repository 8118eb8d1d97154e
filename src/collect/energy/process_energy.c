/* SPDX-License-Identifier: Apache-2.0 */
/* What processes had: by name, and if that is wanted one by one. */
#include <stdlib.h>

#include "collect/energy/energy.h"
#include "host/processes.h"

static const struct metric_desc names_desc = {
	"peekpush_process_energy_joules_total",
	"Energy that processes of a name had; \"other\": all the rest, \"gone\": what was had by "
	"names that are not told any more.",
	METRIC_COUNTER,
};

static const struct metric_desc pids_desc = {
	"peekpush_process_pid_energy_joules_total",
	"Energy that a single process had since it was first met.",
	METRIC_COUNTER,
};

static void add_name(const struct energy_out *out, struct str name, uint64_t uj)
{
	struct label v[2] = { { STR("group"), name } };

	family_add(energy_family(out, &names_desc), energy_labels(out, 1, v), (double)uj / 1e6);
}

static int by_energy(const void *a, const void *b)
{
	const struct ledger_process *x = *(const struct ledger_process *const *)a;
	const struct ledger_process *y = *(const struct ledger_process *const *)b;

	if (x->uj != y->uj)
		return x->uj > y->uj ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static void add_pids(const struct energy_out *out)
{
	const struct energy_ledger *l = out->account->ledger;
	const struct process_table *table = &processes_shared(out->c->host)->table;
	const struct ledger_process **v =
		arena_zalloc(out->c->scratch, l->n_processes + 1, sizeof(struct ledger_process *));
	size_t n = 0;

	for (size_t i = 0; i < l->n_processes; i++)
		if (l->processes[i].uj)
			v[n++] = &l->processes[i];
	qsort(v, n, sizeof(*v), by_energy);
	for (size_t i = 0; i < n && i < (size_t)out->conf->processes; i++) {
		const struct process *p = process_by_pid(table, (uint32_t)v[i]->id);
		struct label labels[3] = { { STR("pid"), { 0 } }, { STR("comm"), { 0 } } };

		if (!p)
			continue;
		labels[0].value = arena_printf(out->c->scratch, "%u", p->pid);
		labels[1].value = (struct str){ p->comm, strnlen(p->comm, PROCESS_COMM) };
		family_add(energy_family(out, &pids_desc), energy_labels(out, 2, labels),
			   (double)v[i]->uj / 1e6);
	}
}

void energy_add_processes(const struct energy_out *out)
{
	const struct energy_ledger *l = out->account->ledger;

	if (out->conf->processes) {
		for (size_t i = 0; i < l->n_names; i++)
			if (l->names[i].shown)
				add_name(out, l->names[i].name, l->names[i].uj);
		add_name(out, STR("other"), l->other_uj);
		if (l->gone_uj)
			add_name(out, STR("gone"), l->gone_uj);
	}
	if (out->conf->pids)
		add_pids(out);
}
