/*
 * Does what needs exact timing, and prints its measurements as one line of JSON. Times are in ns of CLOCK_MONOTONIC.
 * Every program under test is PID 1 of its own PID namespace, with /dev/null for its descriptors.
 *
 *   rig start SYSCALL SIGNAL PROGRAM [ARG...]  exec to parked in SYSCALL, SIGNAL to exit, page faults from exec on
 *   rig storm COUNT MODE SYSCALL PROGRAM...    COUNT orphans that end at one moment. MODE: plain; stopped (PID 1 is stopped
 *                                              until all have ended)
 *   rig storm COUNT bare                       the same without a program: children of the rig, which ignores SIGCHLD
 *   rig leave COUNT SYSCALL PROGRAM...         COUNT orphans that end at one moment; the middle one sends SIGTERM to PID 1
 *   rig tick PID COUNT INTERVAL                in PID's namespace, every INTERVAL us an orphan that ends, COUNT of them
 *   rig node COUNT INTERVAL PID...             in each PID's namespace, every INTERVAL us an orphan that ends, COUNT of them
 *   rig hold COUNT SYSCALL PROGRAM...          COUNT of it, all parked: their PIDs; until standard input ends
 *   rig prices                                 what a system call and the first touch of a page cost here
 *
 * The rig counts orphans in its pids control group, named by the variable BENCH_PIDS: a process counts there until it is
 * reaped. BENCH_GROUPS, separated by spaces, names the control groups in which programs start and "node" makes orphans.
 *
 * Orphans are processes that share the rig's memory (CLONE_VM): fast to make, and with so little to end that only the
 * reaping is left to measure. The rig owns the memory, so the kernel need not look for a new owner when an orphan ends.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 120000000000LL
/* A program that has not ended this long after its signal has lost it. */
#define LOST 5000000000LL
/* Whatever PID 1 has not reaped this long after it went back to its wait, it never reaps. */
#define STILL 300000000LL
/* Bytes of stack: an orphan makes one system call. */
#define ORPHAN_STACK 1024

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

static void *memory(size_t size, int sharing)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
	check(at == MAP_FAILED ? -1 : 0, "mmap");
	return at;
}

static int read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
	text[length > 0 ? length : 0] = 0;
	if (fd >= 0)
		close(fd);
	return length > 0;
}

/* The program under test. */

static char **program;
/* Shared by both sides of the fork: when the program was executed, and the page faults until then. */
static struct { long long at; long faults; } *executed;
/* How long to keep the CPU busy first: a start on an idle CPU would measure its wake-up. */
static long long warming;
/* Where the program may run: anywhere, or on the CPUs that the rig does not use. */
static cpu_set_t elsewhere;

static void join(const char *group)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/cgroup.procs", group);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	check(fd, path);
	check(write(fd, "0", 1), path);
	close(fd);
}

static void schedule(int policy)
{
	static const struct sched_param none;
	check(sched_setscheduler(0, policy, &none), "sched_setscheduler");
}

static void join_all(void)
{
	char *groups = getenv("BENCH_GROUPS") ? strdup(getenv("BENCH_GROUPS")) : NULL;
	for (char *group = groups ? strtok(groups, " ") : NULL; group; group = strtok(NULL, " "))
		join(group);
	free(groups);
}

static void run_elsewhere(void)
{
	if (CPU_COUNT(&elsewhere))
		check(sched_setaffinity(0, sizeof elsewhere, &elsewhere), "sched_setaffinity");
	else
		schedule(SCHED_OTHER);
}

static int become(void *unused)
{
	(void)unused;
	join_all();
	run_elsewhere();
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (long long end = now() + warming; now() < end;)
		;
	struct rusage usage;
	check(getrusage(RUSAGE_SELF, &usage), "getrusage");
	executed->faults = usage.ru_minflt + usage.ru_majflt;
	executed->at = now();
	execv(program[0], program);
	_exit(127);
}

static pid_t launch(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	if (!executed)
		executed = memory(sizeof *executed, MAP_SHARED);
	executed->at = 0;
	pid_t pid = clone(become, stack + sizeof stack, (warming ? 0 : CLONE_VFORK) | CLONE_NEWPID | SIGCHLD, NULL);
	check(pid, "clone");
	return pid;
}

static int parked(pid_t pid, int syscall)
{
	char text[256];
	return read_proc(pid, "syscall", text, sizeof text) && text[0] != 'r' && atoi(text) == syscall;
}

