// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lab's init: sets the guest up, loads the modules, runs one program and
 * reports.
 *
 * Two channels lead out.
 *
 *   data     frames of a tag, a zero and a 16-bit length (little endian), then
 *            the payload: 'o' the program's stdout, 'e' its stderr, 'k' records
 *            of /dev/kmsg as the kernel gives them.
 *   verdict  lines: "boot", "trouble TEXT", "start", "exit N" or "signal N",
 *            "inuse MODULE", "end BYTES" with the number of bytes that went down
 *            the data channel, so that the other side knows when it has all.
 *            Under QEMU, between "start" and "exit", "alive" every few seconds in
 *            which each processor ran a process and had its timer; and the other way,
 *            a number a line, the seconds that the machine has had (lab/patience.py).
 *
 * Under QEMU both are virtio-serial ports. Under Bochs data goes to port 0xe9,
 * because its serial ports keep to their baud rate, and the verdict to ttyS1.
 * Bochs prints messages of its own to where port 0xe9 goes, so a mark precedes
 * the first frame there.
 *
 * The program writes into pipes and only this process writes into the channels.
 * So a program can't forge a verdict by printing one, it can open its stdout again,
 * and a write of any size arrives whole.
 *
 * What to run stands in /lab, put there by the runner: argv, env and cwd (NUL
 * terminated strings), modules (paths in order of loading), and shell if the
 * program is the user's terminal session on hvc0.
 *
 * Called as "limit" this is a program for the guest, see run_limited().
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifdef __x86_64__
#include <sys/io.h>
#else
/* Bochs, whose ports they are, has no other guests. */
static inline int ioperm(unsigned long from, unsigned long num, int on)
{
	return -1;
}

static inline void outsb(unsigned short port, const void *buf, unsigned long nr)
{
}
#endif

#define DEBUG_PORT	0xe9
#define DEBUG_MARK	"\0lab data"	/* and the terminator */
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define __noreturn	__attribute__((noreturn))
#define __printf(f, a)	__attribute__((format(printf, f, a)))

#define BLANKS		"\n\t "
#define FRAME_MAX	32768
#define KMSG_MAX	8192
#define LISTED_MAX	256
#define NUDGE_MS	200
#define PULSE_MS	5000
#define CLOCK		"/run/lab-clock"
#define CAP		10	/* as lab/patience.py has it */

static int data_fd = -1;	/* -1: the debug port */
static int verdict_fd = -1;
static int kmsg_fd = -1;
static unsigned long long data_bytes;
static char *cmdline;

static char *listed[LISTED_MAX];	/* what the lab loaded, by kernel name */
static int nlisted;

static void ms_sleep(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static void write_all(int fd, const void *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		buf = (const char *)buf + n;
		len -= n;
	}
}

static void send_frame(char tag, const void *buf, size_t len)
{
	static uint8_t frame[4 + FRAME_MAX];

	frame[0] = tag;
	frame[1] = 0;
	frame[2] = len & 0xff;
	frame[3] = len >> 8;
	memcpy(frame + 4, buf, len);
	len += 4;
	if (data_fd >= 0)
		write_all(data_fd, frame, len);
	else
		outsb(DEBUG_PORT, frame, len);
	data_bytes += len;
}

static void __printf(1, 2) verdict(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	write_all(verdict_fd, line, n);
}

/* Send all records that are there now, many in a frame. */
static void drain_kmsg(void)
{
	static char buf[FRAME_MAX];
	size_t used = 0;

	for (;;) {
		ssize_t n;

		if (sizeof(buf) - used < KMSG_MAX) {
			send_frame('k', buf, used);
			used = 0;
		}
		n = read(kmsg_fd, buf + used, KMSG_MAX);
		if (n > 0)
			used += n;
		else if (n < 0 && errno == EPIPE)	/* overwritten before it was read */
			used += sprintf(buf + used, "0,0,0,-;lab: kernel log records lost\n");
		else if (n == 0 || errno != EINTR)
			break;
	}
	if (used)
		send_frame('k', buf, used);
}

static bool drain_pipe(int fd, char tag)
{
	static char buf[FRAME_MAX];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n > 0)
		send_frame(tag, buf, n);
	return n > 0;
}

