/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the calls of a configuration need of this machine: files and devices, addresses
 * and ports, memory, methods that there are. Of a running target, that it still has them.
 */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tools/weftctl/doctor.h"
#include "tools/weftctl/live.h"

static char *place(const struct config *config, const struct config_entry *e)
{
	if (e->line)
		return g_strdup_printf("%s: line %u (%s)", config->name, e->line, e->method);
	return g_strdup_printf("%s: %s, entry %u (%s)", config->name, e->part, e->number,
			       e->method);
}

/* --- files and devices ---------------------------------------------------------------------------
 */

char *doctor_mounted(const char *mountinfo, unsigned major, unsigned minor)
{
	g_autofree char *id = g_strdup_printf("%u:%u", major, minor);
	g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);

	for (char **line = lines; *line; line++) {
		/* number, parent, device, root, mount point, ... */
		g_auto(GStrv) fields = g_strsplit(*line, " ", 6);

		if (g_strv_length(fields) == 6 && strcmp(fields[2], id) == 0)
			return g_strdup(fields[4]);
	}
	return NULL;
}

/* Who else has the device: a file system, another device, swap. */
static char *user_of(const char *path, const struct stat *st)
{
	g_autofree char *mounts = doctor_read("/proc/self/mountinfo");
	g_autofree char *at = NULL;
	int fd;

	if (mounts)
		at = doctor_mounted(mounts, major(st->st_rdev), minor(st->st_rdev));
	if (at)
		return g_strdup_printf("is mounted at %s", at);
	/* the kernel refuses this of what it or somebody else holds, of partitions too */
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	else if (errno == EBUSY)
		return g_strdup("is in use by the kernel (a mounted partition, LVM, md, swap)");
	return NULL;
}

static void say_closed(struct doctor *d, const char *where, const char *path, bool running)
{
	g_autofree char *fix = NULL;

	if (errno == ENOENT || errno == ENOTDIR)
		fix = g_strdup_printf("make it (truncate -s 10G %s), or correct the name", path);
	else if (errno == EROFS)
		fix = g_strdup("--readonly of bdev_aio_create, or another file system");
	else
		fix = g_strdup_printf("let the user of weftd use it: chown, or setfacl -m "
				      "u:USER:rw %s (and x of its folders)",
				      path);
	/* a running target opened it when it could */
	doctor_say(d, running && errno == EACCES ? FINDING_WARNING : FINDING_WRONG, "file", fix,
		   "%s: %s: %s (tried as user %u)", where, path, g_strerror(errno),
		   (unsigned)geteuid());
}

static void look_at_path(struct doctor *d, const char *where, const char *path, bool read_only,
			 bool running)
{
	g_autofree char *user = NULL;
	struct stat st;

	if (stat(path, &st) != 0 || access(path, R_OK | (read_only ? 0 : W_OK)) != 0) {
		say_closed(d, where, path, running);
		return;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		doctor_say(d, FINDING_WRONG, "file", "name a file or a block device",
			   "%s: %s is neither a file nor a block device", where, path);
		return;
	}
	if (S_ISBLK(st.st_mode) && !running)
		user = user_of(path, &st);
	if (user)
		doctor_say(d, FINDING_WRONG, "file",
			   "umount it (lsblk shows what uses it), or name another device",
			   "%s: %s %s", where, path, user);
	else if (S_ISREG(st.st_mode) && st.st_size == 0)
		doctor_say(d, FINDING_WRONG, "file", "truncate -s SIZE, as large as it is to be",
			   "%s: %s is empty", where, path);
	else
		doctor_say(d, FINDING_OK, "file", NULL, "%s is there and may be used", path);
}

/* --- addresses and ports
 * -------------------------------------------------------------------------- */

static const struct addrinfo *resolve(const char *host, const char *service, struct addrinfo **list)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };

	*list = NULL;
	return getaddrinfo(host, service, &hints, list) == 0 ? *list : NULL;
}

