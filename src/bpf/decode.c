/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to text, one decoder after another. The first reads the bytes of the key; each
 * further one reads the text so far, or the number that is written in it: objects made for
 * ebpf_exporter say "uint" before "syscall", ours need not. Keys are written by programs of whoever
 * loads them, from what processes and the network say, so every byte may be anything.
 */
#include <stdlib.h>

#include "base/ip.h"
#include "base/num.h"
#include "bpf/decode_internal.h"

enum { ERRNO_MAX = 4095 };

/* What has been decoded so far. */
struct value {
	struct str s;
	bool is_text;   /* no more the bytes of the key */
	bool has_lines; /* line ends in it are meant */
};

struct decoder *decoder_new(void)
{
	struct decoder *decoder = calloc(1, sizeof(*decoder));

	if (!decoder)
		abort();
#ifdef __x86_64__
	decoder->syscalls = decode_syscalls(true, &decoder->forever);
#else
	decoder->syscalls = decode_syscalls(false, &decoder->forever);
#endif
	decoder->errors = decode_errors(&decoder->forever);
	return decoder;
}

static void forget_expressions(struct decoder *decoder)
{
	for (size_t i = 0; i < decoder->n_expressions; i++)
		regex_free(decoder->expressions[i]);
	decoder->n_expressions = 0;
}

/* What was read in the last pass and may have changed since. */
static void forget_pass(struct decoder *decoder)
{
	known_release(&decoder->interfaces);
	known_release(&decoder->devices);
	known_release(&decoder->users);
	buf_release(&decoder->symbols.entries);
	buf_release(&decoder->symbols.names);
	decoder->symbols.read = false;
	decoder->read_cgroups = decoder->read_interfaces = decoder->read_devices = false;
	decoder->read_users = decoder->read_pci = false;
	decoder->pci_ids = (struct str){ 0 };
	decoder->pci_searches = 0;
}

void decoder_free(struct decoder *decoder)
{
	if (!decoder)
		return;
	forget_pass(decoder);
	forget_expressions(decoder);
	known_release(&decoder->cgroups);
	known_release(&decoder->addresses);
	known_release(&decoder->pci);
	arena_release(&decoder->arena);
	arena_release(&decoder->forever);
	free(decoder);
}

void decoder_begin(struct decoder *decoder, struct host *host)
{
	forget_pass(decoder);
	/* A file of PCI names is a megabyte, and once its names are known nobody reads it again. */
	arena_release(&decoder->arena);
	decoder->host = host;
	decoder->pass++;
}

void decoder_each_regex(const struct decoder *decoder, regex_fn *fn, void *arg)
{
	for (size_t i = 0; i < decoder->n_expressions; i++)
		fn(decoder->expressions[i], arg);
}

static struct str print_u64(uint64_t number, struct arena *arena)
{
	char *to = arena_alloc(arena, NUM_TEXT_MAX);

	return (struct str){ to, num_print_u64(to, number) };
}

static struct str print_i64(int64_t number, struct arena *arena)
{
	char *to = arena_alloc(arena, NUM_TEXT_MAX + 1);

	if (number >= 0)
		return (struct str){ to, num_print_u64(to, (uint64_t)number) };
	to[0] = '-';
	return (struct str){ to, 1 + num_print_u64(to + 1, -(uint64_t)number) };
}

/* Bytes in the order of this machine. False when no number has so many. */
static bool host_order(struct str bytes, uint64_t *ret)
{
	uint32_t u32;
	uint16_t u16;

	switch (bytes.n) {
	case 1:
		*ret = (unsigned char)bytes.p[0];
		return true;
	case 2:
		memcpy(&u16, bytes.p, 2);
		*ret = u16;
		return true;
	case 4:
		memcpy(&u32, bytes.p, 4);
		*ret = u32;
		return true;
	case 8:
		memcpy(ret, bytes.p, 8);
		return true;
	default:
		return false;
	}
}

static int64_t with_sign(uint64_t number, size_t size)
{
	unsigned unused = 64 - 8 * (unsigned)size;

	return (int64_t)(number << unused) >> unused;
}

