# A process that takes file locks as it is told, one command a line, one answer a line: ok, what was asked for, or the errno's name.
# SIGUSR1 does nothing but end what it waits for with EINTR.
use strict;
use warnings;
use Fcntl qw(:DEFAULT :flock);
use IO::Handle;

$SIG{USR1} = sub { };
STDOUT->autoflush(1);
my %files;
my %modes = (r => O_RDONLY, rw => O_RDWR, w => O_WRONLY, n => O_RDWR | O_NONBLOCK, t => O_WRONLY | O_TRUNC);
my %types = (rd => 0, wr => 1, un => 2);
my @names = ('rd', 'wr', 'un');
my %flocks = (sh => LOCK_SH, ex => LOCK_EX, un => LOCK_UN);
# struct flock of the 64-bit architectures; F_GETLK, F_SETLK, F_SETLKW, and those of open file descriptions.
my %commands = (get => 5, set => 6, wait => 7, oget => 36, oset => 37, owait => 38);

sub errno {
    return 'EAGAIN' if $!{EAGAIN};
    for my $name (sort keys %!) { return $name if $!{$name} }
    return "errno $!";
}

sub act {
    my ($act, $handle, @rest) = @_;
    if ($act eq 'open') {
        my ($mode, $path) = @rest;
        return sysopen($files{$handle}, $path, $modes{$mode}) ? 'ok' : errno();
    }
    my $file = defined $handle ? $files{$handle} : undef;
    if ($act eq 'flock') {
        my ($kind, $now) = @rest;
        return flock($file, $flocks{$kind} | ($now ? LOCK_NB : 0)) ? 'ok' : errno();
    }
    if (exists $commands{$act}) {
        my ($type, $start, $length) = @rest;
        my $lock = pack('s s x4 q q l x4', $types{$type}, 0, $start // 0, $length // 0, 0);
        return errno() unless fcntl($file, $commands{$act}, $lock);
        return 'ok' unless $act =~ /get$/;
        my ($found, undef, $at, $size, $pid) = unpack('s s x4 q q l x4', $lock);
        return $found == 2 ? 'un' : "$names[$found] $at $size $pid";
    }
    if ($act eq 'dup') {
        return open($files{$rest[0]}, '+<&', $file) || open($files{$rest[0]}, '<&', $file) ? 'ok' : errno();
    }
    if ($act eq 'close') { return close(delete $files{$handle}) ? 'ok' : errno() }
    if ($act eq 'read') {
        sysseek($file, 0, 0);
        my $text;
        return defined sysread($file, $text, 4096) ? "<$text>" : errno();
    }
    if ($act eq 'write') {
        sysseek($file, 0, 2);
        return defined syswrite($file, $rest[0]) ? 'ok' : errno();
    }
    if ($act eq 'fork') {
        # The child has the parent's files open, and waits until it is ended.
        my $child = fork() // die;
        if ($child == 0) { open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); sleep 1000; exit }
        return $child;
    }
    return 'what?';
}

while (my $line = <STDIN>) {
    chomp $line;
    print act(split / /, $line), "\n";
}
