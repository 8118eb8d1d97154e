/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel is played here: send() notes the question, recvmsg() gives prepared datagrams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include "host/netlink.h"

enum { DATAGRAMS_MAX = 8, DATAGRAM_SIZE = 4096 };

static struct datagram {
	char p[DATAGRAM_SIZE];
	size_t n;
	int error, flags;
	uint32_t from;
} datagrams[DATAGRAMS_MAX];

static size_t n_datagrams, next_datagram, n_questions;
static uint16_t asked;
static int asked_fd, family_asked;

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	struct nlmsghdr header;

	(void)flags;
	memcpy(&header, p, sizeof(header));
	assert_int_equal(header.nlmsg_len, n);
	assert_int_equal(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
	asked = header.nlmsg_type;
	asked_fd = fd;
	family_asked = ((const unsigned char *)p)[NLMSG_HDRLEN];
	n_questions++;
	return (ssize_t)n;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	struct datagram *d = &datagrams[next_datagram];
	struct sockaddr_nl from = { .nl_family = AF_NETLINK, .nl_pid = d->from };

	(void)flags;
	assert_int_equal(fd, asked_fd);
	if (next_datagram == n_datagrams)
		fail_msg("asked for more than there is");
	next_datagram++;
	if (d->error) {
		errno = d->error;
		return -1;
	}
	assert_true(message->msg_iov[0].iov_len >= d->n);
	if (d->n)
		memcpy(message->msg_iov[0].iov_base, d->p, d->n);
	memcpy(message->msg_name, &from, sizeof(from));
	message->msg_namelen = sizeof(from);
	message->msg_flags = d->flags;
	return (ssize_t)d->n;
}

static struct datagram *add_datagram(void)
{
	assert_true(n_datagrams < DATAGRAMS_MAX);
	datagrams[n_datagrams] = (struct datagram){ 0 };
	return &datagrams[n_datagrams++];
}

static void put(struct datagram *d, const void *p, size_t n)
{
	assert_true(d->n + NLMSG_ALIGN(n) <= DATAGRAM_SIZE);
	memcpy(d->p + d->n, p, n);
	d->n += NLMSG_ALIGN(n);
}

/* Begins a message; returns where its header is. */
static size_t begin(struct datagram *d, uint16_t type, uint16_t flags, uint32_t sequence,
		    const void *body, size_t n)
{
	size_t at = d->n;
	struct nlmsghdr header = {
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_MULTI | flags),
		.nlmsg_seq = sequence,
	};

	put(d, &header, sizeof(header));
	put(d, body, n);
	return at;
}

static void end(struct datagram *d, size_t at)
{
	uint32_t size = (uint32_t)(d->n - at);

	memcpy(d->p + at, &size, sizeof(size));
}

static void attribute(struct datagram *d, uint16_t type, const void *p, size_t n)
{
	struct rtattr header = { .rta_len = (uint16_t)(sizeof(header) + n), .rta_type = type };

	put(d, &header, sizeof(header));
	put(d, p, n);
}

static void put_link(struct datagram *d, uint16_t flags, uint32_t sequence, int index,
		     const char *name)
{
	const struct ifinfomsg info = { .ifi_index = index, .ifi_type = ARPHRD_ETHER };
	size_t at = begin(d, RTM_NEWLINK, flags, sequence, &info, sizeof(info));

	attribute(d, IFLA_IFNAME, name, strlen(name) + 1);
	end(d, at);
}

static void put_end(struct datagram *d, uint16_t type, uint16_t flags, uint32_t sequence, int error)
{
	end(d, begin(d, type, flags, sequence, &error, sizeof(error)));
}

static int start(void **state)
{
	static struct host host;

	host = (struct host){ .cycle = 1 };
	n_datagrams = next_datagram = n_questions = 0;
	*state = &host;
	return 0;
}

static int stop(void **state)
{
	struct host *host = *state;

	netlink_free(host->netlink);
	return 0;
}

