/* SPDX-License-Identifier: Apache-2.0 */
#include "job/energy_share.h"

#include "collect/energy/split.h"

/* The power of a shorter one is no power: RAPL counts once in a millisecond or so. */
enum { STEP_MIN_NS = 20000000 };

const char *const job_energy_domains[JOB_ENERGY_DOMAINS] = {
	[JOB_ENERGY_CPU] = "cpu",
	[JOB_ENERGY_DRAM] = "dram",
	[JOB_ENERGY_GPU] = "gpu",
	[JOB_ENERGY_MACHINE] = "machine",
};

static void be_there(struct energy_share_unit *d)
{
	if (!d->there)
		d->idle_uw = UINT64_MAX;
	d->there = true;
}

void energy_share_learnt(struct energy_share *share, size_t unit, uint64_t idle_uw)
{
	struct energy_share_unit *d = &share->v[unit];

	be_there(d);
	d->learnt = true;
	d->idle_uw = idle_uw;
}

void energy_share_add(struct energy_share *share, size_t unit, uint64_t uj, int64_t ns)
{
	struct energy_share_unit *d = &share->v[unit];

	be_there(d);
	if (ns <= 0)
		return;
	d->uj += uj;
	d->ns += ns;
	if (!d->learnt && ns >= STEP_MIN_NS) {
		double uw = (double)uj * 1e9 / (double)ns;

		if (uw < (double)d->idle_uw)
			d->idle_uw = (uint64_t)uw;
	}
}

/* As much as was known at each time. */
static void settle_learnt(struct energy_share_unit *d, struct energy_work work)
{
	uint64_t idle = split_uj(d->idle_uw, d->ns);

	if (idle > d->uj)
		idle = d->uj;
	d->idle_uj += idle;
	if (work.all)
		d->dynamic_uj += split_scale(d->uj - idle, work.own, work.all);
}

/* All anew from the sums, for no step had less power than what is taken for idle now. */
static void settle_guess(struct energy_share_unit *d)
{
	double idle_uw = d->idle_uw == UINT64_MAX ? (double)d->all_uj * 1e9 / (double)d->all_ns
						  : (double)d->idle_uw;
	double dynamic = d->own_uj - idle_uw * d->own_ns / 1e9;
	double idle = idle_uw * (double)d->all_ns / 1e9;

	d->idle_uj = idle < (double)d->all_uj ? (uint64_t)idle : d->all_uj;
	d->dynamic_uj = dynamic > 0 ? (uint64_t)dynamic : 0;
	if (d->dynamic_uj > d->all_uj - d->idle_uj)
		d->dynamic_uj = d->all_uj - d->idle_uj;
}

void energy_share_settle(struct energy_share *share,
			 const struct energy_work work[ENERGY_SHARE_UNITS])
{
	for (size_t i = 0; i < ENERGY_SHARE_UNITS; i++) {
		struct energy_share_unit *d = &share->v[i];
		struct energy_work w = work[i];

		if (!d->there || d->ns <= 0)
			continue;
		/* The host's time is counted by ticks, the job's often exactly. */
		if (w.own > w.all)
			w.all = w.own;
		d->all_uj += d->uj;
		d->all_ns += d->ns;
		if (w.all) {
			double part = (double)w.own / (double)w.all;

			d->own_uj += (double)d->uj * part;
			d->own_ns += (double)d->ns * part;
		}
		if (d->learnt)
			settle_learnt(d, w);
		else
			settle_guess(d);
		d->uj = 0;
		d->ns = 0;
	}
}
