// What ends in a signal or is forbidden by what runs: faults in mappings, the limit of a file's size, programs that are written to.

import { readFileSync } from 'node:fs';
import { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../../src/sys/constants.ts';
import { MAP_SHARED, PROT_READ, PROT_WRITE } from '../calls/files.ts';
import { type Case, cases, file } from '../case.ts';
import type { Context } from '../context.ts';
import { patched, pattern, sameContent } from '../data.ts';
import type { Probe } from '../probe.ts';
import { runs, whileRunning } from '../programs.ts';

const PAGE = 4096;
const BOTH = PROT_READ | PROT_WRITE;

/** A mapping of `f` in another process, which survives its faults. */
function probeMap(c: Context, flags: number, pages: number): { probe: Probe; fd: bigint; at: bigint } {
  const probe = c.probe();
  const fd = probe.must('openat', -100, '=f', flags);
  const prot = flags === O_RDONLY ? PROT_READ : BOTH;
  return { probe, fd, at: probe.must('mmap', 0, pages * PAGE, prot, MAP_SHARED, fd, 0) };
}

const faults: Case[] = [
  {
    name: 'SIGBUS past the last page, zeros up to its end',
    given: { f: file('content') },
    needs: 'gcc',
    run: (c) => {
      const { probe, at } = probeMap(c, O_RDWR, 3);
      c.is(probe.peek(at, 10), 'content\0\0\0');
      c.is(probe.peek(at + 4090n, 6), '\0'.repeat(6));
      c.is(probe.peek(at + 4096n, 1), 'SIGBUS');
      c.is(probe.poke(at + 8192n, 'x'), 'SIGBUS');
      c.is(c.truncate('f', 10_000), 0);
      c.is(probe.peek(at + 4096n, 1), '\0');
      c.is(probe.poke(at + 8192n, 'x'), '0');
      c.is(c.text('f').slice(8191, 8194), '\0x\0');
    },
  },
  {
    name: 'SIGBUS after the file was cut, in a mapping from before',
    given: { f: file(pattern(3 * PAGE, 1)) },
    needs: 'gcc',
    run: (c) => {
      const { probe, at } = probeMap(c, O_RDONLY, 3);
      c.is(probe.peek(at + 8200n, 3), pattern(3 * PAGE, 1).slice(8200, 8203));
      c.is(c.truncate('f', 100), 0);
      c.is(probe.peek(at + 8200n, 3), 'SIGBUS');
      c.is(probe.peek(at + 98n, 4), `${pattern(3 * PAGE, 1).slice(98, 100)}\0\0`);
      c.ok(c.open('f', O_WRONLY | O_TRUNC));
      c.is(probe.peek(at, 1), 'SIGBUS');
      c.put('f', 'anew');
      c.is(probe.peek(at, 5), 'anew\0');
    },
  },
  {
    name: 'SIGSEGV for a write to a mapping that is read only',
    given: { f: file('content') },
    needs: 'gcc',
    run: (c) => {
      const { probe, fd, at } = probeMap(c, O_RDONLY, 1);
      c.is(probe.poke(at, 'x'), 'SIGSEGV');
      c.is(probe.call('mprotect', at, PAGE, BOTH), 'EACCES');
      c.is(probe.call('close', fd), '0');
      c.is(c.text('f'), 'content');
    },
  },
  {
    name: 'a mapping is moved and made longer',
    given: { f: file(pattern(4 * PAGE, 2)) },
    needs: 'gcc',
    run: (c) => {
      const { probe, at } = probeMap(c, O_RDWR, 1);
      const moved = probe.must('mremap', at, PAGE, 4 * PAGE, 1);
      c.is(probe.peek(moved + 12_300n, 3), pattern(4 * PAGE, 2).slice(12_300, 12_303));
      c.is(probe.poke(moved + 12_300n, 'abc'), '0');
      c.is(probe.call('madvise', moved, 4 * PAGE, 4), '0');
      c.is(probe.peek(moved + 12_300n, 3), 'abc');
      probe.end();
      sameContent(c, 'f', patched(pattern(4 * PAGE, 2), 12_300, 'abc'));
    },
  },
  {
    name: 'a process that is killed has what it poked written back',
    given: { f: file(pattern(4 * PAGE, 2)) },
    needs: 'gcc',
    run: (c) => {
      const { probe, at } = probeMap(c, O_RDWR, 4);
      c.is(probe.poke(at + 5000n, 'last words'), '0');
      probe.end();
      sameContent(c, 'f', patched(pattern(4 * PAGE, 2), 5000, 'last words'));
    },
  },
];

const RLIMIT_FSIZE = 1;
const SIGXFSZ = '25';

/** A process that may make no file longer than 10,000 bytes. */
function limited(c: Context, flags: number): { probe: Probe; fd: bigint } {
  const probe = c.probe();
  const limit = Buffer.alloc(16);
  limit.writeBigUInt64LE(10_000n, 0);
  limit.writeBigUInt64LE(10_000n, 8);
  probe.put(0, limit);
  c.is(probe.call('prlimit64', 0, RLIMIT_FSIZE, '$0', 0), '0');
  return { probe, fd: probe.must('openat', -100, '=f', flags, 0o644) };
}

const limits: Case[] = [
  {
    name: 'RLIMIT_FSIZE: a write goes up to it, then EFBIG and SIGXFSZ',
    given: { f: file('content') },
    needs: 'gcc',
    run: (c) => {
      const { probe, fd } = limited(c, O_RDWR);
      c.is(probe.call('pwrite64', fd, '$64', 1000, 9990), '10');
      c.is(probe.ask('signals'), '');
      c.is(probe.call('pwrite64', fd, '$64', 1, 10_000), 'EFBIG');
      c.is(probe.ask('signals'), SIGXFSZ);
      c.is(probe.call('pwrite64', fd, '$64', 1, 1n << 40n), 'EFBIG');
      c.is(c.facts('f').size, 10_000);
    },
  },
  {
    name: 'RLIMIT_FSIZE: ftruncate, truncate, fallocate',
    given: { f: file('content') },
    needs: 'gcc',
    run: (c) => {
      const { probe, fd } = limited(c, O_RDWR);
      c.is(probe.call('ftruncate', fd, 10_000), '0');
      c.is(probe.call('ftruncate', fd, 10_001), 'EFBIG');
      c.is(probe.ask('signals'), SIGXFSZ);
      c.is(probe.call('truncate', '=f', 20_000), 'EFBIG');
      c.is(probe.call('fallocate', fd, 0, 0, 20_000), 'EFBIG');
      c.is(c.facts('f').size, 10_000);
    },
  },
  {
    name: 'RLIMIT_FSIZE: a file that is longer already is read, and written below the limit',
    given: { f: file(pattern(20_000, 1)) },
    needs: 'gcc',
    run: (c) => {
      const { probe, fd } = limited(c, O_RDWR);
      probe.put(64, 'below');
      c.is(probe.call('pwrite64', fd, '$64', 5, 100), '5');
      c.is(probe.call('pwrite64', fd, '$64', 5, 15_000), 'EFBIG');
      sameContent(c, 'f', patched(pattern(20_000, 1), 100, 'below'));
    },
  },
];

const CAT = readFileSync('/bin/cat');

const programs: Case[] = [
  {
    name: 'a program runs, and nobody writes to it meanwhile: ETXTBSY',
    given: { f: file(CAT, { mode: 0o755 }) },
    run: (c) => {
      c.is(runs(c, 'f'), 'ran');
      whileRunning(c, 'f', () => {
        for (const flags of [O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC]) c.is(c.open('f', flags), 'ETXTBSY');
        c.is(c.truncate('f', 0), 'ETXTBSY');
        c.is(c.facts('f').size, CAT.length);
        c.is(c.chmod('f', 0o700), 0);
        c.is(c.rename('f', 'g'), 0);
        c.is(c.unlink('g'), 0);
      });
    },
  },
  {
    name: 'a program that is open for writing does not run: ETXTBSY',
    given: { f: file(CAT, { mode: 0o755 }) },
    run: (c) => {
      const fd = c.ok(c.open('f', O_RDWR));
      c.is(runs(c, 'f'), 'ETXTBSY');
      c.is(c.close(fd), 0);
      c.is(runs(c, 'f'), 'ran');
    },
  },
  {
    name: 'a program that was just written, and one without x',
    run: (c) => {
      const fd = c.ok(c.open('new', O_WRONLY | O_CREAT, 0o755));
      c.is(c.write(fd, CAT), CAT.length);
      c.is(c.close(fd), 0);
      c.is(runs(c, 'new'), 'ran');
      c.is(c.chmod('new', 0o644), 0);
      c.is(runs(c, 'new'), 'EACCES');
    },
  },
];

export default cases('faults', [...faults, ...limits, ...programs]);
