/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel and host name. Source: uname(2); for another tree its sys/kernel files, which hold the
 * same words (kernel/utsname_sysctl.c; `arch` is there since 6.1).
 */
#include "collect/collector.h"

#include <sys/utsname.h>

static const struct metric_desc desc = {
	"node_uname_info",
	"The kernel and the host as uname(2) tells them; always 1.",
	METRIC_GAUGE,
};

static struct str kernel_file(struct collect *c, const char *path)
{
	struct str text;

	return host_read(c->host, HOST_PROC, path, c->scratch, &text) == 0 ? str_trim(text)
									   : STR("");
}

/*
 * sys/kernel/hostname is what the reader's own UTS namespace says, in a container the container's
 * name, which changes with each one that is started. The host's own is in the file it was set from.
 */
static struct str host_name(struct collect *c)
{
	int proc = c->host->dir[HOST_PROC];
	struct str own, first, text, line, word;

	if (host_link(proc, "self/ns/uts", c->scratch, &own) == 0 &&
	    (host_link(proc, "1/ns/uts", c->scratch, &first) < 0 || !str_eq(own, first)) &&
	    host_read(c->host, HOST_ROOT, "etc/hostname", c->scratch, &text) == 0)
		while (str_line(&text, &line))
			/* Comments are in hostname(5). */
			if (str_word(&line, &word) && word.p[0] != '#')
				return word;
	return kernel_file(c, "sys/kernel/hostname");
}

static int run(struct collect *c)
{
	struct utsname u = { 0 };
	struct str sysname, nodename, release, version, machine, domainname;

	if (host_is_live(c->host, HOST_PROC)) {
		(void)uname(&u);
		sysname = str_of(u.sysname);
		nodename = c->host->net < 0 ? str_of(u.nodename) : host_name(c);
		release = str_of(u.release);
		version = str_of(u.version);
		machine = str_of(u.machine);
		domainname = str_of(u.domainname);
	} else {
		struct str text;
		int r = collect_read(c, HOST_PROC, "sys/kernel/osrelease", &text);

		if (r < 0)
			return r;
		release = str_trim(text);
		sysname = kernel_file(c, "sys/kernel/ostype");
		nodename = host_name(c);
		version = kernel_file(c, "sys/kernel/version");
		machine = kernel_file(c, "sys/kernel/arch");
		if (!machine.n && c->host->same_kernel && uname(&u) == 0)
			machine = str_of(u.machine);
		domainname = kernel_file(c, "sys/kernel/domainname");
	}
	family_add(metrics_family(c->out, &desc),
		   METRIC_LABELS(c->out, { STR("sysname"), sysname }, { STR("release"), release },
				 { STR("version"), version }, { STR("machine"), machine },
				 { STR("nodename"), nodename }, { STR("domainname"), domainname }),
		   1);
	return 0;
}

const struct collector collector_uname = {
	.name = "uname",
	.help = "kernel release and host name",
	.reads = "uname(2)",
	.on = true,
	.run = run,
};
