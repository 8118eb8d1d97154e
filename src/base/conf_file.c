/* SPDX-License-Identifier: Apache-2.0 */
/* libconfig files as a source of configuration. */
#include "base/conf_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"

enum { CONF_FILE_MAX = 1 << 20, DROP_INS_MAX = 1000 };

static bool is_parent(const struct conf *conf, struct str path)
{
	for (size_t i = 0; i < conf->n; i++) {
		struct str known = str_of(conf->slots[i].section->path);

		if (known.n > path.n && str_starts(known, path) && known.p[path.n] == '.')
			return true;
	}
	return false;
}

/* One group; `path` is empty for the file itself. */
static int load_group(struct conf *conf, const config_setting_t *group, struct str path,
		      const char *name)
{
	int n = config_setting_length(group), r = 0;

	for (int i = 0; i < n && r == 0; i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const char *key = config_setting_name(s);
		struct conf_slot *slot;
		const struct opt *opt = conf_find(conf, path, str_of(key), &slot);
		struct str full = path.n ? arena_printf(&conf->arena, "%.*s.%s", STR_ARG(path), key)
					 : arena_str(&conf->arena, str_of(key));
		bool known = conf_slot_of(conf, full) || is_parent(conf, full);

		if (opt) {
			r = conf_load_option(conf, slot, opt, s, name);
		} else if (known && config_setting_type(s) == CONFIG_TYPE_GROUP) {
			r = load_group(conf, s, full, name);
		} else {
			struct str at = conf_where(conf, s, name), hint = conf_hint(conf, full);

			r = known ? conf_fail(conf, "%.*s: %.*s: expected a group { ... }",
					      STR_ARG(at), STR_ARG(full))
				  : conf_fail(conf, "%.*s: %.*s: unknown %s%.*s", STR_ARG(at),
					      STR_ARG(full),
					      config_setting_is_group(s) ? "section" : "option",
					      STR_ARG(hint));
		}
	}
	return r;
}

/* libconfig 1.5 cuts numbers without L to 32 bits and says nothing; later ones widen them. */
static int check_number(struct conf *conf, struct str token, bool negative, const char *name,
			unsigned line)
{
	bool hex = token.n > 1 && token.p[0] == '0' && (token.p[1] | 0x20) == 'x', wide = false;
	struct str digits = token;
	uint64_t value, max;
	int r;

	while (digits.n && digits.p[digits.n - 1] == 'L') {
		wide = true;
		digits.n--;
	}
	r = hex ? num_hex(digits, &value) : num_u64(digits, &value);
	if (r == -EINVAL)
		return 0; /* a float, or a syntax error that libconfig tells better */
	max = wide ? INT64_MAX : INT32_MAX;
	if (r == 0 && value <= max + negative)
		return 0;
	return conf_fail(conf, "%s:%u: %s%.*s is too large%s", name, line, negative ? "-" : "",
			 STR_ARG(token), wide ? "" : " (an L after it allows 64 bits)");
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
	       c == '.';
}

/*
 * The end of a string or comment that begins at `p`, NULL when `p` is at neither's begin;
 * ret_open names one that does not end.
 */
static const char *skip_quiet(const char *p, const char **ret_open)
{
	const char *end;

	if (*p == '"') {
		for (end = p + 1; *end && *end != '"'; end++)
			if (*end == '\\' && end[1])
				end++;
		*ret_open = *end ? NULL : "string";
		return *end ? end + 1 : end;
	}
	if (*p == '#' || (*p == '/' && p[1] == '/'))
		return p + strcspn(p, "\n");
	if (*p != '/' || p[1] != '*')
		return NULL;
	end = strstr(p + 2, "*/");
	*ret_open = end ? NULL : "comment";
	return end ? end + 2 : p + strlen(p);
}

/*
 * What libconfig would take without a word, or would not survive: its scanner ends the process
 * when an included file is a directory, waits for ever when it is a FIFO, and takes an open
 * comment for the end of the file.
 */
int conf_check_text(struct conf *conf, const char *text, const char *name)
{
	unsigned line = 1;

	for (const char *p = text, *end; *p; p = end) {
		const char *open = NULL;

		end = skip_quiet(p, &open);
		if (open)
			return conf_fail(conf, "%s:%u: a %s without end", name, line, open);
		if (end) {
			for (; p < end; p++)
				line += *p == '\n';
			continue;
		}
		end = p + 1;
		line += *p == '\n';
		if (*p == '@')
			return conf_fail(conf,
					 "%s:%u: no @include here; conf.d takes further files",
					 name, line);
		if (!is_word(*p))
			continue;
		while (is_word(*end) || *end == '-' || *end == '*')
			end++;
		if (*p >= '0' && *p <= '9' &&
		    check_number(conf, str_between(p, end), p > text && p[-1] == '-', name, line) <
			    0)
			return -EINVAL;
	}
	return 0;
}

