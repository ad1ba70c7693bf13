/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of target/nvmf that keep subsystems. Main reactor. */
#pragma once

#include "target/nvmf/ctrlr.h"

/* A subsystem of this kind with its copies on all reactors; no checks. */
struct nvmf_subsystem *nvmf_subsystem_make(struct nvmf_tgt *tgt, enum nvmf_subtype subtype,
					   const struct nvmf_subsystem_options *options);
/* A controller was taken off the registry. */
void nvmf_subsystem_ctrlr_gone(struct nvmf_subsystem *s, struct nvmf_ctrlr *c);
/* A namespace operation ended; a deletion may go on. */
void nvmf_subsystem_step(struct nvmf_subsystem *s);
/* Kills the controllers that match (all: NULL) and calls done when they are gone. */
void nvmf_subsystem_kill_ctrlrs(struct nvmf_subsystem *s,
				bool (*match)(const struct nvmf_ctrlr *c, const void *key),
				const void *key, nvmf_done done, void *arg);
/* Makes the controller and registers it; NULL: no id free. */
struct nvmf_ctrlr *nvmf_ctrlr_new(struct nvmf_subsystem *s, struct nvmf_qpair *q,
				  const struct nvme_connect_data *data,
				  const struct net_addr *local);
/* Takes one listener off, and its port if it was the last user. */
void nvmf_listener_drop(struct nvmf_subsystem *s, unsigned index);
void nvmf_listener_free(void *listener);
/* The listener of that port; NULL: none. */
struct nvmf_listener *nvmf_listener_of(const struct nvmf_subsystem *s, uint16_t portid);
/* Calls done with error (which becomes its own) later, on the main reactor. */
void nvmf_fail_later(struct nvmf_tgt *tgt, nvmf_done done, void *arg, GError *error);
/* Frees it and what it consists of; nothing refers to it any more. */
void nvmf_subsystem_free(struct nvmf_subsystem *s);
/* The namespace's information as it is now, with that many blocks. */
struct nvmf_ns_info *nvmf_ns_make_info(const struct nvmf_ns *ns, uint64_t blocks);
/* A namespace that can be changed: there, not going, not coming. NULL and error. */
struct nvmf_ns *nvmf_ns_find(struct nvmf_subsystem *s, uint32_t nsid, GError **error);
/* What c may see: of one namespace, and of all (c is new). */
void nvmf_ns_show(const struct nvmf_ns *ns, struct nvmf_ctrlr *c);
void nvmf_ctrlr_show_all(struct nvmf_ctrlr *c);
/* Its identities are its own in this target, or (false) somebody else's. identity.c */
bool nvmf_identity_claim(struct nvmf_ns *ns, GError **error);
void nvmf_identity_release(struct nvmf_ns *ns);
GHashTable *nvmf_identity_table(void);
/* A subsystem is gone; a shutdown may go on. */
void nvmf_tgt_subsystem_freed(struct nvmf_tgt *tgt);
