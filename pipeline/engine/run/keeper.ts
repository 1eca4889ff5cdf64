// The program that a step without namespaces runs under: it answers for /proc, which no folder can hold and nobody may mount, and ends with
// the step whatever that left running. In Perl, without any module of it: Node can neither take a file descriptor over a socket nor ask the
// kernel what a system call is about.

/** The calls that name a file, which the step's filter hands to the keeper before the kernel carries them out. */
export const KEPT_CALLS = [
  ...['open', 'stat', 'lstat', 'access', 'readlink'], // only x86-64 has these
  ...[
    'openat',
    'newfstatat',
    'statx',
    'faccessat',
    'faccessat2',
    'readlinkat',
    'getxattr',
    'lgetxattr',
    'listxattr',
    'llistxattr',
  ],
];

/**
 * `perl FILE STARTER MACHINE SOCKET ROOT SECRETS COMMAND…`: the process that it ends with, Node's name of the processor, and files to remove when
 * it is ended, by their names in a file with NUL after each. The command is the runtime, which sends the filter's file descriptor to the socket.
 */
export const KEEPER = String.raw`
my ($starter, $machine, $socket, $root, $secrets, @command) = @ARGV;

# What Perl has no function for, and what the step calls, by number; the size of what stat writes.
my %machine = (
  x64 => {
    arch => 0xC000003E, stat_size => 144, recvmsg => 47, ppoll => 271, pidfd_open => 434, prctl => 157, close => 3, setfsuid => 122, setfsgid => 123,
    open => 2, stat => 4, lstat => 6, access => 21, readlink => 89, getxattr => 191, lgetxattr => 192, listxattr => 194, llistxattr => 195,
    openat => 257, newfstatat => 262, readlinkat => 267, faccessat => 269, statx => 332, faccessat2 => 439,
  },
  arm64 => {
    arch => 0xC00000B7, stat_size => 128, recvmsg => 212, ppoll => 73, pidfd_open => 434, prctl => 167, close => 57, setfsuid => 151, setfsgid => 152,
    getxattr => 8, lgetxattr => 9, listxattr => 11, llistxattr => 12,
    openat => 56, newfstatat => 79, readlinkat => 78, faccessat => 48, statx => 291, faccessat2 => 439,
  },
);
my %number = %{$machine{$machine} or die "the system calls of this machine are not known\n"};
my ($PDEATHSIG, $SUBREAPER, $SIGTERM, $WNOHANG, $ENODATA, $AF_UNIX, $SOCK_STREAM) = (1, 36, 15, 1, 61, 1, 1);
my ($RECEIVE, $SEND, $ADD, $FLAGS) = (0xC0502100, 0xC0182101, 0x40182103, 0x40082104);
my ($CONTINUE, $ADD_AND_SEND, $WAKE_HERE) = (1, 2, 1);
my ($CLOEXEC, $AT_FDCWD, $NOFOLLOW, $HANGUP) = (02000000, -100, 0x100, 0x10);

# By number: where the path is among the arguments, and what gives the answer, from the path as seen here and the arguments.
my %served = (
  call('open', 0, sub { opened($_[0], @_[2, 3]) }),
  call('openat', 1, sub { opened($_[0], @_[3, 4]) }),
  call('stat', 0, sub { examined($_[0], $_[2], 0) }),
  call('lstat', 0, sub { examined($_[0], $_[2], $NOFOLLOW) }),
  call('newfstatat', 1, sub { examined($_[0], @_[3, 4]) }),
  call('statx', 1, sub { described(@_[0, 3, 4, 5]) }),
  call('access', 0, sub { accessed($_[0], $_[2]) }),
  call('faccessat', 1, sub { accessed($_[0], $_[3]) }),
  call('faccessat2', 1, sub { accessed($_[0], $_[3]) }),
  call('readlink', 0, sub { linked($_[0], @_[2, 3]) }),
  call('readlinkat', 1, sub { linked($_[0], @_[3, 4]) }),
  (map { call($_, 0, sub { $! = $ENODATA; failure() }) } 'getxattr', 'lgetxattr'), # what these files do not have
  (map { call($_, 0, sub { value(0) }) } 'listxattr', 'llistxattr'),
);
sub call { my ($name, @rest) = @_; return defined $number{$name} ? ($number{$name} => \@rest) : () }

# Whatever the step starts becomes a child of this process when its own parent ends, and ends with it.
syscall($number{prctl}, $SUBREAPER, 1, 0, 0, 0);
syscall($number{prctl}, $PDEATHSIG, $SIGTERM, 0, 0, 0);
exit 137 if getppid() != $starter; # it was gone before
socket(my $listener, $AF_UNIX, $SOCK_STREAM, 0) or die "socket: $!\n";
bind($listener, pack('Sa108', $AF_UNIX, $socket)) && listen($listener, 1) or die "$socket: $!\n";
my ($runtime, $status);
$SIG{CHLD} = sub {}; # ends a wait
$SIG{TERM} = sub { end_all(); forget(); exit 137 };
$runtime = fork // die "fork: $!\n";
if ($runtime == 0) {
  $SIG{TERM} = 'DEFAULT';
  exec { $command[0] } @command or die "$command[0]: $!\n";
}
my ($id, $pid); # of the call that waits for an answer
my ($filter, $first) = receive();
serve() if defined $filter;
# The runtime waits for all that the step started, and has what the first process ended with.
until (has_ended()) { kill('KILL', children($runtime)); select(undef, undef, undef, 0.002) }
end_all();
exit(($status & 127) ? 128 + ($status & 127) : $status >> 8);

sub has_ended {
  $status = $? if !defined $status && defined $runtime && waitpid($runtime, $WNOHANG) == $runtime;
  return defined $status;
}

# The filter's file descriptor, the last of those that the runtime sends, and one of the step's first process.
sub receive {
  vec(my $listening = '', fileno($listener), 1) = 1;
  # It may end before it connects; a signal that comes just before the wait does not end that.
  until (select(my $ready = $listening, undef, undef, 0.05) > 0) { return if has_ended() }
  accept(my $connection, $listener) or return;
  my ($text, $control) = ("\0" x 65536, "\0" x 256);
  my $vector = pack('PQ', $text, length $text);
  my $message = pack('QLx4PQPQlx4', 0, 0, $vector, 1, $control, length $control, 0);
  return if syscall($number{recvmsg}, fileno($connection), $message, 0) < 0;
  my @descriptors = unpack('l*', substr($control, 16, unpack('Q', $control) - 16));
  my $last = pop @descriptors;
  syscall($number{close}, 0 + $_) for @descriptors;
  my ($process) = $text =~ /"pid": *(\d+)/;
  open(my $handle, '+<&=', $last) or return;
  return ($handle, syscall($number{pidfd_open}, 0 + $process, 0));
}

sub serve {
  ioctl($filter, $FLAGS, $WAKE_HERE); # since Linux 6.6: the answer comes sooner
  my $wait = pack('lsslss', fileno($filter), 1, 0, $first, 1, 0);
  until (has_ended()) {
    next if syscall($number{ppoll}, $wait, 2, 0, 0, 8) < 0;
    my ($events, $end) = (unpack('lsslss', $wait))[2, 5];
    return if $end || $events & $HANGUP; # the step is over, or none is left that the filter is for
    my $request = "\0" x 80;
    ioctl($filter, $RECEIVE, $request) or next;
    my ($call, $arch, @arguments);
    ($id, $pid, undef, $call, $arch, undef, @arguments) = unpack('QLLlLQQ6', $request);
    my $served = $arch == $number{arch} ? $served{$call} : undef;
    my $path = defined $served ? outside(text_at($arguments[$served->[0]])) : undef;
    my $answer = defined $path ? $served->[1]->("$path\0", @arguments) : pack('QqlL', $id, 0, 0, $CONTINUE);
    ioctl($filter, $SEND, $answer) if defined $answer;
  }
}

# What the step means, by a path that means it here; undefined where that is in the step's own folder.
sub outside {
  my ($path) = @_;
  return undef unless defined $path && $path =~ m{^/+(?:proc|sys|dev/+(?:fd|ptmx|pts|std(?:in|out|err)))(?:/|\z)};
  return undef if $path =~ m{/\.\.(?:/|\z)}; # may lead back into it
  $path =~ s{//+}{/}g;
  $path =~ s{^/dev/fd(?=/|\z)}{/proc/self/fd};
  $path =~ s{^/dev/std(in|out|err)\z}{'/proc/self/fd/' . {in => 0, out => 1, err => 2}->{$1}}e;
  if ($path =~ m{^/proc/(?:thread-)?self(?=/|\z)}) {
    my $process = field('Tgid') // return undef;
    $path =~ s{^/proc/self(?=/|\z)}{/proc/$process} or $path =~ s{^/proc/thread-self}{/proc/$process/task/$pid};
  }
  return $path;
}

# The last word of a line of /proc/PID/status: of users and groups that is the one by which files are opened.
sub field {
  my ($name) = @_;
  open(my $lines, '<', "/proc/$pid/status") or return undef;
  for (<$lines>) { return (split)[-1] if /^$name:/ }
  return undef;
}

# Without the right to trace all, one may look into the processes of whoever one opens files as. What is opened for the step is so, too.
sub memory {
  my ($mode) = @_;
  my $memory;
  open($memory, $mode, "/proc/$pid/mem") and return $memory;
  my ($user, $group) = (field('Uid'), field('Gid'));
  return undef unless defined $user && defined $group;
  syscall($number{setfsgid}, 0 + $group);
  syscall($number{setfsuid}, 0 + $user);
  return open($memory, $mode, "/proc/$pid/mem") ? $memory : undef;
}

sub text_at {
  my ($address) = @_;
  my $memory = memory('<') // return undef;
  sysseek($memory, $address, 0) or return undef;
  for (my $text = ''; length($text) < 4096;) { # a page at a time: there need not be another
    sysread($memory, my $part, 4096 - (($address + length $text) & 4095)) or return undef;
    $text .= $part;
    my $end = index($text, "\0");
    return substr($text, 0, $end) if $end >= 0;
  }
  return undef;
}

sub put {
  my ($address, $bytes) = @_;
  my $memory = memory('+<') // return 0;
  return sysseek($memory, $address, 0) && syswrite($memory, $bytes);
}

sub value { return pack('QqlL', $id, $_[0], 0, 0) }
sub failure { return pack('QqlL', $id, 0, -$!, 0) }

sub opened {
  my ($path, $flags, $mode) = @_;
  my $descriptor = syscall($number{openat}, $AT_FDCWD, $path, $flags | $CLOEXEC, $mode);
  return failure() if $descriptor < 0;
  # To hand it over is the answer.
  my $added = ioctl($filter, $ADD, pack('QLLLL', $id, $ADD_AND_SEND, $descriptor, 0, $flags & $CLOEXEC));
  my $failure = $added ? undef : failure();
  syscall($number{close}, 0 + $descriptor);
  return $failure;
}

sub examined {
  my ($path, $address, $flags) = @_;
  my $stats = "\0" x $number{stat_size};
  return failure() if syscall($number{newfstatat}, $AT_FDCWD, $path, $stats, $flags) < 0;
  return put($address, $stats) ? value(0) : failure();
}

sub described {
  my ($path, $flags, $mask, $address) = @_;
  my $stats = "\0" x 256;
  return failure() if syscall($number{statx}, $AT_FDCWD, $path, $flags, $mask, $stats) < 0;
  return put($address, $stats) ? value(0) : failure();
}

sub accessed {
  my ($path, $mode) = @_;
  return syscall($number{faccessat}, $AT_FDCWD, $path, $mode) < 0 ? failure() : value(0);
}

sub linked {
  my ($path, $address, $size) = @_;
  my $target = readlink(substr($path, 0, -1)) // return failure();
  $target = '/' . $target if $target =~ s{^\Q$root\E(?:/|\z)}{};
  $target = substr($target, 0, $size);
  return put($address, $target) ? value(length $target) : failure();
}

sub children {
  my ($parent) = @_;
  open(my $list, '<', "/proc/$parent/task/$parent/children") or return;
  return split(' ', <$list> // '');
}

sub end_all {
  local ($SIG{TERM}, $SIG{CHLD}) = ('IGNORE', 'DEFAULT');
  do { kill('KILL', children($$)) } while waitpid(-1, 0) > 0; # what one had started is a child now
}

# Nobody is left who would: what starts the step ends it in this way when it ends itself.
sub forget {
  open(my $list, '<', $secrets) or return;
  local $/ = "\0";
  for (<$list>) { chomp; unlink }
}
`;
