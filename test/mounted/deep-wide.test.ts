// Trees deeper than any path can name, and directories with very many names, over three layers.

import t from 'tap';
import { mountTest, must, sh } from './support.ts';

const DEPTH = 1100;

/** Goes down `DEPTH` directories of `name`, making them if told, then does what follows. */
const DOWN = `use strict; my ($depth, $make, $name) = splice(@ARGV, 0, 3);
for (1..$depth) { !$make or mkdir($name) or $!{EEXIST} or die "mkdir $_: $!"; chdir($name) or die "chdir $_: $!"; }
`;
const down = (cwd: string, make: boolean, act: string) =>
  must('perl', ['-MErrno', '-e', DOWN + act, `${DEPTH}`, make ? '1' : '0', 'abcdefg'], { cwd });

await mountTest(
  t,
  'deeper than PATH_MAX: parents made by one write, rename, removal, all by relative steps',
  {
    lowers: 2,
    needs: ['perl'],
    prepare: ({ lower: [a = '', b = ''] }) => {
      down(a, true, `open(F, '>', 'file') or die; print F "old\\n"; close F; mkdir 'dir' or die;`);
      down(b, true, `open(F, '>', 'below') or die; close F; mkdir 'dir' or die; mkdir 'other' or die;`);
    },
  },
  async (t, m) => {
    const listed = `opendir(D, '.') or die "opendir: $!"; print join(' ', sort grep !/^\\./, readdir D);`;
    t.equal(down(m.mnt, false, listed), 'below dir file other');
    down(m.mnt, false, `open(F, '>>', 'file') or die "open: $!"; print F "new\\n"; close F or die;`);
    t.equal(
      down(m.upper, false, `open(F, '<', 'file') or die; print <F>;`),
      'old\nnew',
      'all parents are there',
    );
    down(
      m.mnt,
      false,
      `rename('file', 'dir/moved') or die "rename: $!"; rename('dir', 'away') or die "rename: $!"; rmdir('other') or die "rmdir: $!";`,
    );
    t.equal(down(m.mnt, false, listed), 'away below');
    await m.remount();
    t.equal(down(m.mnt, false, `open(F, '<', 'away/moved') or die "open: $!"; print <F>;`), 'old\nnew');
    sh('rm -rf abcdefg', { cwd: m.mnt });
    for (const layer of [m.mnt, m.upper, ...m.lower]) t.equal(sh('ls', { cwd: layer }), '', 'all is gone');
  },
);

await mountTest(
  t,
  'twelve thousand entries, two thousand of them directories, merged: listed whole, once each, and removed',
  {
    lowers: 2,
    prepare: ({ upper, lower }) => {
      for (const [i, layer] of [upper, ...lower].entries()) {
        sh(
          'mkdir d; cd d; seq -f "f%g" $(($1 * 3000)) $(($1 * 3000 + 3999)) | xargs touch; seq -f "s%g" $(($1 * 500)) $(($1 * 500 + 999)) | xargs mkdir',
          { cwd: layer, args: [`${i}`] },
        );
      }
    },
  },
  (t, m) => {
    t.equal(
      sh('ls -U d | wc -l; ls -U d | sort -u | wc -l; find d -type d | wc -l; stat -c %h d', { cwd: m.mnt }),
      '12000\n12000\n2001\n1',
    );
    sh('rm -rf d', { cwd: m.mnt });
    for (const layer of [m.mnt, m.upper, ...m.lower]) t.equal(sh('ls', { cwd: layer }), '', 'all is gone');
  },
);
