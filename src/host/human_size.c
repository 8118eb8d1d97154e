/* SPDX-License-Identifier: Apache-2.0 */
#include "host/human_size.h"

#include <errno.h>

#include "base/num.h"

int human_size(struct str text, enum human_form form, double *ret)
{
	static const char units[] = "kmgtpezy";
	bool negative = str_starts(text, STR("-"));
	double scale = 1, value;
	const char *unit = NULL;
	uint64_t whole, part;

	text = str_skip(text, negative);
	if (str_ends(text, STR("/sec")))
		text.n -= 4;
	else if (str_ends(text, STR("%")))
		text.n--;
	if (text.n)
		unit = memchr(units, text.p[text.n - 1] | 0x20, sizeof(units) - 1);
	for (const char *u = units; unit && u <= unit; u++)
		scale *= 1024;
	text.n -= unit != NULL;

	size_t dot = str_find(text, '.');

	if (unit && form == HUMAN_BCACHE && dot < text.n) {
		if (num_u64((struct str){ text.p, dot }, &whole) < 0 ||
		    num_u64(str_skip(text, dot + 1), &part) < 0)
			return -EINVAL;
		value = (double)whole + (double)part / 10.24;
	} else if (!unit && num_u64(text, &whole) == 0) {
		*ret = negative ? -(double)whole : (double)whole;
		return 0;
	} else if (num_f64(text, &value) < 0) {
		return -EINVAL;
	}
	value *= scale;
	if (!(value >= 0 && value < 18446744073709551616.0))
		return -EINVAL;
	value = (double)(uint64_t)value;
	*ret = negative ? -value : value;
	return 0;
}
