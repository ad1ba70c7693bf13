/* SPDX-License-Identifier: BSD-3-Clause */
/* The target that runs: whether it can be reached, and what it says of itself. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tools/weftctl/doctor.h"
#include "tools/weftctl/live.h"

/* --- the socket
 * ----------------------------------------------------------------------------------- */

static void socket_rights(struct doctor *d)
{
	struct stat st;

	if (stat(d->ctl->server, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	if (st.st_mode & S_IWOTH)
		doctor_say(
			d, FINDING_WRONG, "RPC socket",
			"chmod 600, or weftd --rpc-group GROUP for a group",
			"every user of this machine may do anything with the target: %s has mode "
			"%04o",
			d->ctl->server, st.st_mode & 07777u);
	else
		doctor_say(d, FINDING_OK, "RPC socket", NULL, "%s has mode %04o", d->ctl->server,
			   st.st_mode & 07777u);
}

static void find_pid(struct doctor *d)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(conn_fd(d->ctl->conn), SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    peer.pid > 0)
		d->pid = peer.pid;
}

static bool reach(struct doctor *d, bool wanted)
{
	g_autoptr(GError) error = NULL;

	d->ctl->conn = conn_open(d->ctl->server, d->ctl->port, d->ctl->retries, &error);
	d->reachable = d->ctl->conn != NULL;
	if (d->reachable)
		find_pid(d);
	else if (wanted || error->code == -EACCES)
		doctor_say(d, FINDING_WRONG, "target",
			   error->code == -EACCES
				   ? "sudo, or weftd --rpc-group with a group that you are in"
				   : "systemctl start weftd; or name its socket with weftctl -s",
			   "%s", ctl_reason(error));
	else
		doctor_say(d, FINDING_OK, "target", NULL,
			   "none runs at %s, which a file does not need", d->ctl->server);
	return d->reachable;
}

/* --- what it says
 * --------------------------------------------------------------------------------- */

/* NULL: it does not say that, in this state or release. */
static struct jv_doc *ask(struct doctor *d, const char *method, const char *params)
{
	g_autoptr(GError) error = NULL;
	struct jv_doc *doc = d->ctl->conn ? ctl_call(d->ctl, method, params, &error) : NULL;

	if (!doc && error) {
		doctor_say(d, FINDING_WRONG, "target", "look at its log: journalctl -u weftd",
			   "%s: %s", method, ctl_reason(error));
		conn_close(g_steal_pointer(&d->ctl->conn));
	}
	if (doc && !ctl_result(doc))
		g_clear_pointer(&doc, jv_doc_unref);
	return doc;
}

static void kept(struct doctor *d)
{
	struct jv_doc *doc = ask(d, "config_get_status", "");
	const struct jv *v = doc ? ctl_result(doc) : NULL;
	const char *state = live_text(v, "state");

	if (strcmp(state, "failing") == 0)
		doctor_say(d, FINDING_WRONG, "saving",
			   "room and rights for that file; it is tried again every second",
			   "%s cannot be written: %s. A restart would lose changes",
			   live_text(v, "file"), live_text(v, "problem"));
	else if (strcmp(state, "off") == 0)
		doctor_say(d, FINDING_WARNING, "saving",
			   "weftd --state FILE, or weftctl save_config > FILE after each change",
			   "nothing keeps what is changed; a restart forgets it");
	else if (*state)
		doctor_say(d, FINDING_OK, "saving", NULL, "the configuration is in %s (%s)",
			   live_text(v, "file"), state);
	jv_doc_unref(doc);
}

static bool any(const struct jv *v, const char *key)
{
	const struct jv *list = jv_member(v, key);

	return list && list->type == JV_ARRAY && list->first;
}

static void look_at_subsystem(struct doctor *d, const struct jv *v)
{
	const struct jv *open = jv_member(v, "allow_any_host");
	const struct jv *addresses = jv_member(v, "listen_addresses");
	const char *nqn = live_text(v, "nqn");
	g_autofree char *fix = NULL;

	for (const struct jv *a = addresses ? addresses->first : NULL; a; a = a->next)
		g_hash_table_add(d->served,
				 doctor_served(live_text(a, "trtype"), live_text(a, "traddr"),
					       live_text(a, "trsvcid")));
	if (g_ascii_strcasecmp(live_text(v, "subtype"), "NVMe") != 0)
		return;
	if (!any(v, "listen_addresses")) {
		fix = g_strdup_printf("weftctl nvmf_subsystem_add_listener %s -t tcp -a ADDRESS "
				      "-s 4420",
				      nqn);
		doctor_say(d, FINDING_WARNING, "subsystem", fix,
			   "%s has no listener: no host can find it", nqn);
	} else if (!(open && open->truth) && !any(v, "hosts")) {
		fix = g_strdup_printf("weftctl nvmf_subsystem_add_host %s HOSTNQN (on the host: "
				      "/etc/nvme/hostnqn); refused ones are in the log: "
				      "journalctl -u weftd -g 'connect refused'",
				      nqn);
		doctor_say(d, FINDING_WARNING, "subsystem", fix, "%s lets no host connect", nqn);
	} else if (!any(v, "namespaces")) {
		fix = g_strdup_printf("weftctl nvmf_subsystem_add_ns %s BDEV", nqn);
		doctor_say(d, FINDING_WARNING, "subsystem", fix, "%s has no namespace", nqn);
	} else {
		doctor_say(d, FINDING_OK, "subsystem", NULL, "%s can be used", nqn);
	}
}

static void transports(struct doctor *d)
{
	struct jv_doc *doc = ask(d, "nvmf_get_transports", "");
	const struct jv *list = doc ? ctl_result(doc) : NULL;

	for (const struct jv *v = list && list->type == JV_ARRAY ? list->first : NULL; v;
	     v = v->next)
		d->rdma |= g_ascii_strcasecmp(live_text(v, "trtype"), "rdma") == 0;
	jv_doc_unref(doc);
}

/* As nvmf_get_stats has it of an RNIC whose place is known. */
static void look_at_place(struct doctor *d, const struct jv *rnic)
{
	const struct jv *near = jv_member(rnic, "near");
	guint64 node = live_number(rnic, "numa_id");
	g_autofree char *path = NULL, *cpus = NULL, *fix = NULL;

	if (!jv_member(rnic, "numa_id") || !near)
		return;
	if (near->first) {
		doctor_say(d, FINDING_OK, "NUMA", NULL,
			   "%s is at NUMA node %" G_GUINT64_FORMAT ", and reactors there serve it",
			   live_text(rnic, "name"), node);
		return;
	}
	path = g_strdup_printf("/sys/devices/system/node/node%" G_GUINT64_FORMAT "/cpulist", node);
	cpus = doctor_read(path);
	fix = g_strdup_printf("weftd -m [%s] has processors of that node (a poll_groups_mask of "
			      "nvmf_set_config must not leave them out)",
			      cpus && *cpus ? cpus : "...");
	doctor_say(d, FINDING_WARNING, "NUMA", fix,
		   "%s is at NUMA node %" G_GUINT64_FORMAT
		   ", where no reactor is: its data goes between nodes",
		   live_text(rnic, "name"), node);
}

/* RDMA without the device of software RoCE goes over RNICs, or over none that is left. */
static void rnics(struct doctor *d)
{
	struct jv_doc *doc = d->rdma ? ask(d, "nvmf_get_stats", "") : NULL;
	const struct jv *list = doc ? jv_member(ctl_result(doc), "rdma_devices") : NULL;

	d->verbs = doc != NULL;
	for (const struct jv *v = list && list->type == JV_ARRAY ? list->first : NULL; v;
	     v = v->next) {
		d->verbs &= !g_str_has_prefix(live_text(v, "name"), "soft");
		look_at_place(d, v);
	}
	jv_doc_unref(doc);
}

static void subsystems(struct doctor *d)
{
	struct jv_doc *doc = ask(d, "nvmf_get_subsystems", "");
	const struct jv *list = doc ? ctl_result(doc) : NULL;

	for (const struct jv *v = list && list->type == JV_ARRAY ? list->first : NULL; v;
	     v = v->next)
		look_at_subsystem(d, v);
	jv_doc_unref(doc);
}

static void reactors(struct doctor *d)
{
	struct jv_doc *doc =
		ask(d, "metrics_get", "{\"sections\": [\"reactors\"], \"histograms\": false}");
	const struct jv *list = doc ? jv_member(ctl_result(doc), "reactors") : NULL;
	guint64 waits = 0, waiting = 0;

	for (const struct jv *v = list ? list->first : NULL; v; v = v->next) {
		waits += live_number(jv_member(v, "pool"), "waits");
		waiting += live_number(v, "commands_waiting");
	}
	if (list && waits + waiting > 0)
		doctor_say(d, FINDING_WARNING, "buffers",
			   "more reactors (weftd -m), smaller queues (nvmf_create_transport -q)",
			   "commands had to wait for a buffer %" G_GUINT64_FORMAT
			   " times; %" G_GUINT64_FORMAT " wait now",
			   waits, waiting);
	else if (list)
		doctor_say(d, FINDING_OK, "buffers", NULL, "no command had to wait for one");
	jv_doc_unref(doc);
}

/* The configuration of one part, as calls. */
static void look_at_part(struct doctor *d, const char *part)
{
	g_autofree char *params = g_strdup_printf("{\"name\": \"%s\"}", part), *text = NULL;
	struct jv_doc *doc = ask(d, "framework_get_config", params);
	const struct jv *calls = doc ? ctl_result(doc) : NULL;
	struct config *config;

	if (!calls || calls->type != JV_ARRAY) {
		jv_doc_unref(doc);
		return;
	}
	text = g_strdup_printf("{\"subsystems\": [{\"subsystem\": \"%s\", \"config\": %.*s}]}",
			       part, (int)calls->raw_len, calls->raw);
	config = config_parse("the target", text, strlen(text), NULL);
	for (guint i = 0; config && i < config->entries->len; i++)
		g_array_index(config->entries, struct config_entry, i).line = 0;
	if (config)
		doctor_config(d, config, true);
	config_free(config);
	jv_doc_unref(doc);
}

void doctor_target(struct doctor *d, bool wanted)
{
	struct jv_doc *doc;

	if (!reach(d, wanted))
		return;
	doc = ask(d, "spdk_get_version", "");
	if (!doc)
		return;
	jv_doc_unref(doc);
	doctor_say(d, FINDING_OK, "target", NULL, "answers at %s", d->ctl->server);
	socket_rights(d);
	kept(d);
	transports(d);
	if (d->rdma)
		rnics(d);
	subsystems(d);
	reactors(d);
	if (!wanted)
		return; /* it is a file that is looked at */
	if (d->rdma && d->verbs)
		doctor_rdma_devices(d);
	look_at_part(d, "bdev");
	look_at_part(d, "nvmf");
	look_at_part(d, "metrics");
}
