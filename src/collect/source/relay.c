/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/source/relay.h"

#include <errno.h>

/* Why there is nothing of it to be pushed; empty when there is. */
static struct str explain(struct collect *c, const struct relay *relay,
			  const struct keeper_source *source, const struct keeper_result *result)
{
	struct arena *arena = c->scratch;
	struct str said = result->message, why = { 0 };

	switch (result->outcome) {
	case KEEPER_NOTHING:
		return result->running ? STR("has not ended yet, for the first time")
				       : STR("has not run yet");
	case KEEPER_FAILED:
		return arena_printf(arena, "could not be started: %s", strerror(-result->status));
	case KEEPER_TOO_OLD:
		return result->running ? STR("the last result is too old, the next not there yet")
				       : STR("the last result is too old");
	case KEEPER_TIMED_OUT:
		why = arena_printf(arena, "not done after %g s, and ended",
				   (double)source->timeout_ns / 1e9);
		break;
	case KEEPER_TOO_MUCH:
		why = arena_printf(arena, "more than %llu bytes",
				   (unsigned long long)source->max_size);
		break;
	case KEEPER_KILLED:
		why = arena_printf(arena, "killed by signal %d (%s)", result->status,
				   strsignal(result->status));
		break;
	case KEEPER_ENDED:
		if (!result->status)
			return why;
		if (!relay->kind->status && said.n)
			return said;
		why = arena_printf(arena, "%s %d",
				   relay->kind->status ? relay->kind->status : "status",
				   result->status);
		break;
	}
	return said.n ? ARENA_CONCAT(arena, why, STR(": "), said) : why;
}

/* True when all is well with it; ret_why is the first thing that is not. */
static bool feed(struct collect *c, const struct relay *relay, const struct keeper_result *result,
		 struct arena *arena, uint32_t *ret_samples, struct str *ret_why)
{
	struct feed_report report;

	if (relay->filter)
		metrics_enter_part(c->out, relay->name, relay->filter);
	feed_text_through(c->out, result->text, relay->name, relay->hook, arena, &report);
	if (relay->filter) {
		metrics_leave(c->out);
		metrics_filter_each_regex(relay->filter, collect_slow_regex, c);
	}
	*ret_samples = report.samples - report.left_out;
	for (size_t i = 0; i < report.n; i++)
		collect_note(c, relay->name, "%.*s", STR_ARG(report.messages[i]));
	if (report.n)
		*ret_why = report.messages[0];
	if (report.echoes)
		collect_note(c, relay->name,
			     "%.*s: tells again what was pushed for this host; that is left out",
			     STR_ARG(relay->name));
	if (report.reserved)
		collect_note(
			c, relay->name,
			"%.*s: what has names of peekpush's own, or of the Pushgateway's, is left "
			"out; relabel can rename it, metrics_exclude say that this is known",
			STR_ARG(relay->name));
	if (report.timestamps && !relay->kind->timestamps)
		collect_note(c, relay->name, "%.*s: timestamps are left out (%u samples)",
			     STR_ARG(relay->name), report.timestamps);
	return !report.bad && !report.dropped;
}

static void tell(struct collect *c, const struct relay *relay, const struct keeper_result *result,
		 bool success, uint32_t samples)
{
	const struct relay_kind *kind = relay->kind;
	const struct labels *labels = METRIC_LABELS(c->out, { str_of(kind->label), relay->name });

	metrics_enter_free(c->out);
	family_add(metrics_family(c->out, &kind->success), labels, success);
	if (result->at_ns) {
		family_add(metrics_family(c->out, &kind->duration), labels,
			   (double)result->duration_ns / 1e9);
		family_add(metrics_family(c->out, &kind->timestamp), labels,
			   (double)result->at_ns / 1e9);
		family_add(metrics_family(c->out, &kind->samples), labels, samples);
	}
	metrics_leave(c->out);
}

void relay_result(struct collect *c, const struct relay *relay, struct keeper *k, size_t i,
		  struct arena *arena)
{
	uint32_t before = c->out->series, series, samples = 0;
	struct keeper_result result;
	struct str why;
	bool success;

	arena_reset(arena);
	keeper_read(k, i, arena, &result);
	why = explain(c, relay, &k->sources[i], &result);
	if (why.n && result.outcome != KEEPER_NOTHING)
		collect_note(c, relay->name, "%.*s: %.*s", STR_ARG(relay->name), STR_ARG(why));
	success = !why.n && feed(c, relay, &result, arena, &samples, &why);
	series = c->out->series - before;
	if (result.outcome != KEEPER_NOTHING)
		tell(c, relay, &result, success, samples);
	if (success && result.message.n) {
		why = ARENA_CONCAT(c->scratch, STR("says: "), result.message);
		collect_note(c, relay->name, "%.*s: %.*s", STR_ARG(relay->name), STR_ARG(why));
	}
	collect_part(c, &(struct collect_part){
				.name = relay->name,
				.reads = relay->reads,
				.result = success                            ? 0
					  : result.outcome == KEEPER_NOTHING ? -ENODATA
									     : -EIO,
				.series = series,
				.why = why,
			});
}
