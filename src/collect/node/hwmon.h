/* SPDX-License-Identifier: Apache-2.0 */
/* How the attribute files of sensor chips are named, and what node_exporter makes of them. */
#pragma once

#include "metric/metrics.h"

/* "temp1_max_alarm" is { "temp", 1, "max_alarm" }. */
struct sensor_file {
	struct str type, property;
	uint64_t number; /* 0 when there is none */
};

/* Takes a file name apart. False when it is none of a sensor's. */
bool sensor_file_parse(struct str name, struct sensor_file *ret);

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
bool sensor_metric_of(struct arena *arena, const struct sensor_file *file, bool has_bare,
		      struct sensor_metric *ret);

/* Lower case, everything but a-z, 0-9, ':' and '_' replaced by '_', none of these at the ends. */
struct str sensor_clean(struct arena *arena, struct str name);
