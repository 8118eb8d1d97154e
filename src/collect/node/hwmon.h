/* SPDX-License-Identifier: Apache-2.0 */
/* What node_exporter makes of the attribute files of sensor chips. */
#pragma once

#include "host/hwmon.h"
#include "metric/metrics.h"

/* The family that a property goes to, and value * multiply / divide as its value. */
struct sensor_metric {
	struct str name, help;
	enum metric_type type;
	double multiply, divide;
	bool by_label; /* the label `sensor` is the cleaned label file, and has to be there */
	bool is_flag;  /* only the text "1" is 1, all else 0 */
};

/*
 * `has_bare` tells whether the sensor has a file without property ("pwm1") too. False when
 * nothing is made of this property.
 */
bool sensor_metric_of(struct arena *arena, const struct hwmon_file *file, bool has_bare,
		      struct sensor_metric *ret);
