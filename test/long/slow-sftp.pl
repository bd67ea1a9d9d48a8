#!/usr/bin/perl
# What sshfs takes for ssh(1): the SFTP server far away. Each request comes to it some milliseconds late, after those before it.
# Arguments: milliseconds, the server; sshfs adds others.
use strict;
use warnings;
use IPC::Open2;

my ($ms, $server) = @ARGV;
my $pid = open2(my $answers, my $requests, $server);
my $child = fork() // die "fork: $!";
if ($child == 0) {
  close $requests;
  while (sysread($answers, my $some, 65536)) { put(*STDOUT, $some) }
  exit 0;
}
close $answers;
while (defined(my $length = take(4))) {
  my $body = take(unpack('N', $length)) // last;
  select(undef, undef, undef, $ms / 1000);
  put($requests, $length . $body);
}
close $requests;
waitpid($_, 0) for $pid, $child;

sub take {
  my ($size) = @_;
  my $bytes = '';
  while (length($bytes) < $size) {
    sysread(STDIN, $bytes, $size - length($bytes), length($bytes)) or return undef;
  }
  return $bytes;
}

sub put {
  my ($to, $bytes) = @_;
  while (length($bytes) > 0) {
    my $put = syswrite($to, $bytes) // die "write: $!";
    substr($bytes, 0, $put) = '';
  }
}