static void __noreturn leave(void)
{
	drain_kmsg();
	verdict("end %llu", data_bytes);
	if (verdict_fd >= 0)
		tcdrain(verdict_fd);
	/* The runner ends the emulator once it has everything; this is for when it can't. */
	ms_sleep(5000);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void __noreturn __printf(1, 2) trouble(const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	verdict("trouble %s", text);
	leave();
}

static char *slurp(const char *path, size_t *len)
{
	size_t used = 0, room = 4096;
	char *buf = malloc(room);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		free(buf);
		return NULL;
	}
	while ((n = read(fd, buf + used, room - used - 1)) > 0) {
		used += n;
		if (room - used < 2048)
			buf = realloc(buf, room *= 2);
	}
	close(fd);
	buf[used] = 0;
	if (len)
		*len = used;
	return buf;
}

static void spit(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		write_all(fd, text, strlen(text));
		close(fd);
	}
}

static void mount_all(void)
{
	static const struct {
		const char *type, *dir, *opts;
	} fs[] = {
		{ "devtmpfs", "/dev", "mode=0755" },
		{ "proc", "/proc", NULL },
		{ "sysfs", "/sys", NULL },
		{ "tmpfs", "/dev/shm", "mode=1777" },
		{ "devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666" },
		{ "debugfs", "/sys/kernel/debug", NULL },
		{ "tracefs", "/sys/kernel/tracing", NULL },
		{ "cgroup2", "/sys/fs/cgroup", NULL },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fs); i++) {
		mkdir(fs[i].dir, 0755);
		mount(fs[i].type, fs[i].dir, fs[i].type, 0, fs[i].opts);
	}
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

/*
 * While any event is on, the tracer records the names of tasks at each context switch.
 * For that the kernel patches the scheduler when the first event is switched on and when
 * the last one is switched off, with the same danger as in hold_vm().
 */
static void trace_no_names(void)
{
	spit("/sys/kernel/tracing/options/record-cmd", "0");
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (!ioctl(fd, SIOCGIFFLAGS, &ifr)) {
		ifr.ifr_flags |= IFF_UP | IFF_RUNNING;
		ioctl(fd, SIOCSIFFLAGS, &ifr);
	}
	close(fd);
}

static void set_limits(void)
{
	const struct rlimit files = { 65536, 65536 };
	const struct rlimit none = { 0, 0 };
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_MEMLOCK, &all);
}

static int open_port(const char *name, int mode)
{
	char path[512], *found;
	struct dirent *d;
	int fd = -1;
	DIR *dir = opendir("/sys/class/virtio-ports");

	while (fd < 0 && dir && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", d->d_name);
		found = slurp(path, NULL);
		if (found) {
			found[strcspn(found, "\n")] = 0;
			if (!strcmp(found, name)) {
				snprintf(path, sizeof(path), "/dev/%s", d->d_name);
				fd = open(path, mode | O_CLOEXEC);
			}
			free(found);
		}
	}
	if (dir)
		closedir(dir);
	return fd;
}

static void open_channels(void)
{
	int tries;

	if (strstr(cmdline, "lab.channel=bochs")) {
		struct termios t;

		ioperm(DEBUG_PORT, 1, 1);
		outsb(DEBUG_PORT, DEBUG_MARK, sizeof(DEBUG_MARK));
		verdict_fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);
		tcgetattr(verdict_fd, &t);
		cfmakeraw(&t);
		t.c_cflag |= CLOCAL;
		cfsetspeed(&t, B115200);
		tcsetattr(verdict_fd, TCSANOW, &t);
		return;
	}
	/* The ports come up by messages from the host, some time after the device. */
	for (tries = 0; tries < 10000; tries++) {
		if (data_fd < 0)
			data_fd = open_port("lab.data", O_WRONLY);
		if (verdict_fd < 0)
			verdict_fd = open_port("lab.verdict", O_RDWR);
		if (data_fd >= 0 && verdict_fd >= 0)
			return;
		ms_sleep(1);
	}
	spit("/dev/kmsg", "<2>lab: no channel to the runner\n");
	reboot(RB_POWER_OFF);
}

