// Names of all bytes and lengths, deep trees, many entries, and the dots.

import { O_CREAT, O_DIRECTORY, O_RDONLY, O_WRONLY } from '../../../src/sys/constants.ts';
import { cases, dir, file, symlink } from '../case.ts';
import type { Answer, Context } from '../context.ts';

/** Goes through the life of a name: made, found, listed, renamed, linked, removed, as a file, a directory and a symlink. */
function life(c: Context, name: string | Buffer): void {
  const bytes = Buffer.from(name);
  const shown = bytes.toString('latin1');
  const inD = Buffer.concat([Buffer.from('d/'), bytes]);
  c.put(bytes, 'content');
  c.is(c.names(), `${['d', shown].sort().join(' ')}`);
  c.is(c.text(bytes), 'content');
  c.is(c.rename(bytes, inD), 0, 'rename');
  c.is(c.link(inD, bytes), 0, 'link');
  c.is(c.facts(bytes).nlink, 2);
  c.is(c.names('d'), shown);
  c.is(c.unlink(bytes), 0, 'unlink');
  c.is(c.unlink(inD), 0, 'unlink');
  c.is(c.lstat(bytes) as Answer, 'ENOENT');
  c.is(c.mkdir(bytes), 0, 'mkdir');
  c.is(c.rename(bytes, inD), 0, 'rename of a directory');
  c.is(
    c
      .entries('d')
      .map(({ name, type }) => `${name} ${type}`)
      .join(),
    `${shown} dir`,
  );
  c.is(c.rmdir(inD), 0, 'rmdir');
  c.is(c.symlink(bytes, inD), 0, 'symlink');
  c.is(c.readlink(inD), shown);
  c.is(c.unlink(inD), 0);
  c.is(c.names('d'), '');
}

const NAMES: Record<string, string | Buffer> = {
  'a newline': 'a\nb',
  'only a newline': '\n',
  spaces: '  a  b  ',
  tabs: '\t',
  'a backslash': '\\',
  quotes: `"'\``,
  'a leading dash': '-rf',
  'three dots': '...',
  'two dots and a letter': '..a',
  'a dot and a space': '. ',
  'a star and a question mark': '*?[a]',
  'a percent sign': '%s%n%00',
  'UTF-8': 'Grüße, 世界 🌍',
  'UTF-8 in decomposed form': 'Gru\u0308ße',
  'bytes that are no UTF-8': Buffer.from([0xff, 0xfe, 0x80, 0xc0]),
  'half a character': Buffer.from([0xe4, 0xb8]),
  'a surrogate': Buffer.from([0xed, 0xa0, 0x80]),
  'control characters': Buffer.from([1, 2, 7, 8, 27, 31, 127]),
  '255 bytes': 'n'.repeat(255),
  '255 bytes that are no UTF-8': Buffer.alloc(255, 0xff),
  'what overlays use': '.wh.name',
  'what NFS uses': '.nfs0000000000000001',
  'what migratefs uses in the root': '.migratefs',
  'a colon and a comma': 'a:b,c',
};

const SEGMENT = 'segment-'.padEnd(100, 'x');

