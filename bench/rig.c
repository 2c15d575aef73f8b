/*
 * Does what has to be done at an exact moment, and prints what it measured as one line of JSON. Times are in ns of
 * CLOCK_MONOTONIC. Every program under test is PID 1 of a PID namespace of its own, with /dev/null for its descriptors.
 *
 *   rig start SYSCALL SIGNAL PROGRAM [ARG...]  exec to parked in SYSCALL, and SIGNAL to exit
 *   rig storm COUNT MODE SYSCALL PROGRAM...    COUNT orphans that end at one moment. MODE: plain; stopped (PID 1 is stopped
 *                                              until all have ended); bare (no program: children of the rig, which ignores
 *                                              SIGCHLD); leave (SIGTERM as soon as they are released)
 *   rig tick PID SECONDS INTERVAL              in PID's namespace, an orphan that ends every INTERVAL us
 *   rig hold COUNT SYSCALL PROGRAM...          COUNT of it, all parked: their PIDs; until standard input ends
 *
 * Orphans are counted in the pids control group of the rig, which it finds in the variable BENCH_PIDS: a process counts
 * there until it has been reaped. With BENCH_MEMORY set, programs are started in that memory control group.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 30000000000LL
/* How long a storm may stand still before what is left counts as never reaped. */
#define STILL 1000000000LL

static long long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void check(long result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
}

static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
	text[length > 0 ? length : 0] = 0;
	if (fd >= 0)
		close(fd);
	return length > 0;
}

static int read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	return read_text(path, text, size);
}

static char **program;

static void join(const char *group)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/cgroup.procs", group);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	check(fd, path);
	check(write(fd, "0", 1), path);
	close(fd);
}

static int become(void *unused)
{
	(void)unused;
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getenv("BENCH_MEMORY"))
		join(getenv("BENCH_MEMORY"));
	execv(program[0], program);
	_exit(127);
}

static pid_t launch(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid = clone(become, stack + sizeof stack, CLONE_VFORK | CLONE_NEWPID | SIGCHLD, NULL);
	check(pid, "clone");
	return pid;
}

static void await_park(pid_t pid, int syscall)
{
	char text[256];
	for (long long end = now() + PATIENCE; now() < end;) {
		if (read_proc(pid, "syscall", text, sizeof text) && text[0] != 'r' && atoi(text) == syscall)
			return;
	}
	kill(pid, SIGKILL);
	errx(1, "%s does not park in system call %d: it is in %s", program[0], syscall, text);
}