/* Addresses that interfaces have, of that family. */
static char *addresses(int family)
{
	g_autoptr(GString) s = g_string_new(NULL);
	struct ifaddrs *list = NULL;

	if (getifaddrs(&list) != 0)
		return g_strdup("none");
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		char host[NI_MAXHOST];
		socklen_t len = family == AF_INET ? sizeof(struct sockaddr_in)
						  : sizeof(struct sockaddr_in6);

		if (i->ifa_addr && i->ifa_addr->sa_family == family && s->len < 400 &&
		    getnameinfo(i->ifa_addr, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST) == 0)
			g_string_append_printf(s, "%s%s (%s)", s->len ? ", " : "", host,
					       i->ifa_name);
	}
	freeifaddrs(list);
	return g_strdup(s->len ? s->str : "none");
}

static int try_bind(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, rc = 0;

	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, 1) != 0)
		rc = errno;
	close(fd);
	return rc;
}

static int try_connect(const struct addrinfo *a)
{
	const struct timeval patience = { .tv_sec = 2 };
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0)
		rc = errno;
	close(fd);
	return rc;
}

static void say_unbound(struct doctor *d, const char *where, const char *host, const char *service,
			int family, int err)
{
	g_autofree char *fix = NULL, *there = NULL;

	if (err == EADDRINUSE) {
		fix = g_strdup_printf("ss -ltnp 'sport = :%s' says who; if nobody, it is the "
				      "kernel's own target: nvmetcli clear",
				      service);
		doctor_say(d, FINDING_WRONG, "listener", fix, "%s: port %s of %s is in use", where,
			   service, host);
	} else if (err == EADDRNOTAVAIL) {
		there = addresses(family);
		fix = g_strdup_printf("an address of this machine (%s), or %s for all; or ip addr "
				      "add %s/LENGTH dev INTERFACE",
				      there, family == AF_INET ? "0.0.0.0" : "::", host);
		doctor_say(d, FINDING_WRONG, "listener", fix, "%s: no interface has the address %s",
			   where, host);
	} else if (err == EACCES) {
		doctor_say(d, FINDING_WRONG, "listener",
			   "AmbientCapabilities=CAP_NET_BIND_SERVICE in the service, or a port "
			   "from 1024 on",
			   "%s: port %s needs a privilege", where, service);
	} else {
		doctor_say(d, FINDING_WRONG, "listener", "correct the address", "%s: %s port %s: %s",
			   where, host, service, g_strerror(err));
	}
}

char *doctor_served(const char *trtype, const char *address, const char *port)
{
	g_autofree char *type = g_ascii_strdown(*trtype ? trtype : "tcp", -1);

	return g_strdup_printf("%s %s %s", type, address, port);
}

/* A port of RDMA is the connection manager's: of the machine it takes an address, and one of UDP.
 */
static void look_at_rdma(struct doctor *d, const char *where, const char *host, const char *service,
			 const struct addrinfo *a, bool running)
{
	int err = doctor_rdma_bind(a->ai_addr, a->ai_addrlen, false);

	if (err) {
		say_unbound(d, where, host, service, a->ai_family, err);
		return;
	}
	if (d->verbs) {
		doctor_rdma_address(d, where, service, a->ai_addr, a->ai_addrlen);
		return;
	}
	if (!running && !d->rdma)
		err = doctor_rdma_bind(a->ai_addr, a->ai_addrlen, true);
	if (err == EADDRINUSE)
		doctor_say(d, FINDING_WRONG, "listener",
			   "rdma link show (rdma_rxe has it where it has a device: rdma link "
			   "delete NAME), ss -lunp 'sport = :4791' (another program)",
			   "%s: UDP port 4791 of %s, which software RoCE needs, is in use", where,
			   host);
	else if (err)
		say_unbound(d, where, host, "4791 (UDP)", a->ai_family, err);
	else
		doctor_say(d, FINDING_OK, "listener", NULL, "%s port %s (RDMA): %s", host, service,
			   running ? "the address is there"
				   : "UDP port 4791 is free, or the target's own");
	doctor_rdma_buffers(d);
}