export default cases('names', [
  ...Object.entries(NAMES).map(([what, name]) => ({
    name: what,
    given: { d: dir() },
    run: (c: Context) => life(c, name),
  })),
  {
    name: 'each byte but the slash and zero is a name, given and made',
    given: {
      d: dir(),
      ...Object.fromEntries(['a', 'Z', '~', '!', ' ', '\x01'].map((name) => [`g/${name}`, file(name)])),
    },
    run: (c) => {
      const all: string[] = [];
      for (let byte = 1; byte < 256; byte++) {
        if (byte === 0x2f || byte === 0x2e) continue;
        c.is(c.mkdir(Buffer.from([0x64, 0x2f, byte])), 0, `byte ${byte}`);
        all.push(String.fromCharCode(byte));
      }
      c.is(c.names('d'), all.join(' '));
      c.is(c.names('g'), ['\x01', ' ', '!', 'Z', 'a', '~'].join(' '));
      for (const name of ['a', 'Z', '~', '!', ' ', '\x01']) c.is(c.text(`g/${name}`), name);
    },
  },
  {
    name: 'names that differ in case or in their form are different',
    given: { name: file('1'), Name: file('2'), NAME: file('3'), é: file('4'), 'e\u0301': file('5') },
    run: (c) => {
      c.is(['name', 'Name', 'NAME', 'é', 'e\u0301'].map((name) => c.text(name)).join(''), '12345');
      c.is(c.unlink('Name'), 0);
      c.is(c.unlink('é'), 0);
      c.is(c.text('name') + c.text('NAME') + c.text('e\u0301'), '135');
      c.is(c.lstat('Name') as Answer, 'ENOENT');
      c.is(c.lstat('é') as Answer, 'ENOENT');
    },
  },
  {
    name: '255 bytes at the start, for each kind',
    given: {
      [`d/${'f'.repeat(255)}`]: file('f'),
      [`d/${'l'.repeat(255)}`]: symlink('l'),
      [`d/${'d'.repeat(255)}/x`]: file('x'),
    },
    run: (c) => {
      c.is(c.text(`d/${'f'.repeat(255)}`), 'f');
      c.put(`d/${'f'.repeat(255)}`, 'changed');
      c.is(c.rename(`d/${'d'.repeat(255)}/x`, `d/${'x'.repeat(255)}`), 0);
      c.is(c.rename(`d/${'l'.repeat(255)}`, 'l'), 0);
      c.is(c.link(`d/${'f'.repeat(255)}`, 'f'.repeat(255)), 0);
      c.is(c.text('f'.repeat(255)), 'changed');
    },
  },
  {
    name: 'a path of 4095 bytes leads somewhere',
    given: { 'd/f': file('f') },
    run: (c) => {
      const path = `${'./'.repeat(2046)}d/f`;
      c.is(path.length, 4095);
      c.is(c.text(path), 'f');
      c.is(c.chmod(path, 0o600), 0);
      c.is(c.unlink(path), 0);
      c.is(c.names('d'), '');
    },
  },
  {
    name: 'a tree deeper than any path is long',
    run: (c) => {
      for (let depth = 0; depth < 50; depth++) {
        c.is(c.mkdir(SEGMENT), 0, `depth ${depth}`);
        c.is(c.chdir(SEGMENT), 0);
      }
      c.put('bottom', 'content');
      c.is(c.rename('bottom', 'renamed'), 0);
      c.is(c.text('renamed'), 'content');
      c.is(c.getcwd(), 'ENAMETOOLONG');
      c.is(c.unlink('renamed'), 0);
      for (let depth = 0; depth < 50; depth++) {
        c.is(c.chdir('..'), 0);
        c.is(c.rmdir(SEGMENT), 0);
      }
      c.is(c.names(), '');
    },
  },
  {
    name: 'a deep tree that is there: used, moved, and taken away from below',
    given: { [`${'d/'.repeat(40)}f`]: file('f'), [`${'d/'.repeat(20)}g`]: file('g') },
    run: (c) => {
      const deep = 'd/'.repeat(40);
      c.put(`${deep}new`, 'new');
      c.is(c.text(`${deep}f`), 'f');
      c.is(c.rename('d/d', 'e'), 0);
      c.is(c.text(`e/${'d/'.repeat(38)}f`), 'f');
      c.is(c.rename(`e/${'d/'.repeat(18)}g`, 'g'), 0);
      c.is(c.rename('e', 'd/d'), 0);
      c.is(c.unlink(`${deep}f`), 0);
      c.is(c.unlink(`${deep}new`), 0);
      for (let depth = 40; depth > 0; depth--) c.is(c.rmdir('d/'.repeat(depth)), 0, `depth ${depth}`);
      c.is(c.names(), 'g');
    },
  },
  {
    name: 'many entries: each is found, and goes',
    given: {
      d: dir(),
      ...Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`d/old${i}`, file(`${i}`)])),
    },
    run: (c) => {
      for (let i = 0; i < 120; i++) c.ok(c.open(`d/new${i}`, O_WRONLY | O_CREAT));
      c.is(c.entries('d').length, 240);
      for (let i = 0; i < 120; i++) c.is(c.text(`d/old${i}`), `${i}`);
      for (let i = 0; i < 120; i++) c.is(c.rename(`d/old${i}`, `d/new${i}`), 0);
      c.is(c.entries('d').length, 120);
      for (let i = 0; i < 120; i++) c.is(c.unlink(`d/new${i}`), 0);
      c.is(c.rmdir('d'), 0);
    },
  },
  {
    name: '. and .. lead where they should, also of the root of the case',
    given: { 'd/e/f': file('f') },
    run: (c) => {
      const ino = (path: string) => (c.ok(c.stat(path)) as { ino: string }).ino;
      c.is(ino('d/.'), ino('d'));
      c.is(ino('d/e/..'), ino('d'));
      c.is(ino('d/e/../..'), ino('.'));
      c.is(ino('./d/./../d/e/./f'), ino('d/e/f'));
      const fd = c.ok(c.open('d/e', O_RDONLY | O_DIRECTORY));
      const dots = (c.ok(c.getdents(fd)) as { name: string; ino: string }[]).filter(({ name }) =>
        /^\.+$/.test(name),
      );
      c.is(dots.find(({ name }) => name === '.')?.ino, ino('d/e'));
      c.is(dots.find(({ name }) => name === '..')?.ino, ino('d'));
    },
  },
  {
    name: 'slashes more than one are one',
    given: { 'd/e/f': file('f') },
    run: (c) => {
      c.is(c.text('d//e///f'), 'f');
      c.is(c.mkdir('d////new'), 0);
      c.is(c.rename('d//new', './/d//e//moved'), 0);
      c.is(c.names('d//e//'), 'f moved');
    },
  },
  {
    name: 'what an old overlay has left below the root is shown as it is',
    given: { 'd/.wh.gone': file('x'), 'd/gone': file('there'), 'd/.wh..wh..opq': file('') },
    run: (c) => {
      c.is(c.names('d'), '.wh..wh..opq .wh.gone gone');
      c.is(c.text('d/gone'), 'there');
    },
  },
]);