static struct str until_nul(struct str bytes)
{
	return (struct str){ bytes.p, str_find(bytes, '\0') };
}

static void set_text(struct value *value, struct str text)
{
	value->s = text;
	value->is_text = true;
}

/* A map or an expression that comes first: of a number's size is a number, else a text. */
static void read_as_text(struct value *value, struct arena *arena)
{
	uint64_t number;

	if (value->is_text)
		return;
	if (host_order(value->s, &number))
		set_text(value, print_u64(number, arena));
	else
		set_text(value, until_nul(value->s));
}

static void decode_map(const struct spec_decoder *step, struct value *value, struct arena *arena)
{
	read_as_text(value, arena);
	for (size_t i = 0; i + 1 < step->n; i += 2)
		if (str_eq(step->args[i], value->s)) {
			value->s = step->args[i + 1];
			return;
		}
	if (!step->keep_unknown)
		value->s = ARENA_CONCAT(arena, STR("unknown:"), value->s);
}

/* Compiled once; specs come and go, so it is found by its text. */
static struct regex *compiled(struct decoder *decoder, struct str text, struct arena *arena)
{
	struct regex *regex;
	struct str why;

	for (size_t i = 0; i < decoder->n_expressions; i++)
		if (str_eq(regex_text(decoder->expressions[i]), text))
			return decoder->expressions[i];
	if (decoder->n_expressions == EXPRESSIONS_MAX)
		forget_expressions(decoder);
	if (regex_compile(text, REGEX_GROUPS, arena, &regex, &why) < 0)
		return NULL;
	decoder->expressions[decoder->n_expressions++] = regex;
	return regex;
}

static enum decoded decode_regexp(struct decoder *decoder, const struct spec_decoder *step,
				  struct value *value, struct arena *arena)
{
	read_as_text(value, arena);
	for (size_t i = 0; i < step->n; i++) {
		struct regex *regex = compiled(decoder, step->args[i], arena);
		struct regex_groups groups;

		if (!regex || !regex_find(regex, value->s, &groups))
			continue;
		if (groups.n > 1 && groups.v[1].p)
			set_text(value, groups.v[1]);
		return DECODED;
	}
	return DECODED_SKIP;
}

static struct str word_of(const struct words *words, uint64_t number, const char *unknown,
			  struct arena *arena)
{
	if (number < words->n && words->v[number].p)
		return words->v[number];
	return ARENA_CONCAT(arena, str_of(unknown), print_u64(number, arena));
}

/* The decoders that name a number. */
static struct str name_number(struct decoder *decoder, enum decoder_kind kind, uint64_t number,
			      struct arena *arena)
{
	switch (kind) {
	case DECODE_CGROUP:
		return decode_cgroup(decoder, number, arena);
	case DECODE_ERRNO:
		return word_of(&decoder->errors, number, "unknown:", arena);
	case DECODE_IFNAME:
		return decode_ifname(decoder, number, arena);
	case DECODE_KSYM:
		return decode_ksym(decoder, number, arena);
	case DECODE_MAJORMINOR:
		return decode_majorminor(decoder, number, arena);
	case DECODE_SYSCALL:
		return word_of(&decoder->syscalls, number, "unknown_syscall:", arena);
	case DECODE_USER:
		return decode_user(decoder, number, arena);
	default:
		return decode_pci(decoder, kind, number, arena);
	}
}

static enum decoded decode_number(struct decoder *decoder, enum decoder_kind kind,
				  struct value *value, struct arena *arena)
{
	size_t size = value->s.n;
	int64_t with;
	uint64_t number;

	if (value->is_text) {
		/* A word that a map has put in: it stays. */
		if (num_i64(value->s, &with) == 0 && with < 0 && kind == DECODE_ERRNO)
			number = -(uint64_t)with;
		else if (num_u64(value->s, &number))
			return DECODED;
	} else if (!host_order(value->s, &number)) {
		return DECODED_BAD;
	} else if (kind == DECODE_ERRNO && with_sign(number, size) < 0 &&
		   with_sign(number, size) >= -ERRNO_MAX) {
		/* As the kernel returns it. */
		number = (uint64_t)-with_sign(number, size);
	}
	set_text(value, name_number(decoder, kind, number, arena));
	return DECODED;
}

