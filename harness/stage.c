/*
 * Starts a program under conditions that a shell cannot make, and ends like it:
 *
 *   stage [CONDITION...] -- PROGRAM [ARG...]
 *
 *   pidns         PID 1 of a PID, mount, IPC and network namespace of its own
 *   root=DIR      in DIR as its root, read-only
 *   hardened      uid and gid 65535, no capability, no_new_privs
 *   closed=FD     with FD closed;  device=FD:PATH  with FD on PATH;  broken=FD  with FD a pipe that nobody reads
 *   stuck=FD:KIND with FD a pipe, a socket or a tty (KIND) that takes no more, and whose reader, the stage, sleeps
 *   background=FD with FD the controlling terminal, which has tostop, in whose background it is
 *   limit=R:N     with the resource limit R (nofile, stack, core, as) at N
 *   cgroup=DIR    in the cgroup DIR
 *   ignored=SIG   with SIG ignored
 *   zombies=N     with N children that have ended already;  children=N  with N that end two seconds later
 *
 * The conditions are made in the order given. Its exit status is the program's, or 128 and the signal that ended it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/capability.h>
#include <termios.h>
#include <unistd.h>

static void check(int result, const char *what)
{
	if (result < 0)
		err(125, "%s", what);
}

static void enter_root(const char *dir)
{
	check(unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "make / private");
	check(mount(dir, dir, NULL, MS_BIND, NULL), dir);
	check(mount(NULL, dir, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL), dir);
	check(chroot(dir), "chroot");
	check(chdir("/"), "chdir");
}

static void harden(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap);
	check(setgroups(0, NULL), "setgroups");
	check(setresgid(65535, 65535, 65535), "setresgid");
	check(setresuid(65535, 65535, 65535), "setresuid");
	check(syscall(SYS_capset, &header, none), "capset");
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

static void open_on(int fd, const char *path)
{
	int opened = open(path, O_RDWR);
	check(opened, path);
	check(dup2(opened, fd), "dup2");
	if (opened != fd)
		close(opened);
}

static void break_pipe(int fd)
{
	int ends[2];
	check(pipe(ends), "pipe");
	check(dup2(ends[1], fd), "dup2");
	close(ends[0]);
	if (ends[1] != fd)
		close(ends[1]);
}

static void fill(int fd)
{
	static const char much[65536];
	int flags = fcntl(fd, F_GETFL);
	check(fcntl(fd, F_SETFL, flags | O_NONBLOCK), "F_SETFL");
	while (write(fd, much, sizeof much) > 0 || write(fd, much, 1) > 0)
		;
	check(fcntl(fd, F_SETFL, flags), "F_SETFL");
}

/* Made before the child, because only the stage may keep the reader's end. */
static struct { int fd, end; } stuck = { -1, -1 };

static void make_stuck(const char *what)
{
	int ends[2];
	const char *kind = strchr(what, ':') + 1;
	if (strcmp(kind, "pipe") == 0) {
		check(pipe2(ends, O_CLOEXEC), "pipe2");
	} else if (strcmp(kind, "socket") == 0) {
		check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
	} else {
		ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		check(ends[0], "posix_openpt");
		check(grantpt(ends[0]), "grantpt");
		check(unlockpt(ends[0]), "unlockpt");
		ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
		check(ends[1], "the tty");
		check(tcflow(ends[1], TCOOFF), "tcflow");
	}
	if (strcmp(kind, "tty") != 0)
		fill(ends[1]);
	stuck.fd = atoi(what);
	stuck.end = ends[1];
}

/* The terminal, with the stage in its foreground. */
static int terminal = -1;

static void make_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios mode;
	check(master, "posix_openpt");
	check(grantpt(master), "grantpt");
	check(unlockpt(master), "unlockpt");
	check(setsid(), "setsid");
	terminal = open(ptsname(master), O_RDWR | O_CLOEXEC);
	check(terminal, "the tty");
	check(tcgetattr(terminal, &mode), "tcgetattr");
	mode.c_lflag |= TOSTOP;
	check(tcsetattr(terminal, TCSANOW, &mode), "tcsetattr");
	check(tcsetpgrp(terminal, getpgrp()), "tcsetpgrp");
}

