/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cmd/table.h"
#include "collect/run.h"

/* Adds a heading and a row for each collector to a table of five columns. */
void list_collectors(const struct collectors *all, struct table *table);
