/* SPDX-License-Identifier: BSD-3-Clause */
/* Transports by name, their options, and the addresses they listen on. Main reactor. */
#include "target/nvmf/transport.h"

#include <errno.h>

#include "target/core/error.h"
#include "target/nvmf/tgt.h"

static const struct nvmf_transport_ops *const all_ops[] = { &nvmf_tcp_ops, &nvmf_rdma_ops };

void nvmf_transport_options_default(struct nvmf_transport_options *opts)
{
	*opts = (struct nvmf_transport_options){
		.max_queue_depth = 128,
		.max_io_qpairs_per_ctrlr = 127,
		.in_capsule_data_size = 4096,
		.max_io_size = 131072,
		.max_aq_depth = 128,
		.c2h_success = true,
		.acceptor_backlog = 100,
		.abort_timeout_sec = 1,
		.kas = 10,
		.min_kato_ms = 1000,
		.iobuf_small_cache_size = UINT32_MAX,
		.iobuf_large_cache_size = UINT32_MAX,
		.control_msg_num = 32,
		.num_cqe = 4096,
		.max_srq_depth = 4096,
	};
}

static bool in_range(const char *name, uint64_t value, uint64_t min, uint64_t max, GError **error)
{
	if (value >= min && value <= max)
		return true;
	return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
			      "%s is %" G_GUINT64_FORMAT "; it may be %" G_GUINT64_FORMAT
			      " to %" G_GUINT64_FORMAT,
			      name, value, min, max);
}

static bool check_options(const struct nvmf_transport_options *o, GError **error)
{
	if (!in_range("max_queue_depth", o->max_queue_depth, 2, NVMF_MAX_QUEUE_DEPTH, error) ||
	    !in_range("max_io_qpairs_per_ctrlr", o->max_io_qpairs_per_ctrlr, 1, 1024, error) ||
	    !in_range("max_io_size", o->max_io_size, NVMF_MIN_IO_SIZE, NVMF_MAX_IO_SIZE, error) ||
	    !in_range("in_capsule_data_size", o->in_capsule_data_size, 0, o->max_io_size, error) ||
	    !in_range("max_aq_depth", o->max_aq_depth, NVME_ADMIN_SQ_MIN, 4096, error) ||
	    !in_range("num_cqe", o->num_cqe, 1, 1 << 22, error) ||
	    !in_range("max_srq_depth", o->max_srq_depth, 1, 1 << 20, error) ||
	    !in_range("kas", o->kas, 1, UINT16_MAX, error))
		return false;
	if (o->max_io_size & (o->max_io_size - 1))
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "max_io_size is %u; it must be a power of two", o->max_io_size);
	if (o->in_capsule_data_size % 16 != 0)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "in_capsule_data_size is %u; it must be a multiple of 16",
				      o->in_capsule_data_size);
	return true;
}

static uint32_t masked_opcodes(unsigned oncs)
{
	static const struct {
		unsigned bit;
		uint8_t opcode;
	} commands[] = {
		{ NVMF_ONCS_COMPARE, NVME_CMD_COMPARE },
		{ NVMF_ONCS_DSM, NVME_CMD_DSM },
		{ NVMF_ONCS_WRITE_ZEROES, NVME_CMD_WRITE_ZEROES },
		{ NVMF_ONCS_COPY, NVME_CMD_COPY },
	};
	uint32_t mask = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
		if (oncs & commands[i].bit)
			mask |= 1u << commands[i].opcode;
	}
	return mask;
}

struct nvmf_transport *nvmf_transport_find(struct nvmf_tgt *tgt, const char *trtype)
{
	for (unsigned i = 0; i < tgt->transports->len; i++) {
		struct nvmf_transport *t = g_ptr_array_index(tgt->transports, i);

		if (!g_ascii_strcasecmp(t->ops->name, trtype))
			return t;
	}
	return NULL;
}

struct nvmf_transport *nvmf_transport_create(struct nvmf_tgt *tgt, const char *trtype,
					     const struct nvmf_transport_options *opts,
					     GError **error)
{
	g_autofree char *message = NULL;
	struct nvmf_transport_options options;
	struct nvmf_transport *t;

	for (unsigned i = 0; i < G_N_ELEMENTS(all_ops); i++) {
		if (g_ascii_strcasecmp(all_ops[i]->name, trtype))
			continue;
		if (nvmf_transport_find(tgt, trtype) != NULL) {
			message = g_strdup_printf("Transport type '%s' already exists", trtype);
			weft_error_set(error, RPC_INTERNAL_ERROR, message,
				       "a transport is created once; nvmf_get_transports shows it");
			return NULL;
		}
		if (!check_options(opts, error))
			return NULL;
		options = *opts;
		t = all_ops[i]->create != NULL ? all_ops[i]->create(tgt, &options, error)
					       : g_new0(struct nvmf_transport, 1);
		if (t == NULL)
			return NULL;
		t->ops = all_ops[i];
		t->tgt = tgt;
		t->options = options;
		t->masked_opcodes = masked_opcodes(opts->masked_oncs);
		t->no_fused = (opts->masked_fuses & NVMF_FUSES_COMPARE_AND_WRITE) ||
			      (opts->masked_oncs & NVMF_ONCS_COMPARE);
		t->ports = g_ptr_array_new();
		g_ptr_array_add(tgt->transports, t);
		return t;
	}
	message = g_strdup_printf("Invalid transport type '%s'", trtype);
	weft_error_set(error, RPC_INVALID_PARAMS, message, "it may be TCP or RDMA");
	return NULL;
}

