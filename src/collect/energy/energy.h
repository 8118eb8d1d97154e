/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the collector `energy` share. */
#pragma once

#include "collect/energy/account.h"
#include "collect/energy/ledger.h"
#include "collect/energy/settings.h"

struct energy_out {
	struct collect *c;
	const struct energy_conf *conf;
	const struct energy_account *account;
	bool model;
};

struct family *energy_family(const struct energy_out *out, const struct metric_desc *desc);
/* Labels with, where nothing is measured, source="model": `v` has room for one more. */
const struct labels *energy_labels(const struct energy_out *out, size_t n, struct label *v);

/* process_energy.c */
void energy_add_processes(const struct energy_out *out);
