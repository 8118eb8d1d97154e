/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD's graphics cards: use and memory. Source: /sys/class/drm (drivers/gpu/drm/amd/amdgpu); what
 * they draw is told by hwmon. Connectors (card0-DP-1) stand beside the cards.
 */
#include "collect/collector.h"

#include <errno.h>
#include <fcntl.h>

#define AMD(at, name, help) ROW_GAUGE(at, name, help, .or_zero = true)

static bool is_card(struct str name)
{
	struct str number = str_skip(name, 4);
	uint64_t n;

	return str_starts(name, STR("card")) && num_u64(number, &n) == 0;
}

static bool is_amdgpu(struct collect *c, int dir)
{
	struct str text, line;

	if (host_attr(dir, "uevent", c->scratch, &text) < 0)
		return false;
	while (str_line(&text, &line))
		if (str_eq(line, STR("DRIVER=amdgpu")))
			return true;
	return false;
}

static void add_card(struct collect *c, int dir, struct str card)
{
	static const struct metric_desc info = {
		"node_drm_card_info",
		"What the card says of itself; always 1.",
		METRIC_GAUGE,
	};
	static const struct text_row texts[] = {
		{ "mem_info_vram_vendor", "memory_vendor" },
		{ "power_dpm_force_performance_level", "power_performance_level" },
		{ "unique_id", "unique_id" },
	};
	static const struct table_row rows[] = {
		AMD("gpu_busy_percent", "node_drm_gpu_busy_percent",
		    "Time in which the GPU was busy, in percent."),
		AMD("mem_info_gtt_total", "node_drm_memory_gtt_size_bytes",
		    "Memory of the host that the card can reach (GTT)."),
		AMD("mem_info_gtt_used", "node_drm_memory_gtt_used_bytes", "Used part of GTT."),
		AMD("mem_info_vis_vram_total", "node_drm_memory_vis_vram_size_bytes",
		    "Memory of the card that the CPU can reach."),
		AMD("mem_info_vis_vram_used", "node_drm_memory_vis_vram_used_bytes",
		    "Used part of the memory that the CPU can reach."),
		AMD("mem_info_vram_total", "node_drm_memory_vram_size_bytes",
		    "Memory of the card."),
		AMD("mem_info_vram_used", "node_drm_memory_vram_used_bytes",
		    "Used memory of the card."),
	};
	const struct label card_label = { STR("card"), card };

	collect_info(c, dir, &info,
		     METRIC_LABELS(c->out, card_label, { STR("vendor"), STR("amd") }), texts,
		     ARRAY_SIZE(texts));
	(void)collect_attrs(c, dir, METRIC_LABELS(c->out, card_label), rows, ARRAY_SIZE(rows));
}

static int run(struct collect *c)
{
	_cleanup_fd_ int class = host_open_dir(c->host, HOST_SYS, "class/drm");
	struct str *names;
	size_t n = 0, found = 0;
	int r = collect_list(c, HOST_SYS, "class/drm", &names, &n);

	if (r < 0 && r != -ENODATA)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (!is_card(names[i]))
			continue;

		_cleanup_fd_ int dir =
			openat(class, ARENA_CONCAT(c->scratch, names[i], STR("/device")).p,
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir < 0 || !is_amdgpu(c, dir))
			continue;
		found++;
		add_card(c, dir, names[i]);
	}
	return found ? 0 : collect_fail(c, 0, "/sys/class/drm: no card of amdgpu");
}

const struct collector collector_drm = {
	.name = "drm",
	.help = "AMD's graphics cards: use and memory",
	.reads = "/sys/class/drm/card*/device",
	.run = run,
};