/* Waits for the end; what does not end on SIGTERM is killed. */
static int await_end(pid_t pid)
{
	int status = 0;
	for (long long end = now() + PATIENCE; now() < end;) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		if (now() > end - PATIENCE + 20000000)
			usleep(500);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

static void start(int syscall, int signal)
{
	long long begun = now();
	pid_t pid = launch();
	await_park(pid, syscall);
	long long parked = now();
	/* What the kernel and the program have left to do is done by then. */
	usleep(2000);
	long long told = now();
	kill(pid, signal);
	int status = await_end(pid);
	printf("{\"start\":%lld,\"end\":%lld,\"status\":%d}\n", parked - begun, now() - told, status);
}

struct cost { long long cpu, switches, faults; };

static struct cost cost_of(pid_t pid)
{
	char text[8192];
	struct cost cost = { 0 };
	if (read_proc(pid, "schedstat", text, sizeof text))
		cost.cpu = atoll(text);
	if (read_proc(pid, "status", text, sizeof text)) {
		char *at = strstr(text, "\nvoluntary_ctxt_switches:");
		cost.switches = at ? atoll(at + 25) : 0;
		at = strstr(text, "\nnonvoluntary_ctxt_switches:");
		cost.switches += at ? atoll(at + 28) : 0;
	}
	return cost;
}

static int tasks_fd;

static int tasks(void)
{
	char text[32];
	ssize_t length = pread(tasks_fd, text, sizeof text - 1, 0);
	text[length > 0 ? length : 0] = 0;
	return atoi(text);
}

/* Joins the group BENCH_PIDS, so that what is forked from here counts there. */
static void join_group(void)
{
	char path[4096];
	const char *group = getenv("BENCH_PIDS");
	if (!group)
		errx(1, "BENCH_PIDS does not name a control group");
	join(group);
	snprintf(path, sizeof path, "%s/pids.current", group);
	tasks_fd = open(path, O_RDONLY | O_CLOEXEC);
	check(tasks_fd, path);
}

struct shared { atomic_int ready, ended; };

/* COUNT children that wait for `release` to close, count themselves ended, and end. */
static void fork_orphans(int count, const int release[2], struct shared *shared)
{
	char byte;
	for (int i = 0; i < count; i++) {
		pid_t child = fork();
		check(child, "fork an orphan (is there room below /proc/sys/kernel/pid_max?)");
		if (child == 0) {
			close(release[1]);
			atomic_fetch_add(&shared->ready, 1);
			if (read(release[0], &byte, 1) < 0)
				_exit(1);
			atomic_fetch_add(&shared->ended, 1);
			_exit(0);
		}
	}
}

/* Has a child in pid's namespace fork the orphans and end, which hands them to PID 1; or forks them here. */
static void make_orphans(pid_t pid, int count, const int release[2], struct shared *shared)
{
	if (!pid) {
		signal(SIGCHLD, SIG_IGN);
		fork_orphans(count, release, shared);
	} else {
		char path[64];
		snprintf(path, sizeof path, "/proc/%d/ns/pid", pid);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		check(fd, path);
		check(setns(fd, CLONE_NEWPID), "setns");
		close(fd);
		pid_t parent = fork();
		check(parent, "fork");
		if (parent == 0) {
			fork_orphans(count, release, shared);
			_exit(0);
		}
		check(waitpid(parent, NULL, 0), "waitpid");
	}
	while (atomic_load(&shared->ready) < count)
		usleep(1000);
}

/* Waits until no orphan is left, or what is left stands still: the time of the last change. */
static long long await_reaped(int count, int others, struct shared *shared, int *most, int *left)
{
	long long changed = now();
	int before = -1;
	*most = 0;
	for (;;) {
		/* In this order: an orphan that ends in between is not counted as waiting to be reaped. */
		int ended = atomic_load(&shared->ended);
		*left = tasks() - others;
		int zombies = *left - (count - ended);
		if (zombies > *most)
			*most = zombies;
		if (*left != before)
			changed = now();
		before = *left;
		if (*left <= 0 || now() - changed > STILL)
			return changed;
	}
}

static void storm(int count, const char *mode, int syscall)
{
	struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int release[2], most = 0, left = 0, status = 0, held = 0;
	int bare = strcmp(mode, "bare") == 0, stopped = strcmp(mode, "stopped") == 0, leave = strcmp(mode, "leave") == 0;
	pid_t pid = 0;
	if (!bare) {
		pid = launch();
		await_park(pid, syscall);
	}
	join_group();
	int others = tasks();
	check(pipe2(release, O_CLOEXEC), "pipe");
	make_orphans(pid, count, release, shared);
	/* The program may still be busy with the end of the parent. */
	usleep(20000);
	struct cost before = cost_of(pid ? pid : getpid());
	long long released, done;
	if (stopped) {
		kill(pid, SIGSTOP);
		close(release[1]);
		while (atomic_load(&shared->ended) < count)
			usleep(100);
		/* An exit takes the kernel its time: those that are still there once nothing changes any more are zombies. */
		for (held = -1; held != tasks() - others; usleep(200000))
			held = tasks() - others;
		released = now();
		kill(pid, SIGCONT);
	} else {
		released = now();
		close(release[1]);
	}
	if (leave) {
		usleep(1000);
		released = now();
		kill(pid, SIGTERM);
		status = await_end(pid);
		done = now();
	} else {
		done = await_reaped(count, others, shared, &most, &left);
	}
	struct cost after = cost_of(pid ? pid : getpid());
	if (leave || bare)
		after = before;
	printf("{\"wall\":%lld,\"cpu\":%lld,\"switches\":%lld,\"most\":%d,\"left\":%d,\"held\":%d,\"status\":%d}\n", done - released,
	       after.cpu - before.cpu, after.switches - before.switches, most, left, held, status);
	if (pid && !leave) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
}

static void tick(pid_t pid, int seconds, int interval)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/pid", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC), count = 0;
	check(fd, path);
	check(setns(fd, CLONE_NEWPID), "setns");
	for (long long end = now() + seconds * 1000000000LL; now() < end; count++) {
		pid_t parent = fork();
		check(parent, "fork");
		if (parent == 0) {
			if (fork() == 0)
				usleep(500);
			_exit(0);
		}
		waitpid(parent, NULL, 0);
		usleep(interval);
	}
	printf("{\"orphans\":%d}\n", count);
}

static void hold(int count, int syscall)
{
	char byte;
	for (int i = 0; i < count; i++) {
		pid_t pid = launch();
		await_park(pid, syscall);
		printf("%s%d", i ? "," : "[", pid);
	}
	printf("]\n");
	/* Its children end with it: they asked for that. */
	while (read(0, &byte, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 4 && strcmp(argv[1], "start") == 0) {
		program = argv + 4;
		start(atoi(argv[2]), atoi(argv[3]));
	} else if (argc > 3 && strcmp(argv[1], "storm") == 0) {
		program = argv + 5;
		storm(atoi(argv[2]), argv[3], argc > 4 ? atoi(argv[4]) : 0);
	} else if (argc > 4 && strcmp(argv[1], "hold") == 0) {
		program = argv + 4;
		hold(atoi(argv[2]), atoi(argv[3]));
	} else if (argc == 5 && strcmp(argv[1], "tick") == 0) {
		tick(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	} else {
		errx(2, "no such measurement");
	}
	return 0;
}
