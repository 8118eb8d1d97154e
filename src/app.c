/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/*
 * Whose is the host's state? The service's user has it there too, by hand as well as in its unit;
 * $STATE_DIRECTORY would be wrong for a `run` in the unit of somebody else's.
 */
static bool has_host_state(void)
{
	struct stat st;

	return geteuid() == 0 ||
	       (stat(HOST_STATE, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid());
}

static struct str state_path(const struct app *app, struct arena *arena)
{
	const struct state_conf *conf = conf_get(app->conf, &section_state);
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (conf->dir.n)
		return arena_str(arena, conf->dir);
	if (has_host_state())
		return STR(HOST_STATE);
	if (xdg && xdg[0] == '/')
		return arena_printf(arena, "%s/peekpush", xdg);
	if (home && home[0] == '/')
		return arena_printf(arena, "%s/.local/state/peekpush", home);
	return (struct str){ 0 };
}

int app_state_dir(const struct app *app, struct arena *arena, struct str *ret_why)
{
	struct str path = state_path(app, arena);

	if (!path.n) {
		*ret_why = STR("no state directory: neither HOME nor state.dir is set");
		return -ENOENT;
	}

	int r = file_make_dirs(path.p, 0700);

	if (r == 0)
		r = file_open_dir(AT_FDCWD, path.p);
	if (r >= 0 && faccessat(r, ".", W_OK, AT_EACCESS) < 0) {
		int denied = -errno;

		(void)close(r);
		r = denied;
	}
	if (r < 0)
		*ret_why = arena_printf(arena, "state directory %s: %s", path.p, strerror(-r));
	return r;
}

int app_find_state_dir(const struct app *app, struct arena *arena)
{
	struct str path = state_path(app, arena);

	return path.n ? file_open_dir(AT_FDCWD, path.p) : -ENOENT;
}

int app_no_words(const struct app *app, int argc, char *argv[])
{
	if (!argc)
		return 0;
	log_error(&app->log, "unexpected word \"%.80s\"; see peekpush --help", argv[0]);
	return EXIT_USAGE;
}

void app_bad_value(const struct app *app, struct str why)
{
	struct str key = { why.p, str_find(why, ':') };
	struct str origin = conf_origin_of(app->conf, key);

	if (!origin.n || str_eq(origin, STR("built-in")))
		log_error(&app->log, "%.*s", STR_ARG(why));
	else
		log_error(&app->log, "%.*s: %.*s", STR_ARG(origin), STR_ARG(why));
}
