// The system calls a step may make: those of Docker's default profile, and with all capabilities those that make namespaces and mounts.

const ALLOWED = `
accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown chown32 clock_adjtime clock_adjtime64
clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect
copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait
epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark
fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr flistxattr flock fork fremovexattr
fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv
futex_wake futimesat getcpu getcwd getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32
getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 getrlimit
get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid gettimeofday getuid getuid32 getxattr getxattrat
inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents
io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule landlock_create_ruleset
landlock_restrict_self lchown lchown32 lgetxattr link linkat listen listmount listxattr listxattrat llistxattr _llseek lremovexattr
lseek lsetxattr lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir mkdirat mknod mknodat mlock
mlock2 mlockall mmap mmap2 mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend
mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock munlockall munmap name_to_handle_at nanosleep
newfstatat _newselect open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll ppoll
ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead
readlink readlinkat readv recv recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat rename renameat
renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam sched_get_priority_max
sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop semtimedop_time64 send sendfile sendfile64
sendmmsg sendmsg sendto setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority
setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setrlimit set_robust_list setsid setsockopt
set_thread_area set_tid_address setuid setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4
sigprocmask sigreturn socketpair splice stat stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range
syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask
uname unlink unlinkat uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid write writev
process_vm_readv process_vm_writev ptrace arch_prctl modify_ldt chroot`;

/**
 * What Docker's profile adds for CAP_SYS_ADMIN, and pivot_root, as far as a user namespace's root may do it at all. The rest
 * (modules, bpf, quotas, …) asks for capabilities on the host, which a step never has: it stays refused before the kernel sees it.
 */
const NAMESPACES_AND_MOUNTS = `
fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root setdomainname sethostname setns umount umount2`;

const EPERM = 1;
const ENOSYS = 38;
const CLONE_NEW_NAMESPACES = 0x7e020000;
/** With one of its own, a step could mount the hierarchy that its cgroup is in; without root the engine's is at its top. */
const CLONE_NEWCGROUP = 0x02000000;
/** The kernel's ciphers (CVE-2026-31431: whoever may read a file writes to its copy in memory, which all steps and the host share), and whoever runs virtual machines. */
const AF_ALG = 38;
const AF_VSOCK = 40;
/** `personality` values that change nothing dangerous: Linux, 32 bit, 64 bit variants, and asking. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string[]>> = {
  // Not x32, which Linux hardly has any more: each costs some milliseconds at the start of every step.
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

interface Rule {
  readonly names: readonly string[];
  readonly action: string;
  readonly [field: string]: unknown;
}

const allow = (names: readonly string[], args?: object[]): Rule => ({
  names,
  action: 'SCMP_ACT_ALLOW',
  ...(args ? { args } : {}),
});

const withoutFlags = (name: string, flags: number) =>
  allow([name], [{ index: 0, value: flags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }]);

/** The `linux.seccomp` part of a runtime specification: everything else answers EPERM; clone3 ENOSYS, so that libc falls back to clone. */
const profile = (syscalls: Rule[]) => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: EPERM,
  architectures: ARCHITECTURES[process.arch] ?? [],
  syscalls: [
    allow(ALLOWED.trim().split(/\s+/)),
    // Conditions of one rule have to hold together, those of several each for itself.
    allow(['socket'], [{ index: 0, value: AF_ALG, op: 'SCMP_CMP_LT' }]),
    allow(['socket'], [{ index: 0, value: AF_ALG + 1, op: 'SCMP_CMP_EQ' }]),
    allow(['socket'], [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_GT' }]),
    // Which family 32-bit programs ask by this is in memory, where no filter looks.
    { names: ['socketcall'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    ...PERSONALITIES.map((value) => allow(['personality'], [{ index: 0, value, op: 'SCMP_CMP_EQ' }])),
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    ...syscalls,
  ],
});

/** The same profile, with calls that are allowed once the program at the socket has seen them. */
export const notifying = ({ syscalls, ...rest }: Profile, names: readonly string[], listenerPath: string): object => ({
  ...rest,
  listenerPath,
  syscalls: [
    { names, action: 'SCMP_ACT_NOTIFY' },
    ...syscalls.map((rule) => ({ ...rule, names: rule.names.filter((name) => !names.includes(name)) })),
  ],
});

type Profile = ReturnType<typeof profile>;

export const SECCOMP = profile([withoutFlags('clone', CLONE_NEW_NAMESPACES)]);

/** For a step with all capabilities. */
export const SECCOMP_ALL_CAPABILITIES = profile([
  allow(NAMESPACES_AND_MOUNTS.trim().split(/\s+/)),
  withoutFlags('clone', CLONE_NEWCGROUP),
  withoutFlags('unshare', CLONE_NEWCGROUP),
]);
