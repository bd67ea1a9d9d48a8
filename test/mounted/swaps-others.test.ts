// What a user swaps under a worker, see swaps.ts, at each step of what else there is to do: exchanges, links, new names, metadata, listings.

import t from 'tap';
import { NOBODY } from './defects-support.ts';
import { type Act, OPEN, swapsTest } from './swaps.ts';
import { RENAMEAT2 } from './tools.ts';

const exchange = (name: string) =>
  `syscall(${RENAMEAT2}, -100, my $a = "${name}", -100, my $b = "more", 2) == 0`;

/** Through a descriptor of what is not root's, as it was when it was opened: by its name, root would do it to whatever has that by then. */
const onOpened = (change: string) =>
  `sysopen(FILE, "f", O_RDONLY | O_NOFOLLOW) && (-s FILE != 6 or ($! = 1) && 0) && ${change}`;

/** What is root's would be seen by its name. */
const lists = (dir: string) =>
  `opendir(DIR, "${dir}") && do { my @names = readdir(DIR); die if grep { /SECRET/ } @names; 1 }`;

/** Run by the user alone: root's own would do it to what has the name. @returns of perl, which knows of no errno then */
const runs = (...words: string[]) =>
  `(system(${words.map((word) => `"${word}"`).join(', ')}) == 0 or ($! = 1) && 0)`;

const ACTS: Record<string, Act> = {
  exchange: {
    points: ['exchange.announced', 'exchange.moved-0'],
    script: exchange('f'),
    name: 'f',
    above: 'directory',
    more: 'other',
    stays: ['lower'],
  },
  'exchange-directories': {
    points: ['exchange.announced', 'exchange.moved-1', 'exchange.moved-0'],
    script: exchange('sub'),
    name: 'sub',
    above: 'object',
    more: 'other',
    stays: ['upper', 'lower'],
  },
  link: {
    points: ['link.opened', 'link.made'],
    script: 'link("f", "new")',
    name: 'f',
    above: 'directory',
    stays: ['lower'],
  },
  'link-above': {
    points: ['link.opened', 'link.made'],
    script: 'link("f", "new")',
    name: 'f',
    above: 'object',
    stays: ['upper'],
  },
  'link-new': {
    points: ['link.opened', 'link.made'],
    script: 'link("f", "new")',
    name: 'new',
    above: 'object',
    stays: ['upper'],
  },
  adopt: {
    points: ['link.seen', 'link.found', 'link.taken', 'link.durable', 'link.dropped'],
    script: 'sysopen(my $file, "more", O_RDWR | O_NOFOLLOW) && lstat("f")',
    name: 'f',
    above: 'directory',
    more: 'link',
    stays: ['lower'],
  },
  make: {
    points: ['make.room', 'make.made'],
    script: 'sysopen(my $file, "new", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0666)',
    name: 'new',
    above: 'directory',
    stays: ['lower'],
  },
  mkdir: {
    points: ['make.room', 'make.made'],
    script: 'mkdir("new", 0777)',
    name: 'new',
    above: 'directory',
    stays: ['lower'],
  },
  'first-mkdir': {
    points: ['mirror.named', 'mirror.ready', 'mirror.made', 'make.room', 'make.made'],
    script: 'mkdir("new", 0777)',
    name: 'new',
    stays: ['lower'],
  },
  symlink: {
    points: ['make.room', 'make.made'],
    script: 'symlink("f", "new")',
    name: 'new',
    above: 'directory',
    stays: ['lower'],
  },
  chmod: {
    points: ['object.found', 'metadata.opened'],
    script: onOpened('chmod(0606, *FILE)'),
    name: 'f',
    above: 'directory',
    stays: ['lower'],
  },
  chown: {
    points: ['object.found', 'metadata.opened'],
    script: onOpened(`chown(-1, ${NOBODY.gid}, *FILE)`),
    name: 'f',
    above: 'object',
    stays: ['upper'],
  },
  xattr: {
    points: ['object.found', 'metadata.opened'],
    script: runs('setfattr', '-h', '-n', 'user.x', '-v', '1', 'f'),
    name: 'f',
    above: 'directory',
    stays: ['lower'],
    users: [NOBODY],
  },
  list: {
    points: ['listing.begun', 'listing.read'],
    script: lists('sub'),
    name: 'sub',
    above: 'object',
    stays: ['upper', 'lower'],
  },
};

await swapsTest(t, 'at each step of exchanges, links, new names, changes of metadata, and listings', ACTS);

/** Where a file comes up for it: by the daemon, who does it as the caller then. */
const UP: Record<string, Act> = {
  chmod: {
    points: ['object.found', 'metadata.opened', 'copyup.published', 'copyup.removed'],
    script: onOpened('chmod(0606, *FILE)'),
    name: 'f',
    above: 'directory',
    stays: ['lower'],
  },
  'chmod-of-linked': {
    points: ['copyup.published', 'link.entered', 'metadata.opened'],
    script: onOpened('chmod(0606, *FILE)'),
    name: 'f',
    above: 'directory',
    more: 'link',
    stays: ['lower'],
  },
  'open-of-linked': {
    points: ['link.entered', 'copyup.removed'],
    script: OPEN,
    name: 'f',
    above: 'directory',
    more: 'link',
    stays: ['lower'],
  },
};

await swapsTest(t, 'and where a file comes up for its metadata', UP, 'cache=none,metadata=copyup');