int conf_load_text(struct conf *conf, const char *text, const char *name)
{
	config_t config;
	int r;

	conf->source++;
	r = conf_check_text(conf, text, name);
	if (r < 0)
		return r;
	config_init(&config);
	/* A comment in a last line without line end would be a syntax error. */
	if (!str_ends(str_of(text), STR("\n")))
		text = arena_printf(&conf->arena, "%s\n", text).p;
	if (config_read_string(&config, text) != CONFIG_TRUE) {
		const char *file = config_error_file(&config);

		r = conf_fail(conf, "%s:%d: %s", file ? file : name, config_error_line(&config),
			      config_error_text(&config));
	} else {
		r = load_group(conf, config_root_setting(&config), STR(""), name);
	}
	config_destroy(&config);
	return r;
}

static int load_file(struct conf *conf, int dir, const char *file, const char *name)
{
	struct arena arena = { 0 };
	struct stat st;
	struct str text;
	int r;

	/* A character device is fine: /dev/null is the file that says nothing. */
	if (fstatat(dir, file, &st, 0) == 0 && !S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return conf_fail(conf, "%s: not a regular file", name);
	r = file_read(dir, file, CONF_FILE_MAX, &arena, &text);
	if (r == 0 && memchr(text.p, '\0', text.n))
		r = conf_fail(conf, "%s: has NUL bytes: this is no text file", name);
	else if (r == 0)
		r = conf_load_text(conf, text.p, name);
	else if (r == -EFBIG)
		r = conf_fail(conf, "%s: larger than 1 MiB", name);
	else if (r != -ENOENT)
		r = conf_fail(conf, "%s: %s", name, strerror(-r));
	arena_release(&arena);
	return r;
}

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool is_theirs(const struct stat *st)
{
	return st->st_uid != 0 && st->st_uid != geteuid();
}

/*
 * Put there by whoever came first: FILE is in a directory that everybody can write, as /tmp is.
 * What it says would be done as us, commands too.
 */
static bool is_planted(const char *above, const char *dir_name, int fd)
{
	struct stat parent, st, name;

	return stat(above, &parent) == 0 && parent.st_mode & S_IWOTH && fstat(fd, &st) == 0 &&
	       lstat(dir_name, &name) == 0 && (is_theirs(&st) || is_theirs(&name));
}

static int load_drop_ins(struct conf *conf, struct str above)
{
	const char *dir_name = arena_printf(&conf->arena, "%.*s/conf.d", STR_ARG(above)).p;
	_cleanup_dir_ DIR *dir = opendir(dir_name);
	struct str names[DROP_INS_MAX];
	size_t n = 0;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : conf_fail(conf, "%s: %s", dir_name, strerror(errno));
	if (is_planted(above.n ? arena_str(&conf->arena, above).p : "/", dir_name, dirfd(dir)))
		return conf_fail(conf,
				 "%s: made by another user, in a directory that all can write",
				 dir_name);
	for (const struct dirent *e; (e = readdir(dir));) {
		if (!str_ends(str_of(e->d_name), STR(".conf")) || e->d_name[0] == '.')
			continue;
		if (n == DROP_INS_MAX)
			return conf_fail(conf, "%s: more than %d files", dir_name, DROP_INS_MAX);
		names[n++] = arena_str(&conf->arena, str_of(e->d_name));
	}
	qsort(names, n, sizeof(names[0]), by_bytes);
	for (size_t i = 0; i < n && r == 0; i++) {
		const char *name = arena_printf(&conf->arena, "%s/%s", dir_name, names[i].p).p;

		r = load_file(conf, dirfd(dir), names[i].p, name);
		/* A link to nowhere: the directory has just named it. */
		if (r == -ENOENT)
			r = conf_fail(conf, "%s: %s", name, strerror(ENOENT));
	}
	return r;
}

int conf_load(struct conf *conf, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct str dir = slash ? str_between(path, slash) : STR(".");
	int r = load_file(conf, AT_FDCWD, path, path), r2;

	if (r < 0 && r != -ENOENT)
		return r;
	r2 = load_drop_ins(conf, dir);
	return r2 < 0 ? r2 : r;
}
