# Finds the engine's own tools (tools/), and says what keeps the engine from its work. Sourced, with $engine set to the engine's folder.

# What the machine has instead is often not in a user's PATH. An empty part of it would be the working directory.
export PATH="${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# How a container is started that lets the engine make namespaces. Its own file system holds no overlays, so the cache is a volume.
rights='docker run --cap-add SYS_ADMIN --cap-add NET_ADMIN --device /dev/net/tun --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined --volume drydock:/root/.cache IMAGE'

refuse() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 3
}

# Capabilities, by their numbers: to write what belongs to others, to become others, and what a step has besides.
files='CHOWN:0 DAC_OVERRIDE:1 FOWNER:3 FSETID:4'
users='SETGID:6 SETUID:7'
more='NET_BIND_SERVICE:10 NET_RAW:13 AUDIT_WRITE:29 SETFCAP:31'

# Prints those that we lack.
lacking() {
  has=0x$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status) separator=
  for capability; do
    [ $((has >> ${capability#*:} & 1)) = 0 ] || continue
    printf '%sCAP_%s' "$separator" "${capability%:*}"
    separator=', '
  done
}

# A session mounts what it has there (run/mounts.ts); a container with `--ipc none` has no such folder.
need_session_folder() {
  [ -d /dev/shm ] || mkdir -m 1777 /dev/shm 2>/dev/null || refuse 'the folder /dev/shm is missing' 'sudo mkdir -m 1777 /dev/shm'
}

# Raises a limit to what a session needs: the letter that `ulimit` has for it, the least, its unit, what it limits, and how other programs set it.
need_limit() {
  now=$(ulimit "-$1")
  if [ "$now" = unlimited ] || [ "$now" -ge "$2" ]; then return; fi
  if ulimit -S "-$1" "$2" 2>/dev/null || ulimit "-$1" "$2" 2>/dev/null; then return; fi
  raise="sudo prlimit --pid \$\$ --$5"
  [ "$(id -u)" != 0 ] || raise="docker run --ulimit $5 IMAGE" # root may always, but for that of a container
  refuse "$4 is limited to $now$3 here, and the engine needs $2$3" "$raise"
}
need_limits() {
  letter=u
  (ulimit -u >/dev/null 2>&1) || letter=p # in dash and busybox
  [ "$(id -u)" = 0 ] || need_limit $letter 256 '' 'the number of processes' nproc=65536
  need_limit n 256 '' 'the number of open files' nofile=65536
  need_limit s 8192 ' kB' 'the stack of a program' stack=8388608
  need_limit f 8388608 ' blocks of 512 bytes' 'the size of a file' fsize=-1
  need_limit d 2000000 ' kB' 'the memory of a program' data=-1
  need_limit v 2000000 ' kB' 'the address space of a program' as=-1
}

# Whether a runtime may make a folder its root. Docker's filter of system calls refuses it even to root that may mount.
may_pivot() {
  if grep -q '^Seccomp:[[:space:]]*0' /proc/self/status; then return; fi
  case $(uname -m) in x86_64) call=155 ;; *) call=41 ;; esac
  (run_tool perl -e 'my $none = "/no-such-folder"; syscall(0 + $ARGV[0], $none, $none); exit($! != 2)' "$call")
}

# Becomes a command whose descendants become its children when their own parent ends (PR_SET_CHILD_SUBREAPER).
adopt_orphans() {
  case $(uname -m) in x86_64) call=157 ;; *) call=167 ;; esac
  run_tool perl -e 'syscall(0 + shift, 36, 1, 0, 0, 0) == 0 or die "prctl: $!\n"; exec { $ARGV[0] } @ARGV' "$call" "$@"
}

# For steps without namespaces.
need_chroot() {
  lacks=$(lacking $files $users KILL:5 SETPCAP:8 SYS_CHROOT:18 MKNOD:27)
  [ -z "$lacks" ] || refuse "no step can run here: root lacks $lacks" "$rights"
  need_boot_id
}

# By it a session tells what a machine that was switched off has left (src/process-name.ts).
has_boot_id() { { read -r _ </proc/sys/kernel/random/boot_id; } 2>/dev/null; }
need_boot_id() {
  has_boot_id || refuse '/proc/sys is hidden here, where the engine reads since when the machine runs' \
    'docker run --security-opt systempaths=unconfined IMAGE'
}

# Sets $tools to their folder, or to nothing where the machine's own programs have to do. What needs them has them fetched when they are missing.
find_tools() {
  tools=${DRYDOCK_TOOLS-}
  if [ -n "$tools" ] && [ -d "$tools" ]; then return; fi
  # A new lock or other code makes other tools, in a folder of their own.
  made_from=$(cat "$engine/images/assembled/locks/engine-tools.json" "$engine/tools/"*.ts | sha256sum | cut -c 1-16)
  # A relative path counts as none, as the specification of base directories has it.
  case ${XDG_CACHE_HOME-} in
    /*) cache=$XDG_CACHE_HOME ;;
    *) cache=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}/.cache ;;
  esac
  tools=$cache/drydock/tools/$made_from-$(uname -m)
  if ! can_start; then
    case ${1-} in session | probe | tools) node "$engine/launch.mjs" fetch-tools "$tools" || exit ;; esac
    can_start || tools=
  fi
  export DRYDOCK_TOOLS="$tools"
}

# Whether what runs before the engine can look at all of them (tools/install.ts) is what was unpacked, from this lock.
can_start() {
  (cd "$tools" && [ -x lib/ld.so ] && grep -qxF "# ${tools##*/}" sums && grep -E ' (lib/ld.so|lib/libc.so.6|bin/unshare)$' sums | sha256sum --check --status) 2>/dev/null
}

# Becomes one of them. Before a session has made the folder that they expect to be in, their loader has to be told where they are.
run_tool() {
  if [ -z "$tools" ]; then exec "$@"; fi
  name=$1
  shift
  exec "$tools/lib/ld.so" --library-path "$tools/lib" "$tools/bin/$name" "$@"
}
