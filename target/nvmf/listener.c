/* SPDX-License-Identifier: BSD-3-Clause */
/* Listeners: which addresses a subsystem is reached through. Main reactor. */
#include <string.h>

#include "target/core/error.h"
#include "target/nvmf/ana.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

static int find(const struct nvmf_subsystem *s, const struct nvmf_trid *trid)
{
	for (unsigned i = 0; i < s->listeners->len; i++) {
		const struct nvmf_listener *l = g_ptr_array_index(s->listeners, i);

		if (!strcmp(l->trid.trtype, trid->trtype) &&
		    net_addr_equal(&l->trid.addr, &trid->addr))
			return (int)i;
	}
	return -1;
}

static struct nvmf_port *find_port(const struct nvmf_listener *l)
{
	for (unsigned i = 0; i < l->transport->ports->len; i++) {
		struct nvmf_port *port = g_ptr_array_index(l->transport->ports, i);

		if (net_addr_equal(&port->trid.addr, &l->trid.addr))
			return port;
	}
	return NULL;
}

struct nvmf_listener *nvmf_listener_of(const struct nvmf_subsystem *s, uint16_t portid)
{
	for (unsigned i = 0; i < s->listeners->len; i++) {
		struct nvmf_listener *l = g_ptr_array_index(s->listeners, i);

		if (l->portid == portid)
			return l;
	}
	return NULL;
}

struct nvmf_listener *nvmf_subsystem_listener(struct nvmf_subsystem *s,
					      const struct nvmf_trid *trid)
{
	int i = find(s, trid);

	return i >= 0 ? g_ptr_array_index(s->listeners, (unsigned)i) : NULL;
}

bool nvmf_subsystem_add_listener(struct nvmf_subsystem *s, const struct nvmf_trid *trid,
				 GError **error)
{
	return nvmf_subsystem_add_listener_as(s, trid, NVMF_PORTID_ANY, error);
}

bool nvmf_subsystem_add_listener_as(struct nvmf_subsystem *s, const struct nvmf_trid *trid,
				    int portid, GError **error)
{
	struct nvmf_transport *t = nvmf_transport_find(s->tgt, trid->trtype);
	struct nvmf_listener *l;
	struct nvmf_port *port;

	if (t == NULL)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "there is no %s transport; nvmf_create_transport makes it",
				      trid->trtype);
	if (find(s, trid) >= 0)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "%s listens on %s:%s already", s->nqn, trid->traddr,
				      trid->trsvcid);
	port = nvmf_port_get(t, trid, portid, error);
	if (port == NULL)
		return false;
	l = g_new0(struct nvmf_listener, 1);
	l->trid = port->trid;
	l->subsystem = s;
	l->transport = t;
	l->portid = port->portid;
	l->numa_id = -1;
	l->ana = nvmf_ana_new(s->max_namespaces);
	g_ptr_array_add(s->listeners, l);
	nvmf_listener_event(l, NVMF_EVENT_LISTENER_ADD);
	nvmf_discovery_changed(s->tgt);
	return true;
}

void nvmf_listener_free(void *listener)
{
	struct nvmf_listener *l = listener;

	nvmf_ana_unref(l->ana);
	g_free(l->sock_impl);
	g_free(l);
}

void nvmf_listener_drop(struct nvmf_subsystem *s, unsigned index)
{
	nvmf_listener_event(g_ptr_array_index(s->listeners, index), NVMF_EVENT_LISTENER_REMOVE);
	nvmf_port_put(find_port(g_ptr_array_index(s->listeners, index)));
	g_ptr_array_remove_index(s->listeners, index);
}

static bool through(const struct nvmf_ctrlr *c, const void *key)
{
	return c->portid == *(const uint16_t *)key;
}

struct failure {
	nvmf_done done;
	void *arg;
	GError *error;
};

static void call_failure(struct reactor *r, void *arg)
{
	struct failure *f = arg;

	(void)r;
	f->done(f->arg, f->error);
	g_error_free(f->error);
	g_free(f);
}

void nvmf_fail_later(struct nvmf_tgt *tgt, nvmf_done done, void *arg, GError *error)
{
	struct failure *f = g_new0(struct failure, 1);

	*f = (struct failure){ done, arg, error };
	core_call(core_main(tgt->core), call_failure, f);
}

void nvmf_subsystem_remove_listener(struct nvmf_subsystem *s, const struct nvmf_trid *trid,
				    nvmf_done done, void *arg)
{
	int i = find(s, trid);
	uint16_t portid;
	GError *error = NULL;

	if (i < 0) {
		weft_error_set(&error, RPC_INVALID_PARAMS, NULL, "%s does not listen on %s:%s", s->nqn,
			       trid->traddr, trid->trsvcid);
		nvmf_fail_later(s->tgt, done, arg, error);
		return;
	}
	portid = ((struct nvmf_listener *)g_ptr_array_index(s->listeners, (unsigned)i))->portid;
	nvmf_listener_drop(s, (unsigned)i);
	nvmf_discovery_changed(s->tgt);
	nvmf_subsystem_kill_ctrlrs(s, through, &portid, done, arg);
}
