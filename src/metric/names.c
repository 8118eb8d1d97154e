/* SPDX-License-Identifier: Apache-2.0 */
/* Which names are legal, and what our own enumerations are called. */
#include "metric/metrics.h"

bool metric_name_valid(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && c != '_' && c != ':' &&
		    !(i > 0 && c >= '0' && c <= '9'))
			return false;
	}
	return name.n > 0;
}

const char *metric_type_name(enum metric_type type)
{
	static const char *const names[] = { "counter", "gauge", "untyped", "histogram",
					     "summary" };

	return names[type];
}

const char *drop_reason_name(enum drop_reason reason)
{
	static const char *const names[] = {
		[DROP_DUPLICATE] = "duplicate", [DROP_TYPE] = "type_conflict",
		[DROP_NAME] = "invalid_name",   [DROP_RESERVED] = "reserved_name",
		[DROP_LIMIT] = "limit",         [DROP_REJECTED] = "rejected",
		[DROP_EQUAL] = "labels_drop",
	};

	return names[reason];
}

/* What the gateway itself serves under these names would meet ours (facts of 1.5 and later). */
bool metric_name_reserved(struct str name)
{
	return str_eq(name, STR("push_time_seconds")) ||
	       str_eq(name, STR("push_failure_time_seconds")) ||
	       str_starts(name, STR("pushgateway_")) || str_starts(name, STR("promhttp_"));
}

/*
 * Programs in Go have these, and so has the gateway: it takes others' beside its own when they are
 * of one type, as they are.
 */
bool metric_name_shared(struct str name, enum metric_type type)
{
	static const struct {
		struct str name;
		enum metric_type type;
	} rows[] = {
		{ { "promhttp_metric_handler_errors_total", 36 }, METRIC_COUNTER },
		{ { "promhttp_metric_handler_requests_in_flight", 42 }, METRIC_GAUGE },
		{ { "promhttp_metric_handler_requests_total", 38 }, METRIC_COUNTER },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (str_eq(name, rows[i].name) && type == rows[i].type)
			return true;
	return false;
}

/* What alerts stand on must not come from elsewhere; results of jobs are files now and then. */
bool metric_name_own(struct str name)
{
	return str_starts(name, STR("peekpush_")) && !str_starts(name, STR("peekpush_job_"));
}

bool label_name_valid(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && c != '_' &&
		    !(i > 0 && c >= '0' && c <= '9'))
			return false;
	}
	return name.n > 0 && !str_starts(name, STR("__"));
}
