/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Identities of namespaces: UUID, NGUID, EUI-64. Hosts take two namespaces with
 * one identity for two ways to the same data (or, as Linux does when they are in
 * different subsystems, refuse the second), so each is given only once in a
 * target. Main reactor.
 */
#include <string.h>

#include "target/core/error.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

enum kind { UUID, NGUID, EUI64, KINDS };

static const char *const names[KINDS] = {
	[UUID] = "uuid",
	[NGUID] = "nguid",
	[EUI64] = "eui64",
};

/* FNV-1a */
static guint hash(const void *key)
{
	const struct nvmf_identity *id = key;
	guint h = 2166136261u ^ id->kind;

	for (unsigned i = 0; i < sizeof(id->id); i++)
		h = (h ^ id->id[i]) * 16777619u;
	return h;
}

static gboolean equal(const void *a, const void *b)
{
	const struct nvmf_identity *x = a, *y = b;

	return x->kind == y->kind && !memcmp(x->id, y->id, sizeof(x->id));
}

GHashTable *nvmf_identity_table(void)
{
	return g_hash_table_new(hash, equal);
}

static bool taken(const struct nvmf_ns *ns, const struct nvmf_identity *id, GError **error)
{
	const struct nvmf_ns *other = g_hash_table_lookup(ns->subsystem->tgt->identities, id);
	g_autoptr(GString) text = NULL;

	if (other == NULL)
		return false;
	text = g_string_new(NULL);
	for (unsigned i = 0; i < (id->kind == EUI64 ? 8 : 16); i++) {
		if (id->kind == UUID && (i == 4 || i == 6 || i == 8 || i == 10))
			g_string_append_c(text, '-');
		g_string_append_printf(text, id->kind == UUID ? "%02x" : "%02X", id->id[i]);
	}
	weft_error_set(
		error, RPC_INVALID_PARAMS, NULL,
		"%s %s is that of namespace %u of %s (bdev %s) already, and hosts would take "
		"the two for one; give another",
		names[id->kind], text->str, other->nsid, other->subsystem->nqn,
		bdev_desc_bdev(other->desc)->name);
	return true;
}

static void add(struct nvmf_ns_priv *p, enum kind kind, const uint8_t *id, size_t len)
{
	struct nvmf_identity *to = &p->identities[p->nidentities];

	to->kind = (uint8_t)kind;
	memcpy(to->id, id, len);
	while (len > 0 && id[len - 1] == 0)
		len--;
	if (len > 0) /* zero: has none */
		p->nidentities++;
}

bool nvmf_identity_claim(struct nvmf_ns *ns, GError **error)
{
	struct nvmf_ns_priv *p = ns->priv;

	add(p, UUID, ns->uuid, sizeof(ns->uuid));
	add(p, NGUID, ns->nguid, sizeof(ns->nguid));
	add(p, EUI64, ns->eui64, sizeof(ns->eui64));
	for (unsigned i = 0; i < p->nidentities; i++) {
		if (taken(ns, &p->identities[i], error))
			return false;
	}
	for (unsigned i = 0; i < p->nidentities; i++)
		g_hash_table_insert(ns->subsystem->tgt->identities, &p->identities[i], ns);
	return true;
}

void nvmf_identity_release(struct nvmf_ns *ns)
{
	for (unsigned i = 0; i < ns->priv->nidentities; i++)
		g_hash_table_remove(ns->subsystem->tgt->identities, &ns->priv->identities[i]);
	ns->priv->nidentities = 0;
}