/* "kvm-amd" and "kvm_amd" are one name. */
static bool same_name(const char *a, const char *b, size_t len)
{
	for (; len; a++, b++, len--)
		if (*a != *b && !(strchr("-_", *a) && strchr("-_", *b)))
			return false;
	return true;
}

/* The module's parameters on the kernel command line: every NAME.param=value. */
static char *module_params(const char *name)
{
	char *out = calloc(1, strlen(cmdline) + 2), *o = out;
	size_t len = strlen(name);
	const char *p = cmdline;

	while (*p) {
		const char *word = p + strspn(p, BLANKS);
		bool quoted = false;

		for (p = word; *p && (quoted || !strchr(BLANKS, *p)); p++)
			if (*p == '"')
				quoted = !quoted;
		if (p > word + len && word[len] == '.' && same_name(word, name, len)) {
			o = mempcpy(o, word + len + 1, p - word - len - 1);
			*o++ = ' ';
		}
	}
	return out;
}

static void load_module(const char *path)
{
	const char *base = strrchr(path, '/') + 1;
	char *name = strndup(base, strcspn(base, "."));
	char *params, *c;
	int fd;

	for (c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	params = module_params(name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, params, 0) && errno != EEXIST))
		trouble("module %s: %s", name, strerror(errno));
	close(fd);
	free(params);
	if (nlisted < LISTED_MAX)
		listed[nlisted++] = name;
}

static void load_modules(void)
{
	char *list = slurp("/lab/modules", NULL), *path, *save;

	if (!list)
		trouble("the list of modules is missing");
	for (path = strtok_r(list, "\n", &save); path; path = strtok_r(NULL, "\n", &save))
		load_module(path);
	free(list);
}

static bool is_kvm(const char *name)
{
	return !strncmp(name, "kvm", 3) || !strcmp(name, "irqbypass");
}

static bool lab_loaded(const char *name)
{
	int i;

	for (i = 0; i < nlisted; i++)
		if (!strcmp(listed[i], name))
			return true;
	return false;
}

/* Has the lab loaded one of a module's users, a list as in /proc/modules? */
static bool lab_uses(char *users)
{
	char *name, *save;

	for (name = strtok_r(users, ",", &save); name; name = strtok_r(NULL, ",", &save))
		if (!is_kvm(name) && lab_loaded(name))
			return true;
	return false;
}

/*
 * Unload KVM, and the modules that the program loaded, newest first as in
 * /proc/modules.  Module exit is part of what a run covers.  No process is left, so
 * a KVM that can't be unloaded means a VM that was never freed.  Deferred work may
 * hold the last reference for a while, so try several times.
 */
static void unload_modules(void)
{
	int tries;

	for (tries = 0; tries < 40; tries++) {
		char *list = slurp("/proc/modules", NULL), *line, *save;
		bool kept = false;

		for (line = strtok_r(list, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			char *name = strtok(line, " "), *users = NULL;
			int i;

			/* The module's size, how many use it, and their names. */
			for (i = 0; i < 3; i++)
				users = strtok(NULL, " ");
			if (!is_kvm(name) && lab_loaded(name))
				continue;
			if (users && lab_uses(users))
				continue;
			if (syscall(SYS_delete_module, name, O_NONBLOCK) && is_kvm(name)) {
				kept = true;
				if (tries == 39)
					verdict("inuse %s", name);
			}
		}
		free(list);
		if (!kept)
			return;
		ms_sleep(50);
	}
}

/* Held while the program runs: /dev/kvm, a VM, its vCPU. */
static int held[3] = { -1, -1, -1 };

/* The kernel comes up with one processor; the others are there for the program. */
static void switch_others(bool on)
{
	long cpu, n = sysconf(_SC_NPROCESSORS_CONF);

	for (cpu = 1; cpu < n; cpu++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%ld/online", cpu);
		spit(path, on ? "1" : "0");
	}
	if (sysconf(_SC_NPROCESSORS_ONLN) != (on ? n : 1))
		trouble("not all processors go %s", on ? "on" : "off");
}

/*
 * KVM patches a branch when the first of all vCPUs has its local APIC disabled, and when
 * the last one has it enabled again.  This vCPU stays disabled.
 */
static void disable_apic(int vcpu)
{
#ifdef __x86_64__
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return;
	sregs.apic_base &= ~(1ULL << 11);
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs))
		trouble("the held vCPU's APIC can't be disabled: %m");
