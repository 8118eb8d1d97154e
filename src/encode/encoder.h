/* SPDX-License-Identifier: Apache-2.0 */
/* Encoders turn a cycle's metrics into bytes. They know the model and never a metric's name. */
#pragma once

#include "base/buf.h"
#include "metric/metrics.h"

struct encoder {
	const char *name; /* "text", "protobuf" */
	const char *content_type;
	void (*encode)(const struct metrics *metrics, struct buf *out);
};

extern const struct encoder encoder_text;  /* exposition format 0.0.4 */
extern const struct encoder encoder_proto; /* delimited io.prometheus.client.MetricFamily */
