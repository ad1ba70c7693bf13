/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Puts the Linux backends together.
 */
#include "hw/linux/internal.h"

struct linux_hw {
	struct hw hw;
	struct linux_env env;
	char *net_reason, *file_reason;
};

struct linux_hw *linux_hw_new(const struct linux_hw_options *options, GError **error)
{
	static const struct linux_hw_options defaults = { .net_engine = LINUX_NET_AUTO };
	struct linux_hw *lhw = g_new0(struct linux_hw, 1);

	if (options == NULL)
		options = &defaults;
	linux_env_init(&lhw->env, options->main_context);
	lhw->hw.env = &lhw->env.env;
	lhw->hw.mem = linux_mem_new();
	lhw->hw.net = linux_net_new(options->net_engine, &lhw->net_reason, error);
	if (lhw->hw.net != NULL)
		lhw->hw.file = linux_files_new(options->file_engine, &lhw->file_reason, error);
	if (lhw->hw.file == NULL ||
	    !linux_rnic_new(options, &lhw->hw, &lhw->hw.rnic, error)) {
		linux_hw_free(lhw);
		return NULL;
	}
	return lhw;
}

struct hw *linux_hw_get(struct linux_hw *lhw)
{
	return &lhw->hw;
}

const char *linux_hw_net_engine(const struct linux_hw *lhw)
{
	return linux_net_name(lhw->hw.net);
}

const char *linux_hw_net_reason(const struct linux_hw *lhw)
{
	return lhw->net_reason;
}

const char *linux_hw_file_engine(const struct linux_hw *lhw)
{
	return linux_files_name(lhw->hw.file);
}

void linux_hw_free(struct linux_hw *lhw)
{
	if (lhw == NULL)
		return;
	linux_rnic_free(lhw->hw.rnic);
	if (lhw->hw.file != NULL)
		linux_files_free(lhw->hw.file);
	if (lhw->hw.net != NULL)
		linux_net_free(lhw->hw.net);
	linux_mem_free(lhw->hw.mem);
	linux_env_clear(&lhw->env);
	g_free(lhw->net_reason);
	g_free(lhw->file_reason);
	g_free(lhw);
}