static struct str print_hex(struct str bytes, struct arena *arena)
{
	static const char digits[] = "0123456789abcdef";
	char *to = arena_alloc(arena, 2 * bytes.n);

	for (size_t i = 0; i < bytes.n; i++) {
		to[2 * i] = digits[(unsigned char)bytes.p[i] >> 4];
		to[2 * i + 1] = digits[bytes.p[i] & 15];
	}
	return (struct str){ to, 2 * bytes.n };
}

/* uint, int, be: of the key's bytes only, as a text that is a number is one already. */
static enum decoded print_number(enum decoder_kind kind, struct value *value, struct arena *arena)
{
	uint64_t number = 0;

	if (value->is_text)
		return DECODED;
	if (!host_order(value->s, &number))
		return DECODED_BAD;
	if (kind == DECODE_INT) {
		set_text(value, print_i64(with_sign(number, value->s.n), arena));
		return DECODED;
	}
	if (kind == DECODE_BE) {
		number = 0;
		for (size_t i = 0; i < value->s.n; i++)
			number = number << 8 | (unsigned char)value->s.p[i];
	}
	set_text(value, print_u64(number, arena));
	return DECODED;
}

static enum decoded decode_step(struct decoder *decoder, const struct spec_decoder *step,
				struct value *value, struct arena *arena)
{
	switch (step->kind) {
	case DECODE_UINT:
	case DECODE_INT:
	case DECODE_BE:
		return print_number(step->kind, value, arena);
	case DECODE_HEX:
		set_text(value, print_hex(value->s, arena));
		return DECODED;
	case DECODE_STRING:
		set_text(value, until_nul(value->s));
		return DECODED;
	case DECODE_MAP:
		decode_map(step, value, arena);
		return DECODED;
	case DECODE_REGEXP:
		return decode_regexp(decoder, step, value, arena);
	case DECODE_DNAME:
		set_text(value, decode_dname(value->s, arena));
		return DECODED;
	case DECODE_INET_IP:
		if (value->is_text || (value->s.n != 4 && value->s.n != 16))
			return DECODED_BAD;
		set_text(value, ip_text(value->s, arena));
		return DECODED;
	case DECODE_KSTACK:
		if (value->is_text || value->s.n % 8)
			return DECODED_BAD;
		set_text(value, decode_kstack(decoder, value->s, arena));
		value->has_lines = true;
		return DECODED;
	default:
		return decode_number(decoder, step->kind, value, arena);
	}
}

static bool is_plain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return true;
}

/*
 * A label must be UTF-8, and no name may paint a terminal or forge a line: what is neither a
 * character nor printable becomes '?', byte by byte.
 */
static struct str make_fit(const struct value *value, struct arena *arena)
{
	struct str rest = value->s;
	char *copy, *to;

	if (is_plain(rest))
		return rest;
	copy = to = arena_alloc(arena, rest.n);
	while (rest.n) {
		size_t n = str_utf8_char(rest);
		bool lines = value->has_lines && rest.p[0] == '\n';
		bool c1 = n == 2 && rest.p[0] == '\xc2' && (unsigned char)rest.p[1] < 0xa0;

		if (!n || c1 || (!lines && ((unsigned char)rest.p[0] < ' ' || rest.p[0] == 0x7f))) {
			*to++ = '?';
			rest = str_skip(rest, 1);
			continue;
		}
		to = mempcpy(to, rest.p, n);
		rest = str_skip(rest, n);
	}
	return str_between(copy, to);
}

enum decoded decode_label(struct decoder *decoder, const struct spec_label *label, const void *key,
			  struct arena *arena, struct str *ret)
{
	struct value value = { .s = { (const char *)key + label->offset, label->size } };

	for (size_t i = 0; i < label->n; i++) {
		enum decoded decoded = decode_step(decoder, &label->decoders[i], &value, arena);

		if (decoded != DECODED)
			return decoded;
	}
	if (!value.is_text)
		return DECODED_BAD;
	*ret = make_fit(&value, arena);
	return DECODED;
}
