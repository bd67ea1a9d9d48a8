// Every kind of object above, between and below every other kind, in three layers.

import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import t from 'tap';
import { errnoOf } from './defects-support.ts';
import { mountTest, sh, whereIs } from './support.ts';

const text = (path: string | Buffer) => readFileSync(path, 'utf8');

/** One object of each kind, by shell; a directory holds a file. */
const MAKE: Record<string, string> = {
  file: 'echo "file in $1" > "$2"',
  dir: 'mkdir "$2"; echo "in $1" > "$2/in-$1"; mkdir "$2/sub"',
  link: 'ln -s "to-$1" "$2"',
  fifo: 'mkfifo "$2"',
  socket: `perl -MIO::Socket::UNIX -e 'chdir $ARGV[0]; IO::Socket::UNIX->new(Local => $ARGV[1], Listen => 1) or die' . "$2"`,
  device: 'mknod "$2" c 1 3',
};
const KINDS = Object.keys(MAKE);

await mountTest(
  t,
  'conflicts of type over three layers: shown, read, renamed, replaced, removed',
  {
    root: true,
    lowers: 2,
    needs: ['perl'],
    prepare: ({ upper, lower }) => {
      for (const [i, layer] of [upper, ...lower].entries()) {
        const lines = KINDS.flatMap((top) =>
          KINDS.flatMap((middle) =>
            KINDS.flatMap((bottom) => {
              const kind = [top, middle, bottom][i] as string;
              const script = (MAKE[kind] as string).replaceAll('$1', `${i}`);
              const name = `${top}-${middle}-${bottom}`;
              return top === 'socket' && i === 0
                ? []
                : [
                    `set -- ${i} ${name}`,
                    script.replaceAll('"$2"', `"${name}"`).replaceAll('"$2/', `"${name}/`),
                  ];
            }),
          ),
        );
        // Sockets are slow to make: one, linked.
        sh(
          lines
            .map((line) => (line.startsWith('perl') ? 'ln .s "$2"' : line))
            .reduce(
              (all, line) => `${all}\n${line}`,
              `perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => ".s", Listen => 1) or die'`,
            ),
          { cwd: layer },
        );
        unlinkSync(`${layer}/.s`);
      }
    },
  },
  (t, m) => {
    const layers = [m.upper, ...m.lower];
    const names = readdirSync(m.mnt);
    const wrong: string[] = [];
    const expect = (name: string, what: string, good: boolean) => good || wrong.push(`${name}: ${what}`);
    const kindOf = (path: string) => {
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (!stat) return 'none';
      return stat.isDirectory()
        ? 'dir'
        : stat.isSymbolicLink()
          ? 'link'
          : stat.isFIFO()
            ? 'fifo'
            : stat.isSocket()
              ? 'socket'
              : stat.isCharacterDevice()
                ? 'device'
                : 'file';
    };
    t.equal(names.length, KINDS.length ** 3);
    for (const [index, name] of names.entries()) {
      const kinds = layers.map((layer) => kindOf(`${layer}/${name}`)).filter((kind) => kind !== 'none');
      const first = layers.findIndex((layer) => kindOf(`${layer}/${name}`) !== 'none');
      const top = kinds[0] as string;
      const path = `${m.mnt}/${name}`;
      expect(name, 'shown', kindOf(path) === top);
      if (top === 'dir') {
        const merged = kinds.findIndex((kind) => kind !== 'dir');
        const count = merged < 0 ? kinds.length : merged;
        const inside = Array.from({ length: count }, (_, i) => `in-${first + i}`);
        expect(name, 'listed', readdirSync(path).sort().join() === [...inside, 'sub'].join());
        expect(name, 'not removed', errnoOf(() => unlinkSync(path)) === 'EISDIR');
      } else {
        expect(name, 'no directory', errnoOf(() => readdirSync(path)) !== 'ok');
        if (top === 'file') expect(name, 'read', text(path) === `file in ${first}\n`);
        if (top === 'link') expect(name, 'link read', readlinkSync(path) === `to-${first}`);
      }
      // A third each: removed, renamed and then removed, replaced and then removed.
      let gone = path;
      if (index % 3 === 1) {
        gone = `${m.mnt}/moved`;
        renameSync(path, gone);
      }
      if (index % 3 === 2) {
        const over = top === 'dir' ? 'a directory that is not empty' : '';
        writeFileSync(`${m.mnt}/new`, 'new');
        if (over) expect(name, over, errnoOf(() => renameSync(`${m.mnt}/new`, path)) === 'EISDIR');
        else renameSync(`${m.mnt}/new`, path);
        if (!over) expect(name, 'replaced', text(path) === 'new');
      }
      sh('rm -rf -- "$1"', { args: [gone] });
      for (const each of [name, 'moved', 'new']) {
        if (each === 'new' && existsSync(`${m.mnt}/new`)) unlinkSync(`${m.mnt}/new`);
        expect(name, `${each} is gone`, kindOf(`${m.mnt}/${each}`) === 'none' && whereIs(m, each) === '');
      }
    }
    t.same(wrong, []);
    t.same(readdirSync(m.mnt), []);
  },
);