static void assert_links(struct host *host, const char *const *names, size_t n)
{
	const struct link *links;
	size_t got;

	assert_int_equal(netlink_links(host, &links, &got), 0);
	assert_int_equal(got, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(links[i].name.p, names[i]);
	assert_int_equal(next_datagram, n_datagrams);
}

#define ASSERT_LINKS(host, ...)                                  \
	assert_links(host, (const char *const[]){ __VA_ARGS__ }, \
		     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void test_several_datagrams(void **state)
{
	struct datagram *d = add_datagram();

	put_link(d, 0, 1, 1, "lo");
	put_link(d, 0, 1, 2, "eth0");
	put_link(add_datagram(), 0, 1, 9, "br\"0\\");
	put_end(add_datagram(), NLMSG_DONE, 0, 1, 0);
	ASSERT_LINKS(*state, "lo", "eth0", "br\"0\\");
	assert_int_equal(asked, RTM_GETLINK);
}

static void test_once_per_cycle(void **state)
{
	struct host *host = *state;
	struct datagram *d = add_datagram();

	put_link(d, 0, 1, 1, "lo");
	put_end(d, NLMSG_DONE, 0, 1, 0);
	ASSERT_LINKS(host, "lo");
	ASSERT_LINKS(host, "lo");
	assert_int_equal(n_questions, 1);
	host->cycle++;
	d = add_datagram();
	put_link(d, 0, 2, 7, "eth7");
	put_end(d, NLMSG_DONE, 0, 2, 0);
	ASSERT_LINKS(host, "eth7");
	assert_int_equal(n_questions, 2);
}

static void test_interrupted_is_asked_again(void **state)
{
	struct datagram *d = add_datagram();

	put_link(d, 0, 1, 1, "old");
	put_link(d, NLM_F_DUMP_INTR, 1, 2, "older");
	put_end(d, NLMSG_DONE, 0, 1, 0);
	d = add_datagram();
	put_link(d, 0, 2, 1, "new");
	put_end(d, NLMSG_DONE, 0, 2, 0);
	ASSERT_LINKS(*state, "new");
	assert_int_equal(n_questions, 2);
}

static void test_interrupted_twice_is_taken_without_repeats(void **state)
{
	for (uint32_t sequence = 1; sequence <= 2; sequence++) {
		struct datagram *d = add_datagram();

		put_link(d, 0, sequence, 1, "lo");
		put_link(d, 0, sequence, 2, "eth0");
		put_link(d, 0, sequence, 1, "lo");
		put_end(d, NLMSG_DONE, NLM_F_DUMP_INTR, sequence, 0);
	}
	ASSERT_LINKS(*state, "lo", "eth0");
	assert_int_equal(n_questions, 2);
}

static void test_what_is_not_ours(void **state)
{
	struct datagram *d = add_datagram();

	d->from = 4711;
	put_link(d, 0, 1, 66, "forged");
	d = add_datagram();
	put_link(d, 0, 99, 67, "late");
	put_link(d, 0, 1, 1, "lo");
	put_end(d, NLMSG_NOOP, 0, 1, 0);
	put_end(d, NLMSG_DONE, 0, 1, 0);
	ASSERT_LINKS(*state, "lo");
}

static void assert_failure(struct host *host, int error)
{
	const struct link *links;
	size_t n;

	assert_int_equal(netlink_links(host, &links, &n), error);
	/* Remembered for the cycle: the others need not wait again. */
	assert_int_equal(netlink_links(host, &links, &n), error);
	assert_int_equal(n_questions, 1);
	assert_int_equal(fcntl(asked_fd, F_GETFD), -1);

	struct datagram *d = add_datagram();

	host->cycle++;
	put_link(d, 0, 2, 1, "lo");
	put_end(d, NLMSG_DONE, 0, 2, 0);
	ASSERT_LINKS(host, "lo");
	assert_int_equal(fcntl(asked_fd, F_GETFD), FD_CLOEXEC);
}

static void test_silence_is_a_timeout(void **state)
{
	add_datagram()->error = EINTR;
	add_datagram()->error = EAGAIN;
	assert_failure(*state, -ETIMEDOUT);
}

static void test_refused(void **state)
{
	put_end(add_datagram(), NLMSG_ERROR, 0, 1, -EPERM);
	assert_failure(*state, -EPERM);
}

static void test_ends_with_an_error(void **state)
{
	put_link(add_datagram(), 0, 1, 1, "lo");
	put_end(add_datagram(), NLMSG_DONE, 0, 1, -ENOMEM);
	assert_failure(*state, -ENOMEM);
}

static void test_too_long(void **state)
{
	struct datagram *d = add_datagram();

	put_link(d, 0, 1, 1, "lo");
	d->flags = MSG_TRUNC;
	assert_failure(*state, -EMSGSIZE);
}

static void test_many_links(void **state)
{
	struct host *host = *state;
	const struct link *links;
	char name[] = "veth00";
	size_t n;

	for (int i = 0; i < 90; i++) {
		struct datagram *d = i % 30 ? &datagrams[n_datagrams - 1] : add_datagram();

		name[4] = (char)('0' + i / 10);
		name[5] = (char)('0' + i % 10);
		put_link(d, 0, 1, i + 1, name);
	}
	put_end(add_datagram(), NLMSG_DONE, 0, 1, 0);
	assert_int_equal(netlink_links(host, &links, &n), 0);
	assert_int_equal(n, 90);
	for (int i = 0; i < 90; i++) {
		assert_int_equal(links[i].index, i + 1);
		assert_int_equal(links[i].name.p[5], '0' + i % 10);
	}
}

static void put_full_link(struct datagram *d)
{
	static const unsigned char address[] = { 2, 0xfc, 0, 0, 0, 1 };
	const struct ifinfomsg info = { .ifi_index = 5, .ifi_type = 772, .ifi_flags = 0x11043 };
	const struct rtnl_link_stats64 stats = { .rx_packets = 1, .rx_nohandler = UINT64_MAX };
	uint32_t numbers[] = { 3, 1500, 1000, 12, 7, 4, 3 };
	uint16_t types[] = { IFLA_LINK,
			     IFLA_MTU,
			     IFLA_TXQLEN,
			     IFLA_GROUP,
			     IFLA_CARRIER_CHANGES,
			     IFLA_CARRIER_UP_COUNT,
			     IFLA_CARRIER_DOWN_COUNT };
	uint8_t states[] = { 6, 1, 1 };

	put(d, &info, sizeof(info));
	attribute(d, IFLA_IFNAME, "eth5", 5);
	attribute(d, IFLA_IFALIAS, "up \"link\"", 10);
	attribute(d, IFLA_ADDRESS, address, sizeof(address));
	attribute(d, IFLA_BROADCAST, address, 1);
	for (size_t i = 0; i < 7; i++)
		attribute(d, types[i], &numbers[i], sizeof(numbers[i]));
	attribute(d, IFLA_OPERSTATE, &states[0], 1);
	attribute(d, IFLA_LINKMODE, &states[1], 1);
	attribute(d, IFLA_CARRIER, &states[2], 1);
	attribute(d, IFLA_STATS64 | NLA_F_NESTED, &stats,
		  offsetof(struct rtnl_link_stats64, rx_nohandler) + 8);
}

static void test_link_attributes(void **state)
{
	struct arena arena = { 0 };
	struct datagram d = { 0 };
	struct link link;

	(void)state;
	put_full_link(&d);
	assert_true(netlink_parse_link((struct str){ d.p, d.n }, &arena, &link));
	assert_int_equal(link.index, 5);
	assert_int_equal(link.lower_index, 3);
	assert_int_equal(link.type, 772);
	assert_int_equal(link.flags, 0x11043);
	assert_string_equal(link.name.p, "eth5");
	assert_int_equal(link.name.n, 4);
	assert_string_equal(link.alias.p, "up \"link\"");
	assert_int_equal(link.address.n, 6);
	assert_memory_equal(link.address.p, "\2\xfc\0\0\0\1", 6);
	assert_int_equal(link.broadcast.n, 1);
	assert_int_equal(link.mtu, 1500);
	assert_int_equal(link.tx_queue_len, 1000);
	assert_int_equal(link.group, 12);
	assert_int_equal(link.carrier_changes, 7);
	assert_int_equal(link.carrier_up_changes, 4);
	assert_int_equal(link.carrier_down_changes, 3);
	assert_int_equal(link.operstate, 6);
	assert_int_equal(link.link_mode, 1);
	assert_int_equal(link.carrier, 1);
	assert_int_equal(link.stats.rx_packets, 1);
	assert_true(link.stats.rx_nohandler == UINT64_MAX);
	assert_int_equal(link.stats_size, offsetof(struct rtnl_link_stats64, rx_nohandler) + 8);
	assert_int_equal(link.stats.rx_otherhost_dropped, 0);
	arena_release(&arena);
}

/* Cut after every byte: never a read past the end, which the sanitizer would see. */
static void test_cut_messages(void **state)
{
	struct arena arena = { 0 };
	struct datagram d = { 0 };
	size_t good = 0;

	(void)state;
	put_full_link(&d);
	for (size_t n = 0; n <= d.n; n++) {
		char *copy = memcpy(test_malloc(n + 1), d.p, n);
		struct neighbour neighbour;
		struct address address;
		struct link link;

		good += netlink_parse_link((struct str){ copy, n }, &arena, &link);
		(void)netlink_parse_neighbour((struct str){ copy, n }, &neighbour);
		(void)netlink_parse_address((struct str){ copy, n }, &address);
		test_free(copy);
	}
	/* From the end of the name on. */
	assert_int_equal(good, d.n - (sizeof(struct ifinfomsg) + sizeof(struct rtattr) + 5) + 1);
	arena_release(&arena);
}

static void test_link_of_itself(void **state)
{
	struct arena arena = { 0 };
	struct datagram d = { 0 };
	const struct ifinfomsg info = { .ifi_index = 5 };
	struct link link;

	(void)state;
	put(&d, &info, sizeof(info));
	assert_false(netlink_parse_link((struct str){ d.p, d.n }, &arena, &link));
	attribute(&d, IFLA_IFNAME, "eth5", 5);
	assert_true(netlink_parse_link((struct str){ d.p, d.n }, &arena, &link));
	assert_int_equal(link.lower_index, 5);
	assert_int_equal(link.stats_size, 0);
	arena_release(&arena);
}

static void test_neighbours(void **state)
{
	static const struct ndmsg entries[] = {
		{ .ndm_family = AF_INET, .ndm_ifindex = 2, .ndm_state = NUD_REACHABLE },
		{ .ndm_family = AF_INET, .ndm_ifindex = 3, .ndm_state = NUD_NOARP },
	};
	struct arena arena = { 0 };
	struct datagram *d = add_datagram();
	struct neighbour *neighbours;
	size_t n;

	for (size_t i = 0; i < 2; i++)
		end(d, begin(d, RTM_NEWNEIGH, 0, 1, &entries[i], sizeof(entries[i])));
	put_end(d, NLMSG_DONE, 0, 1, 0);
	assert_int_equal(netlink_neighbours(*state, AF_INET, &arena, &neighbours, &n), 0);
	assert_int_equal(asked, RTM_GETNEIGH);
	assert_int_equal(family_asked, AF_INET);
	assert_int_equal(n, 2);
	assert_int_equal(neighbours[0].index, 2);
	assert_int_equal(neighbours[0].state, NUD_REACHABLE);
	assert_int_equal(neighbours[1].index, 3);
	assert_int_equal(neighbours[1].state, NUD_NOARP);
	arena_release(&arena);
}

static void test_addresses(void **state)
{
	const struct ifaddrmsg info = { .ifa_family = AF_INET,
					.ifa_prefixlen = 24,
					.ifa_index = 2 };
	struct arena arena = { 0 };
	struct datagram *d = add_datagram();
	struct address *addresses;
	size_t n, at;

	at = begin(d, RTM_NEWADDR, 0, 1, &info, sizeof(info));
	attribute(d, IFA_ADDRESS, "\xc0\0\2\7", 4);
	attribute(d, IFA_LOCAL, "\xc0\0\2\1", 4);
	end(d, at);
	at = begin(d, RTM_NEWADDR, 0, 1, &info, sizeof(info));
	attribute(d, IFA_ADDRESS, "\xc0\0\2\x9", 4);
	end(d, at);
	end(d, begin(d, RTM_NEWADDR, 0, 1, &info, sizeof(info)));
	put_end(d, NLMSG_DONE, 0, 1, 0);
	assert_int_equal(netlink_addresses(*state, &arena, &addresses, &n), 0);
	assert_int_equal(asked, RTM_GETADDR);
	assert_int_equal(n, 2);
	assert_int_equal(addresses[0].index, 2);
	assert_int_equal(addresses[0].family, AF_INET);
	assert_int_equal(addresses[0].prefix_length, 24);
	assert_memory_equal(addresses[0].bytes, "\xc0\0\2\1", 4);
	assert_memory_equal(addresses[1].bytes, "\xc0\0\2\x9", 4);
	arena_release(&arena);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_several_datagrams),
		TEST(test_once_per_cycle),
		TEST(test_interrupted_is_asked_again),
		TEST(test_interrupted_twice_is_taken_without_repeats),
		TEST(test_what_is_not_ours),
		TEST(test_silence_is_a_timeout),
		TEST(test_refused),
		TEST(test_ends_with_an_error),
		TEST(test_too_long),
		TEST(test_many_links),
		TEST(test_link_attributes),
		TEST(test_cut_messages),
		TEST(test_link_of_itself),
		TEST(test_neighbours),
		TEST(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
