/* SPDX-License-Identifier: BSD-3-Clause */
/* For the tables of commands: elements, and arguments that many of them share. */
#pragma once

#include "tools/weftctl/weftctl.h"

/* clang-format off */
#define ARG_(letter_, name_, key_, type_, help_, ...) \
	{ .letter = letter_, .name = name_, .key = key_, .type = type_, .help = help_, ##__VA_ARGS__ }
#define POS(name_, key_, type_, help_, ...) \
	ARG_(0, name_, key_, type_, help_, .positional = true, .required = true, ##__VA_ARGS__)
#define POS_OPT(name_, key_, type_, help_, ...) \
	ARG_(0, name_, key_, type_, help_, .positional = true, ##__VA_ARGS__)
#define OPT(letter_, name_, key_, type_, help_, ...) \
	ARG_(letter_, name_, key_, type_, help_, ##__VA_ARGS__)
#define REQ(letter_, name_, key_, type_, help_, ...) \
	ARG_(letter_, name_, key_, type_, help_, .required = true, ##__VA_ARGS__)
#define END { .name = NULL }
#define ARGS (const struct arg[])
/* One that only names a thing. */
#define ONE(method_, summary_, what_, help_, ...) \
	{ method_, summary_, OUT_NONE, .args = ARGS { POS(what_, what_, ARG_STR, help_, ##__VA_ARGS__), END } }

#define BDEV(name_, key_, help_) POS(name_, key_, ARG_STR, help_, .names = NAMES_BDEV)
#define NQN POS("nqn", "nqn", ARG_STR, "NQN of the subsystem", .names = NAMES_NQN)
#define NQN_OR_DISCOVERY \
	POS("nqn", "nqn", ARG_NQN, "NQN of the subsystem, or discovery", .names = NAMES_NQN)
#define TGT(letter_) OPT(letter_, "tgt-name", "tgt_name", ARG_STR, "target (there is one)")
#define ADDRESS(p_) \
	REQ('t', "trtype", p_ "trtype", ARG_STR, "transport: tcp", .values = "tcp"), \
	REQ('a', "traddr", p_ "traddr", ARG_STR, "address, such as 192.0.2.1"), \
	OPT('f', "adrfam", p_ "adrfam", ARG_STR, "ipv4 or ipv6", .values = "ipv4 ipv6"), \
	OPT('s', "trsvcid", p_ "trsvcid", ARG_STR, "port, such as 4420")
#define ANA_STATES "optimized non_optimized inaccessible persistent_loss change"
#define LEVELS "ERROR WARNING NOTICE INFO DEBUG"
#define LEVEL POS("level", "level", ARG_LEVEL, "ERROR, WARNING, NOTICE, INFO, DEBUG", .values = LEVELS)
/* clang-format on */