static void await_park(pid_t pid, int syscall)
{
	for (long long end = now() + PATIENCE; now() < end;) {
		if (parked(pid, syscall))
			return;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			errx(1, "%s ended before it was in system call %d", program[0], syscall);
	}
	kill(pid, SIGKILL);
	errx(1, "%s does not park in system call %d", program[0], syscall);
}

/* Returns the status, or -1 if it has not ended after `patience` ns. */
static int end_within(pid_t pid, struct rusage *usage, long long patience)
{
	int status = 0;
	for (long long end = now() + patience; now() < end;)
		if (wait4(pid, &status, WNOHANG, usage) == pid)
			return status;
	return -1;
}

static int await_end(pid_t pid, struct rusage *usage)
{
	int status = end_within(pid, usage, PATIENCE);
	if (status >= 0)
		return status;
	kill(pid, SIGKILL);
	errx(1, "%s did not end", program[0]);
}

struct cost { long long cpu, switches; };

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

/* Has it begun to exit? Checks PF_EXITING of the flags in /proc/PID/stat, proc_pid_stat(5); yes if it is gone. */
static int leaving(pid_t pid)
{
	char text[1024];
	unsigned flags = 0;
	if (!read_proc(pid, "stat", text, sizeof text))
		return 1;
	char *fields = strrchr(text, ')');
	return fields && sscanf(fields, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && flags & 4;
}

/*
 * The rig polls on the first CPU; on a single-CPU machine, it uses idle time. So the program never waits for its turn.
 */
static void keep_apart(void)
{
	cpu_set_t own;
	check(sched_getaffinity(0, sizeof elsewhere, &elsewhere), "sched_getaffinity");
	if (CPU_COUNT(&elsewhere) < 2) {
		CPU_ZERO(&elsewhere);
		schedule(SCHED_IDLE);
		return;
	}
	int first = 0;
	while (!CPU_ISSET(first, &elsewhere))
		first++;
	CPU_ZERO(&own);
	CPU_SET(first, &own);
	CPU_CLR(first, &elsewhere);
	check(sched_setaffinity(0, sizeof own, &own), "sched_setaffinity");
}

/* Returns 0 if the program lost the signal: dumb-init does if its child has no session of its own yet. */
static int start_once(int syscall, int signal)
{
	struct rusage usage;
	pid_t pid = launch();
	/* Until then it is still the rig, which may be in any system call. */
	while (!*(volatile long long *)&executed->at)
		;
	await_park(pid, syscall);
	long long since = now();
	/* By then, the kernel and the program have finished everything else. */
	usleep(2000);
	long long told = now();
	kill(pid, signal);
	int status = end_within(pid, &usage, LOST);
	if (status < 0) {
		kill(pid, SIGKILL);
		await_end(pid, NULL);
		return 0;
	}
	printf("{\"start\":%lld,\"end\":%lld,\"faults\":%ld,\"status\":%d}\n", since - executed->at, now() - told,
	       usage.ru_minflt + usage.ru_majflt - executed->faults, status);
	return 1;
}

static void start(int syscall, int signal)
{
	keep_apart();
	warming = 300000;
	for (int tries = 0; tries < 3; tries++)
		if (start_once(syscall, signal))
			return;
	errx(1, "%s did not end", program[0]);
}

/* Orphans. */

static atomic_int ready, let_go, ended;
static int wanted;
static char *stacks;
/* How many have ended when one of them sends SIGTERM to its PID 1, or 0; and when it did. */
static int leave_after;
static _Atomic long long told;

/* Waits until the rig releases it, no longer than the rig itself would wait, and ends. */
static int orphan(void *unused)
{
	static const struct timespec limit = { .tv_sec = PATIENCE / 1000000000 };
	(void)unused;
	atomic_fetch_add(&ready, 1);
	syscall(SYS_futex, &let_go, FUTEX_WAIT, 0, &limit, NULL, 0);
	if (atomic_fetch_add(&ended, 1) + 1 == leave_after) {
		atomic_store(&told, now());
		syscall(SYS_kill, 1, SIGTERM);
	}
	return 0;
}

static void release_orphans(void)
{
	atomic_store(&let_go, 1);
	syscall(SYS_futex, &let_go, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static atomic_int go;

/* Releasing takes as long as the orphans take to end, so that a process of its own does it while the rig looks on. */
static int release_when_told(void *unused)
{
	(void)unused;
	run_elsewhere();
	while (!atomic_load(&go))
		syscall(SYS_futex, &go, FUTEX_WAIT, 0, NULL, NULL, 0);
	release_orphans();
	return 0;
}

static int make_orphans(void *unused)
{
	(void)unused;
	run_elsewhere();
	for (int made = 0; made < wanted; made++) {
		if (clone(orphan, stacks + (made + 1L) * ORPHAN_STACK, CLONE_VM | SIGCHLD, NULL) < 0) {
			warn("make orphan %d of %d (is there room below /proc/sys/kernel/pid_max?)", made + 1, wanted);
			release_orphans();
			exit(1);
		}
	}
	return 0;
}

static int open_pid_namespace(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/pid", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	check(fd, path);
	return fd;
}

static void enter_pid_namespace(pid_t pid)
{
	int fd = open_pid_namespace(pid);
	check(setns(fd, CLONE_NEWPID), "setns");
	close(fd);
}

/* A child of the rig does `work` and ends, so that PID 1 of the entered namespace inherits its children. */
static void leave_behind(int (*work)(void *))
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t parent = clone(work, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	int status = 0;
	check(parent, "clone");
	check(waitpid(parent, &status, 0), "waitpid");
	/* It has printed the reason. */
	if (status)
		exit(1);
}

static int tasks_fd;

static int tasks(void)
{
	char text[32];
	ssize_t length = pread(tasks_fd, text, sizeof text - 1, 0);
	text[length > 0 ? length : 0] = 0;
	return atoi(text);
}

/* Joins the group BENCH_PIDS, so that later processes count there. */
static void count_tasks(void)
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

/*
 * Waits until no orphan is left, or all have ended and `pid` waits although some are left. Returns the time of the last
 * change.
 */
static long long await_reaped(pid_t pid, int syscall, int others, int *most, int *left)
{
	long long changed = now();
	int before = -1;
	*most = 0;
	for (long long end = now() + PATIENCE; now() < end;) {
		/* In this order, an orphan that ends in between does not count as waiting to be reaped. */
		int gone = atomic_load(&ended);
		*left = tasks() - others;
		int zombies = *left - (wanted - gone);
		if (zombies > *most)
			*most = zombies;
		if (*left != before)
			changed = now();
		before = *left;
		if (*left <= 0)
			return changed;
		if (pid && gone == wanted && now() - changed > STILL && parked(pid, syscall))
			return changed;
	}
	errx(1, "%d of %d orphans have not ended", wanted - atomic_load(&ended), wanted);
}

static void storm(int count, const char *mode, int syscall)
{
	int most = 0, left = 0, held = 0, others;
	int bare = strcmp(mode, "bare") == 0, stopped = strcmp(mode, "stopped") == 0;
	long long released, done;
	struct cost before = { 0 }, after;
	pid_t pid = 0;
	wanted = count;
	stacks = memory((size_t)count * ORPHAN_STACK, MAP_PRIVATE);
	if (!bare) {
		pid = launch();
		await_park(pid, syscall);
	}
	count_tasks();
	others = tasks();
	if (bare) {
		signal(SIGCHLD, SIG_IGN);
		make_orphans(NULL);
	} else {
		enter_pid_namespace(pid);
		leave_behind(make_orphans);
	}
	while (atomic_load(&ready) < count)
		usleep(1000);
	/* By then they are in their wait. */
	usleep(20000);
	if (pid)
		before = cost_of(pid);
	if (stopped) {
		kill(pid, SIGSTOP);
		release_orphans();
		while (atomic_load(&ended) < count)
			usleep(100);
		/* An exit takes the kernel some time: those left when nothing changes any more are zombies. */
		for (held = -1; held != tasks() - others; usleep(50000))
			held = tasks() - others;
		released = now();
		kill(pid, SIGCONT);
	} else {
		released = now();
		release_orphans();
	}
	done = await_reaped(pid, syscall, others, &most, &left);
	after = pid ? cost_of(pid) : before;
	printf("{\"wall\":%lld,\"cpu\":%lld,\"switches\":%lld,\"most\":%d,\"left\":%d,\"held\":%d}\n", done - released,
	       after.cpu - before.cpu, after.switches - before.switches, most, left, held);
	if (pid) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

/* SIGTERM when half of the orphans have ended: sent by one of them, so that it comes in the middle of the storm. */
static void leave(int count, int parks_in)
{
	static char stack[65536] __attribute__((aligned(16)));
	wanted = count;
	leave_after = (count + 1) / 2;
	stacks = memory((size_t)count * ORPHAN_STACK, MAP_PRIVATE);
	keep_apart();
	pid_t pid = launch();
	await_park(pid, parks_in);
	pid_t releaser = clone(release_when_told, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
	check(releaser, "clone");
	enter_pid_namespace(pid);
	leave_behind(make_orphans);
	while (atomic_load(&ready) < count)
		usleep(1000);
	/* By then they are in their wait. */
	usleep(20000);
	atomic_store(&go, 1);
	syscall(SYS_futex, &go, FUTEX_WAKE, 1, NULL, NULL, 0);
	while (!leaving(pid))
		;
	long long exiting = now();
	await_end(pid, NULL);
	long long gone = now();
	printf("{\"wall\":%lld,\"exiting\":%lld}\n", gone - atomic_load(&told), exiting - atomic_load(&told));
	waitpid(releaser, NULL, 0);
}

static int doze(void *unused)
{
	(void)unused;
	usleep(500);
	return 0;
}

/* Enough that none is reused while its orphan sleeps. */
#define DOZERS 128
static int dozer;

static int leave_dozer(void *unused)
{
	(void)unused;
	check(clone(doze, stacks + (dozer++ % DOZERS + 1L) * 8192, CLONE_VM | SIGCHLD, NULL), "make an orphan");
	return 0;
}

static void tick(pid_t pid, int count, int interval)
{
	stacks = memory(DOZERS * 8192, MAP_PRIVATE);
	enter_pid_namespace(pid);
	long long due = now();
	for (int made = 0; made < count; made++) {
		leave_behind(leave_dozer);
		due += interval * 1000LL;
		struct timespec until = { due / 1000000000, due % 1000000000 };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	}
	printf("{\"orphans\":%d}\n", count);
}

/* One process serves all pods, so that the cost is that of the orphans and their reapers. */
static void node(int count, int interval, char **pids, int pods)
{
	int *namespaces = calloc(pods, sizeof *namespaces);
	check(namespaces ? 0 : -1, "calloc");
	for (int pod = 0; pod < pods; pod++)
		namespaces[pod] = open_pid_namespace(atoi(pids[pod]));
	stacks = memory(DOZERS * 8192, MAP_PRIVATE);
	join_all();
	long long due = now();
	for (int made = 0; made < count; made++) {
		for (int pod = 0; pod < pods; pod++) {
			check(setns(namespaces[pod], CLONE_NEWPID), "setns");
			leave_behind(leave_dozer);
		}
		due += interval * 1000LL;
		struct timespec until = { due / 1000000000, due % 1000000000 };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	}
	printf("{\"orphans\":%d}\n", count * pods);
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
	/* Its children end with it, because they set a parent-death signal. */
	while (read(0, &byte, 1) > 0)
		;
}

static void prices(void)
{
	enum { CALLS = 100000, PAGES = 10000 };
	long page = sysconf(_SC_PAGESIZE);
	long long begun = now();
	for (int i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	long long called = now() - begun;
	volatile char *at = memory(PAGES * page, MAP_PRIVATE);
	check(madvise((void *)at, PAGES * page, MADV_NOHUGEPAGE), "madvise");
	begun = now();
	for (int i = 0; i < PAGES; i++)
		at[i * page] = 1;
	printf("{\"call\":%lld,\"touch\":%lld}\n", called / CALLS, (now() - begun) / PAGES);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	const char *what = argc > 1 ? argv[1] : "";
	if (argc > 4 && strcmp(what, "start") == 0) {
		program = argv + 4;
		start(atoi(argv[2]), atoi(argv[3]));
	} else if (argc > 4 && strcmp(what, "leave") == 0) {
		program = argv + 4;
		leave(atoi(argv[2]), atoi(argv[3]));
	} else if (argc > 3 && strcmp(what, "storm") == 0) {
		program = argv + 5;
		storm(atoi(argv[2]), argv[3], argc > 4 ? atoi(argv[4]) : 0);
	} else if (argc > 4 && strcmp(what, "hold") == 0) {
		program = argv + 4;
		hold(atoi(argv[2]), atoi(argv[3]));
	} else if (argc == 5 && strcmp(what, "tick") == 0) {
		tick(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	} else if (argc > 4 && strcmp(what, "node") == 0) {
		node(atoi(argv[2]), atoi(argv[3]), argv + 4, argc - 4);
	} else if (argc == 2 && strcmp(what, "prices") == 0) {
		prices();
	} else {
		errx(2, "no such measurement");
	}
	return 0;
}