#endif
}

/*
 * The kernel patches its scheduler for the first VM and when the last one goes.  In
 * QEMU's emulation another processor may fault on such a patch ("Oops: int3"), with
 * stock modules as well.  So init holds a VM while the program runs: it is created
 * before the other processors go online, and freed after they go offline.  "lab.no_vm"
 * is for programs that unload KVM.
 */
static void hold_vm(void)
{
	if (sysconf(_SC_NPROCESSORS_CONF) < 2 || strstr(cmdline, "lab.no_vm"))
		return;
	held[0] = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (held[0] < 0)
		return;
	held[1] = ioctl(held[0], KVM_CREATE_VM, 0);
	if (held[1] < 0 || ioctl(held[1], KVM_CREATE_IRQCHIP, 0))
		return;
	held[2] = ioctl(held[1], KVM_CREATE_VCPU, 0);
	if (held[2] >= 0)
		disable_apic(held[2]);
}

static void let_vm_go(void)
{
	int i;

	for (i = 2; i >= 0; i--)
		if (held[i] >= 0)
			close(held[i]);
}

/*
 * KVM in the image can't be unloaded.  What it has of a VM stays in debugfs until the VM
 * is freed: a directory of its creator's process and descriptor, "123-4".
 */
static bool vm_is_left(void)
{
	DIR *dir = opendir("/sys/kernel/debug/kvm");
	struct dirent *d;
	bool left = false;

	while (dir && !left && (d = readdir(dir)))
		left = *d->d_name >= '0' && *d->d_name <= '9';
	if (dir)
		closedir(dir);
	return left;
}

static void look_for_vms(void)
{
	int tries;

	for (tries = 0; tries < 40; tries++) {
		if (!vm_is_left())
			return;
		ms_sleep(50);
	}
	verdict("inuse kvm");
}

static char **strings(const char *path)
{
	size_t len = 0, n = 0;
	char *text = slurp(path, &len), *p;
	char **vec;

	if (!text)
		trouble("%s is missing", path);
	for (p = text; p < text + len; p += strlen(p) + 1)
		n++;
	vec = calloc(n + 1, sizeof(*vec));
	for (n = 0, p = text; p < text + len; p += strlen(p) + 1)
		vec[n++] = p;
	return vec;
}

static void mark(const char *what, char **argv)
{
	char line[512], *c;
	int n = snprintf(line, sizeof(line), "<5>lab: %s", what);

	for (; argv && *argv && n < 400; argv++)
		n += snprintf(line + n, sizeof(line) - n, " %.100s", *argv);
	/* One line, so that the scanner recognizes all of it as a quotation. */
	for (c = line; *c; c++)
		if (*c == '\n')
			*c = ' ';
	/* A record without its line end waits for more and isn't readable. */
	c[0] = '\n';
	c[1] = 0;
	spit("/dev/kmsg", line);
}

static long long ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* When each processor's nudge() last ran, in shared memory; NULL without nudging. */
static struct pulse {
	atomic_llong at;
} *pulses;
static long npulses;

/*
 * The seconds that the machine has had by the runner's clock, shared with "limit".
 * NULL: "limit" uses the guest's own clock, which counts instructions.
 */
static atomic_llong *seconds_had;

