/* SPDX-License-Identifier: Apache-2.0 */
#include "host/irqs.h"

#include <errno.h>

#include "base/num.h"

int irqs_open(struct str text, struct arena *arena, struct irqs *ret)
{
	struct irqs irqs = { .arena = arena, .rest = text };
	struct str line, word;
	uint64_t number;

	if (!str_line(&irqs.rest, &line))
		return -EBADMSG;
	while (str_word(&line, &word)) {
		struct str cpu = str_skip(word, 3);

		if (!str_starts(word, STR("CPU")) || num_u64(cpu, &number) < 0)
			return -EBADMSG;
		irqs.cpus = arena_grow(arena, irqs.cpus, irqs.n, sizeof(*irqs.cpus));
		irqs.cpus[irqs.n++] = cpu;
	}
	if (!irqs.n)
		return -EBADMSG;
	irqs.counts = arena_zalloc(arena, irqs.n, sizeof(*irqs.counts));
	*ret = irqs;
	return 0;
}

static struct str squeeze(struct arena *arena, struct str text)
{
	char *to = arena_alloc(arena, text.n + 1), *end = to;
	struct str word;

	while (str_word(&text, &word)) {
		if (end != to)
			*end++ = ' ';
		memcpy(end, word.p, word.n);
		end += word.n;
	}
	return str_between(to, end);
}

bool irqs_next(struct irqs *irqs, struct irq_line *ret)
{
	struct irq_line found = { .counts = irqs->counts };
	struct str line;
	uint64_t number;

	do {
		if (!str_line(&irqs->rest, &line))
			return false;
	} while (!str_cut(&line, ':', &found.name));
	found.name = str_trim(found.name);
	while (found.n < irqs->n && num_take_u64(&line, &irqs->counts[found.n]))
		found.n++;
	found.info = squeeze(irqs->arena, line);
	if (num_u64(found.name, &number) == 0) {
		found.devices = found.info;
		(void)str_cut(&found.devices, ' ', &found.info);
	}
	*ret = found;
	return true;
}