GPtrArray *nvmf_transports(struct nvmf_tgt *tgt)
{
	return tgt->transports;
}

const char *nvmf_transport_name(const struct nvmf_transport *t)
{
	return t->ops->name;
}

const struct nvmf_transport_options *nvmf_transport_get_options(const struct nvmf_transport *t)
{
	return &t->options;
}

bool nvmf_trid_parse(struct nvmf_trid *trid, const char *trtype, const char *adrfam,
		     const char *traddr, const char *trsvcid, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autofree char *upper = g_ascii_strup(trtype, -1);

	*trid = (struct nvmf_trid){ 0 };
	if (strcmp(upper, "TCP") && strcmp(upper, "RDMA"))
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "trtype is '%s'; it may be TCP or RDMA", trtype);
	if (trsvcid == NULL || *trsvcid == 0)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "trsvcid is missing; it is a port number as text, such as "
				      "\"4420\"");
	if (strlen(traddr) >= sizeof(trid->traddr) || strlen(trsvcid) >= sizeof(trid->trsvcid))
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "traddr or trsvcid is too long");
	if (!net_addr_parse(&trid->addr, traddr, trsvcid, &cause))
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL, "%s",
				      weft_error_detail(cause));
	if (adrfam != NULL && g_ascii_strcasecmp(adrfam, "ipv4") && g_ascii_strcasecmp(adrfam, "ipv6"))
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "adrfam is '%s'; it may be ipv4 or ipv6", adrfam);
	if (adrfam != NULL && (trid->addr.family == NET_INET6) != !g_ascii_strcasecmp(adrfam, "ipv6"))
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "traddr '%s' is not an address of family '%s'", traddr, adrfam);
	g_strlcpy(trid->trtype, upper, sizeof(trid->trtype));
	g_strlcpy(trid->adrfam, trid->addr.family == NET_INET6 ? "IPv6" : "IPv4",
		  sizeof(trid->adrfam));
	g_strlcpy(trid->traddr, traddr, sizeof(trid->traddr));
	g_strlcpy(trid->trsvcid, trsvcid, sizeof(trid->trsvcid));
	return true;
}

static const struct nvmf_port *port_of_id(const struct nvmf_tgt *tgt, uint16_t id)
{
	for (unsigned i = 0; i < tgt->transports->len; i++) {
		const struct nvmf_transport *t = g_ptr_array_index(tgt->transports, i);

		for (unsigned k = 0; k < t->ports->len; k++) {
			const struct nvmf_port *port = g_ptr_array_index(t->ports, k);

			if (port->portid == id)
				return port;
		}
	}
	return NULL;
}

/* Not 0, and not one of a port that was here a moment ago: connections remember it. */
static uint16_t free_portid(struct nvmf_tgt *tgt)
{
	do {
		if (++tgt->next_portid == 0)
			tgt->next_portid = 1;
	} while (port_of_id(tgt, tgt->next_portid) != NULL);
	return tgt->next_portid;
}

/* The number asked for is free, or it is that of the port there is. */
static bool may_have_id(const struct nvmf_tgt *tgt, const struct nvmf_port *there, int portid,
			GError **error)
{
	const struct nvmf_port *other;

	if (portid == NVMF_PORTID_ANY || (there != NULL && there->portid == portid))
		return true;
	if (there != NULL)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "portid is %d; %s:%s is port %u already", portid,
				      there->trid.traddr, there->trid.trsvcid, there->portid);
	if (portid < 0 || portid > UINT16_MAX)
		return weft_error_set(error, RPC_INVALID_PARAMS, NULL,
				      "portid is %d; it may be 0 to 65535", portid);
	other = port_of_id(tgt, (uint16_t)portid);
	return other == NULL ||
	       weft_error_set(error, RPC_INVALID_PARAMS, NULL, "portid is %d; port %d is %s:%s",
			      portid, portid, other->trid.traddr, other->trid.trsvcid);
}

struct nvmf_port *nvmf_port_get(struct nvmf_transport *t, const struct nvmf_trid *trid, int portid,
				GError **error)
{
	struct nvmf_port *port;

	for (unsigned i = 0; i < t->ports->len; i++) {
		port = g_ptr_array_index(t->ports, i);
		if (net_addr_equal(&port->trid.addr, &trid->addr)) {
			if (!may_have_id(t->tgt, port, portid, error))
				return NULL;
			port->refs++;
			return port;
		}
	}
	if (!may_have_id(t->tgt, NULL, portid, error))
		return NULL;
	port = g_new0(struct nvmf_port, 1);
	port->transport = t;
	port->trid = *trid;
	port->refs = 1;
	if (!t->ops->listen(port, error)) {
		g_free(port);
		return NULL;
	}
	port->portid = portid == NVMF_PORTID_ANY ? free_portid(t->tgt) : (uint16_t)portid;
	g_ptr_array_add(t->ports, port);
	return port;
}

void nvmf_port_put(struct nvmf_port *port)
{
	if (--port->refs > 0)
		return;
	port->transport->ops->unlisten(port);
	g_ptr_array_remove(port->transport->ports, port);
	g_free(port);
}