static void go_to_background(int fd)
{
	check(setpgid(0, 0), "setpgid");
	check(dup2(terminal, fd), "dup2");
}

static void limit(const char *what)
{
	static const struct { const char *name; int resource; } known[] = {
		{ "nofile:", RLIMIT_NOFILE }, { "stack:", RLIMIT_STACK }, { "core:", RLIMIT_CORE }, { "as:", RLIMIT_AS },
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		size_t length = strlen(known[i].name);
		if (strncmp(what, known[i].name, length) == 0) {
			rlim_t value = strtoul(what + length, NULL, 10);
			check(setrlimit(known[i].resource, &(struct rlimit){ value, value }), what);
			return;
		}
	}
	errx(125, "no such limit: %s", what);
}

static void join_cgroup(const char *dir)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/cgroup.procs", dir);
	int fd = open(path, O_WRONLY);
	check(fd, path);
	check(write(fd, "0", 1), path);
	close(fd);
}

static void have_children(int count, int microseconds)
{
	for (int i = 0; i < count; i++) {
		pid_t child = fork();
		check(child, "fork");
		if (child == 0) {
			usleep(microseconds);
			_exit(0);
		}
	}
	/* Those that end at once are zombies when the program starts. */
	if (microseconds == 0)
		usleep(20000);
}

static const char *value_of(const char *condition, const char *name)
{
	size_t length = strlen(name);
	return strncmp(condition, name, length) == 0 && condition[length] == '=' ? condition + length + 1 : NULL;
}

static void make(const char *condition)
{
	const char *value;
	if (strcmp(condition, "pidns") == 0)
		return;
	else if (strcmp(condition, "hardened") == 0)
		harden();
	else if ((value = value_of(condition, "root")))
		enter_root(value);
	else if ((value = value_of(condition, "closed")))
		close(atoi(value));
	else if ((value = value_of(condition, "device")))
		open_on(atoi(value), strchr(value, ':') + 1);
	else if ((value = value_of(condition, "broken")))
		break_pipe(atoi(value));
	else if (value_of(condition, "stuck"))
		check(dup2(stuck.end, stuck.fd), "dup2");
	else if ((value = value_of(condition, "background")))
		go_to_background(atoi(value));
	else if ((value = value_of(condition, "limit")))
		limit(value);
	else if ((value = value_of(condition, "cgroup")))
		join_cgroup(value);
	else if ((value = value_of(condition, "ignored")))
		signal(atoi(value), SIG_IGN);
	else if ((value = value_of(condition, "zombies")))
		have_children(atoi(value), 0);
	else if ((value = value_of(condition, "children")))
		have_children(atoi(value), 2000000);
	else
		errx(125, "no such condition: %s", condition);
}

static char **arguments;

/* In the child: makes all conditions, then runs the program. */
static int become(void *unused)
{
	(void)unused;
	char **argument = arguments;
	for (; *argument && strcmp(*argument, "--") != 0; argument++)
		make(*argument);
	if (!*argument || !argument[1])
		errx(125, "no program behind --");
	/* Last, because a change of credentials resets it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(argument[1], argument + 1);
	err(125, "%s", argument[1]);
}

int main(int argc, char **argv)
{
	static char stack[65536] __attribute__((aligned(16)));
	int namespaces = 0;
	arguments = argv + 1;
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "pidns") == 0)
			namespaces = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS;
		if (value_of(argv[i], "background"))
			make_terminal();
		if (value_of(argv[i], "stuck"))
			make_stuck(value_of(argv[i], "stuck"));
	}
	pid_t child = clone(become, stack + sizeof stack, namespaces | SIGCHLD, NULL);
	check(child, "clone");
	int status;
	check(waitpid(child, &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
