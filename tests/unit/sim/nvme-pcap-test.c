/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture of NVMe/TCP between a target and a host of ours is what Wireshark
 * takes for NVMe/TCP, with nothing malformed and every checksum right.
 */
#include <stdio.h>
#include <string.h>

#include "tests/integration/world/workload.h"

static unsigned count(const char *file, const char *filter)
{
	g_autofree char *line = g_strdup_printf("tshark -r %s -o tcp.check_checksum:TRUE "
						"-o ip.check_checksum:TRUE -Y '%s'",
						file, filter);
	g_autofree char *out = NULL, *err = NULL;
	int status = 0;
	unsigned n = 0;

	g_assert_true(g_spawn_command_line_sync(line, &out, &err, &status, NULL));
	if (status != 0 || strstr(err, "appears"))
		g_error("tshark: %s", err);
	for (const char *p = out; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	return n;
}

static void capture(const char *file)
{
	const struct workload_params p = {
		.nsid = 1, .blocks = 1024, .ios = 50, .depth = 4, .max_blocks = 16
	};
	struct fx *fx = fx_new(5, 1);
	struct host_params params;
	struct workload *wl;
	FILE *f = fopen(file, "w");

	g_assert_nonnull(f);
	fx_config_default(fx, 1024);
	world_pcap_link(fx->world, NULL, NULL, f);
	fx_host_new(fx, 1);
	host_params_default(&params);
	params.subnqn = FX_NQN;
	params.hdgst = params.ddgst = true;
	g_assert_true(fx_connect(fx->hosts[0], &params));
	wl = workload_start(fx->hosts[0], &p);
	fx_wait(fx, 100 * WORLD_SEC);
	workload_free(wl);
	fx_free(fx);
	g_assert_cmpint(fclose(f), ==, 0);
}

static void test_nvme(void)
{
	g_autofree char *dir = NULL, *file = NULL, *have = g_find_program_in_path("tshark");

	if (!have) {
		g_test_skip("tshark is not installed");
		return;
	}
	dir = g_dir_make_tmp("weft-pcap-XXXXXX", NULL);
	g_assert_nonnull(dir);
	file = g_build_filename(dir, "x.pcapng", NULL);
	capture(file);
	g_assert_cmpuint(count(file, "nvme-tcp"), >, 50);
	g_assert_cmpuint(count(file, "nvme.cmd.opc == 1 || nvme.cmd.opc == 2"), >, 20);
	g_assert_cmpuint(count(file, "tcp.checksum.status == Good"), >, 100);
	g_assert_cmpuint(count(file, "tcp.checksum.status == Bad || ip.checksum.status == Bad || "
				     "tcp.analysis.lost_segment || tcp.analysis.retransmission"),
			 ==, 0);
	g_assert_cmpuint(count(file, "_ws.malformed"), ==, 0);
	remove(file);
	remove(dir);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pcap/nvme", test_nvme);
	return g_test_run();
}