static void look_at_tcp(struct doctor *d, const char *where, const char *host, const char *service,
			const struct addrinfo *a, bool running)
{
	g_autofree char *name = doctor_served("tcp", host, service);
	int err = running ? try_connect(a) : try_bind(a);

	if (err == EADDRINUSE && g_hash_table_contains(d->served, name))
		err = 0; /* the target that runs has it */
	if (!err)
		doctor_say(d, FINDING_OK, "listener", NULL, "%s port %s %s", host, service,
			   running ? "accepts hosts" : "is free, or the target's own");
	else if (running)
		doctor_say(d, FINDING_WRONG, "listener",
			   "ip addr (is the address there?), nft list ruleset (is it let in?)",
			   "%s: %s port %s cannot be connected to: %s", where, host, service,
			   g_strerror(err));
	else
		say_unbound(d, where, host, service, a->ai_family, err);
}

static void look_at_listener(struct doctor *d, const char *where, const char *host,
			     const char *service, bool rdma, bool running)
{
	struct addrinfo *list;
	const struct addrinfo *a = resolve(host, *service ? service : "4420", &list);

	if (!a) {
		doctor_say(d, FINDING_WRONG, "listener",
			   "an IPv4 or IPv6 address and a number, such as 192.0.2.1 and 4420",
			   "%s: \"%s\" port \"%s\" is no address", where, host, service);
		return;
	}
	(rdma ? look_at_rdma : look_at_tcp)(d, where, host, service, a, running);
	freeaddrinfo(list);
}

static void look_at_address(struct doctor *d, const char *where, const struct jv *v, bool running)
{
	const char *type = live_text(v, "trtype");
	bool rdma = g_ascii_strcasecmp(type, "rdma") == 0;

	if (*type && !rdma && g_ascii_strcasecmp(type, "tcp") != 0)
		return; /* what others need is for weftd to say */
	if (*live_text(v, "traddr"))
		look_at_listener(d, where, live_text(v, "traddr"), live_text(v, "trsvcid"), rdma,
				 running);
}

/* --- calls
 * ---------------------------------------------------------------------------------------- */

static void look_at_call(struct doctor *d, const struct config *config,
			 const struct config_entry *e, bool running)
{
	g_autofree char *where = place(config, e);
	const struct jv *p = e->params, *list;
	const char *method = e->method, *near;
	struct command c;

	if (!command_find(method, &c)) {
		near = command_nearest(method);
		if (!running)
			doctor_say(d, FINDING_WARNING, "config",
				   near ? near : "weftd --check-config says what becomes of it",
				   "%s: there is no such method", where);
		return;
	}
	method = c.now ? c.now : c.method;
	if (strcmp(method, "bdev_aio_create") == 0 || strcmp(method, "bdev_uring_create") == 0) {
		const struct jv *ro = p ? jv_member(p, "readonly") : NULL;

		look_at_path(d, where, live_text(p, "filename"), ro && ro->truth, running);
	}
	if (strcmp(method, "bdev_malloc_create") == 0)
		d->memory += live_number(p, "num_blocks") * live_number(p, "block_size");
	if (strcmp(method, "nvmf_subsystem_add_listener") == 0 && p &&
	    jv_member(p, "listen_address"))
		look_at_address(d, where, jv_member(p, "listen_address"), running);
	if (strcmp(method, "metrics_start") == 0)
		look_at_address(d, where, p, running);
	list = p ? jv_member(p, "listen_addresses") : NULL;
	for (const struct jv *v = list ? list->first : NULL; v; v = v->next)
		look_at_address(d, where, v, running);
}

void doctor_config(struct doctor *d, const struct config *config, bool running)
{
	for (guint i = 0; i < config->entries->len; i++)
		look_at_call(d, config, &g_array_index(config->entries, struct config_entry, i),
			     running);
}