static void map_clock(int mode)
{
	int fd = open(CLOCK, mode | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	if (mode & O_CREAT && ftruncate(fd, sizeof(*seconds_had)))
		trouble("%s: %s", CLOCK, strerror(errno));
	seconds_had = mmap(NULL, sizeof(*seconds_had),
			   PROT_READ | (mode & O_CREAT ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (seconds_had == MAP_FAILED)
		seconds_had = NULL;
	close(fd);
}

/* Read the runner's lines with a number; the last complete line is the newest. */
static void take_time(void)
{
	static char buf[256];
	static size_t used;
	ssize_t n = read(verdict_fd, buf + used, sizeof(buf) - 1 - used);
	char *line, *end;

	if (n <= 0)
		return;
	used += n;
	buf[used] = 0;
	for (line = buf; (end = strchr(line, '\n')); line = end + 1)
		if (seconds_had)
			atomic_store(seconds_had, atoll(line));
	used -= line - buf;
	memmove(buf, line, used);
	/* No number is as long as that. */
	if (used == sizeof(buf) - 1)
		used = 0;
}

static void __noreturn watch(int pidfd, long long limit)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	long long begin, had;

	setsid();
	/* Close all else: a reader would wait for the end of a pipe that this holds. */
	close_range(0, pidfd - 1, 0);
	close_range(pidfd + 1, ~0U, 0);
	map_clock(O_RDONLY);
	begin = ms_now();
	had = seconds_had ? atomic_load(seconds_had) : 0;
	for (;;) {
		long long passed = (ms_now() - begin) / 1000;

		if (poll(&p, 1, 500) > 0)
			_exit(0);
		if (passed >= CAP * limit ||
		    (seconds_had ? atomic_load(seconds_had) - had : passed) >= limit) {
			syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
			_exit(0);
		}
	}
}

/*
 * limit SECONDS PROGRAM ARGS...: this process becomes PROGRAM, and watch() kills it when
 * the machine has had that many seconds more.  watch() isn't PROGRAM's child nor in its
 * session, so PROGRAM may wait for all of its children and kill its session.
 */
static int run_limited(char **argv)
{
	int pidfd = syscall(SYS_pidfd_open, getpid(), 0);
	pid_t child;

	if (!argv[1] || !argv[2] || atoll(argv[1]) <= 0 || pidfd < 0) {
		fprintf(stderr, "usage: limit SECONDS PROGRAM [ARGS...]\n");
		return 125;
	}
	child = fork();
	if (!child) {
		if (!fork())
			watch(pidfd, atoll(argv[1]));
		_exit(0);
	}
	waitpid(child, NULL, 0);
	close(pidfd);
	execvp(argv[2], argv + 2);
	fprintf(stderr, "limit: %s: %s\n", argv[2], strerror(errno));
	return 127;
}

/* One processor's process: wakes the next one's if no process has woken it for a while. */
static void __noreturn nudge(long cpu, int in, int next)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	char buf[64], line[100];
	long long begin, late;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (;;) {
		begin = ms_now();
		atomic_store(&pulses[cpu].at, begin);
		if (!poll(&p, 1, NUDGE_MS)) {
			write(next, "", 1);
			continue;
		}
		while (read(in, buf, sizeof(buf)) == sizeof(buf))
			;
		late = ms_now() - begin;
		if (late < 3 * NUDGE_MS)
			continue;
		snprintf(line, sizeof(line), "<5>lab: processor %ld missed its timer for %lld ms\n",
			 cpu, late);
		spit("/dev/kmsg", line);
	}
}

/*
 * With a thread for each processor QEMU may lose an interrupt: its code for a VMEXIT
 * changes the word of pending interrupts without a lock, and the processor sees an
 * interrupt that comes at that moment only with the next one.  If it is the timer's, and
 * the processor goes idle, it sleeps until another processor wakes it, and all that needs
 * its timers waits: once RCU's grace period in the debug kernel took 65 s.  So the
 * processors wake each other now and then.
 */
static void nudge_each_other(void)
{
	long cpu, n = sysconf(_SC_NPROCESSORS_ONLN);
	int pipes[n][2];

	if (!strstr(cmdline, "lab.pulse"))
		return;
	pulses = mmap(NULL, n * sizeof(*pulses), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pulses == MAP_FAILED)
		trouble("a page: %s", strerror(errno));
	npulses = n;
	map_clock(O_RDWR | O_CREAT);
	for (cpu = 0; cpu < n; cpu++)
		if (pipe2(pipes[cpu], O_CLOEXEC | O_NONBLOCK))
			trouble("pipes: %s", strerror(errno));
	for (cpu = 0; cpu < n; cpu++)
		if (!fork())
			nudge(cpu, pipes[cpu][0], pipes[(cpu + 1) % n][1]);
	for (cpu = 0; cpu < n; cpu++) {
		close(pipes[cpu][0]);
		close(pipes[cpu][1]);
	}
}

/* Send "alive" if all processors have run a process since the last "alive". */
static void tell_pulse(void)
{
	static long long told;
	long long now = ms_now();
	long cpu;

	if (now - told < PULSE_MS)
		return;
	for (cpu = 0; cpu < npulses; cpu++)
		if (atomic_load(&pulses[cpu].at) <= told)
			return;
	verdict("alive");
	told = now;
}

static void __noreturn child(char **argv, char **env, int out, int err, int report,
			     bool shell)
{
	sigset_t none;
	char **cwd = strings("/lab/cwd");
	int in, e, tries;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (shell) {
		for (tries = 0; tries < 5000; tries++) {
			in = open("/dev/hvc0", O_RDWR);
			if (in >= 0)
				break;
			ms_sleep(1);
		}
		ioctl(in, TIOCSCTTY, 0);
		out = in;
		err = in;
	} else {
		in = open("/dev/null", O_RDONLY);
	}
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	if (in > 2)
		close(in);
	if (cwd[0] && chdir(cwd[0]))
		chdir("/");
	execve(argv[0], argv, env);
	e = errno;
	write_all(report, &e, sizeof(e));
	_exit(127);
}

static void run(void)
{
	char **argv = strings("/lab/argv"), **env = strings("/lab/env");
	bool shell = !access("/lab/shell", F_OK);
	int out[2], err[2], report[2], e, status = 0, sfd;
	bool ended = false;
	sigset_t chld;
	pid_t pid, who;

	if (!argv[0])
		trouble("no program was named");
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	sfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sfd < 0 || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || pipe2(report, O_CLOEXEC))
		trouble("pipes: %s", strerror(errno));

	mark("run", argv);
	verdict("start");
	pid = fork();
	if (pid < 0)
		trouble("fork: %s", strerror(errno));
	if (!pid)
		child(argv, env, out[1], err[1], report[1], shell);
	close(out[1]);
	close(err[1]);
	close(report[1]);
	if (read(report[0], &e, sizeof(e)) == sizeof(e))
		trouble("cannot execute %s: %s", argv[0], strerror(e));

	while (!ended) {
		struct pollfd p[5] = {
			{ .fd = out[0], .events = POLLIN },
			{ .fd = err[0], .events = POLLIN },
			{ .fd = kmsg_fd, .events = POLLIN },
			{ .fd = sfd, .events = POLLIN },
			{ .fd = pulses ? verdict_fd : -1, .events = POLLIN },
		};
		struct signalfd_siginfo si;

		if (pulses)
			tell_pulse();
		if (poll(p, 5, pulses ? PULSE_MS : -1) < 0)
			continue;
		if (p[0].revents && !drain_pipe(out[0], 'o'))
			out[0] = -1;
		if (p[1].revents && !drain_pipe(err[0], 'e'))
			err[0] = -1;
		if (p[2].revents)
			drain_kmsg();
		if (p[4].revents & POLLIN)
			take_time();
		if (p[3].revents) {
			read(sfd, &si, sizeof(si));
			while ((who = waitpid(-1, &e, WNOHANG)) > 0) {
				if (who == pid) {
					status = e;
					ended = true;
				}
			}
		}
	}
	if (WIFSIGNALED(status))
		verdict("signal %d", WTERMSIG(status));
	else
		verdict("exit %d", WEXITSTATUS(status));

	/* Kill what the program left: only then is all output in the pipes and KVM idle. */
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	while (out[0] >= 0 && drain_pipe(out[0], 'o'))
		;
	while (err[0] >= 0 && drain_pipe(err[0], 'e'))
		;
	switch_others(false);
	let_vm_go();
	unload_modules();
	look_for_vms();
	mark("end", NULL);
}

int main(int argc, char **argv)
{
	if (argc && !strcmp(basename(argv[0]), "limit"))
		return run_limited(argv);
	mount_all();
	trace_no_names();
	cmdline = slurp("/proc/cmdline", NULL);
	if (!cmdline)
		cmdline = strdup("");
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	open_channels();
	verdict("boot");
	drain_kmsg();
	loopback_up();
	sethostname("lab", 3);
	set_limits();
	load_modules();
	hold_vm();
	switch_others(true);
	nudge_each_other();
	drain_kmsg();
	run();
	leave();
}
