/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle power. Taking the complement of utilisation for it makes it 0 under full load, and taking
 * the least power ever seen makes it stick to one wrong reading, or to a busy host's least. So it
 * is the least that power would have been without its busy part, and the slope of that comes from
 * a regression that forgets.
 */
#include "collect/energy/split.h"

#include <math.h>

#define SECOND_NS INT64_C(1000000000)
#define WINDOW_NS (3600 * SECOND_NS)

/*
 * A regression over one value of u has no slope: what it knows of it is noise, and becomes all of
 * it when the rest is forgotten. The old slope stands then. It is the square of 1 %.
 */
#define LEAST_VARIANCE 1e-4
#define FORGETTING 0.001

static void fit(struct baseline *b, double p, double u)
{
	double more = (double)b->samples * FORGETTING < 1 ? 1 / (double)b->samples : FORGETTING;
	double du = u - b->mean_u, dp = p - b->mean_p;

	b->mean_u += more * du;
	b->mean_p += more * dp;
	b->var_u = (1 - more) * (b->var_u + more * du * du);
	b->cov = (1 - more) * (b->cov + more * du * dp);
	if (b->samples < 3 || b->var_u < LEAST_VARIANCE)
		return;
	b->slope_uw = b->cov > 0 ? b->cov / b->var_u : 0;
	b->fits = true;
}

static double without_busy(const struct baseline *b, const struct baseline_point *point)
{
	return point->power_uw - b->slope_uw * point->utilisation;
}

/*
 * Power grows slower than load, so a line through what a quiet host does lies far too high when it
 * gets busy for the first time, and too low is what would be left as idle: no guess out there.
 */
static bool is_near(const struct baseline *b, double u)
{
	return u <= b->mean_u + 2 * sqrt(b->var_u);
}

static void look(struct baseline *b, double p, double u, int64_t elapsed_ns)
{
	const struct baseline_point point = { p, u, true };

	if (b->samples == 1)
		b->least_uw[0] = b->least_uw[1] = p;
	b->window_ns += elapsed_ns;
	if (b->window_ns > WINDOW_NS) {
		b->window_ns = 0;
		b->least_uw[1] = b->least_uw[0];
		b->least_uw[0] = p;
		b->lowest[1] = b->lowest[0];
		b->lowest[0].known = false;
	}
	if (p < b->least_uw[0])
		b->least_uw[0] = p;
	if (is_near(b, u) &&
	    (!b->lowest[0].known || without_busy(b, &point) < without_busy(b, &b->lowest[0])))
		b->lowest[0] = point;
}

void baseline_learn(struct baseline *b, uint64_t energy_uj, int64_t elapsed_ns, uint64_t busy,
		    uint64_t capacity)
{
	if (elapsed_ns <= 0 || !capacity)
		return;
	b->elapsed_ns += elapsed_ns;
	b->energy_uj += energy_uj;
	b->busy += busy < capacity ? busy : capacity;
	b->capacity += capacity;
	/* Load is counted in ticks, which says little of a tenth of a second. */
	if (b->elapsed_ns < SECOND_NS)
		return;

	double p = (double)b->energy_uj * 1e9 / (double)b->elapsed_ns;
	double u = (double)b->busy / (double)b->capacity;

	b->samples++;
	fit(b, p, u);
	look(b, p, u, b->elapsed_ns);
	b->elapsed_ns = 0;
	b->energy_uj = b->busy = b->capacity = 0;
}

uint64_t baseline_idle_uw(const struct baseline *b)
{
	double least, idle;

	if (!b->samples)
		return 0;
	idle = least = b->least_uw[0] < b->least_uw[1] ? b->least_uw[0] : b->least_uw[1];
	for (int i = 0; i < 2 && b->samples >= BASELINE_LEARNING; i++)
		if (b->lowest[i].known && without_busy(b, &b->lowest[i]) < idle)
			idle = without_busy(b, &b->lowest[i]);
	/* From a damaged state, too, comes something that is a number. */
	return idle > 0 && idle < 1e15 ? (uint64_t)idle : 0;
}

bool baseline_is_learning(const struct baseline *b)
{
	return b->samples < BASELINE_LEARNING || !(b->fits || b->mean_u < 0.05);
}
