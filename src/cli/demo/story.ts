// What users do in the demo, through the mount with ordinary calls; and what must be true of both storages after each.
import { constants } from 'node:fs';
import { appendFile, open, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check, Checks } from './checks.ts';
import { ANNA, JOURNAL, LETTERS_MODE, SETTINGS, type Stage, TOWER } from './storages.ts';
import { mode, where } from './tree.ts';

const ADDED = 'Wednesday: everybody goes on working.\n';
const NEW_SETTINGS = 'theme = light\n';
const BEN = 'Dear Ben, this is a new letter.\n';

export async function play(checks: Checks, stage: Stage): Promise<void> {
  const seen = (path: string) => join(stage.data, path);
  const old = (path: string) => join(stage.old, path);
  const upper = (path: string) => join(stage.new, path);
  const read = (path: string) => readFile(path, 'utf8');

  const untouched = await identity(old('projects/bridge.txt'));

  await checks.step('read     letters/anna.txt', async (check) => {
    check('its content through the mount', await read(seen('letters/anna.txt')), ANNA);
    check('where letters/anna.txt lies', await where(stage, 'letters/anna.txt'), 'old');
    return 'stays on old: reading moves nothing';
  });

  await checks.step('append   journal.txt', async (check) => {
    const reader = await open(seen('journal.txt'));
    try {
      const before = await stat(seen('journal.txt'));
      await appendFile(seen('journal.txt'), ADDED);
      const after = await stat(seen('journal.txt'));
      check('its content through the mount', await read(seen('journal.txt')), JOURNAL + ADDED);
      check('its content on new', await read(upper('journal.txt')), JOURNAL + ADDED);
      check('where journal.txt lies', await where(stage, 'journal.txt'), 'new');
      check('its mode on new', await mode(upper('journal.txt')), '640');
      check('its owner', [after.uid, after.gid], [before.uid, before.gid]);
      check('its inode number as users see it', after.ino, before.ino);
      check('what a program reads that had it open before', await reader.readFile('utf8'), JOURNAL + ADDED);
    } finally {
      await reader.close();
    }
    return 'moved to new, whole; who had it open reads on';
  });

  await checks.step('rewrite  settings.conf', async (check) => {
    check('its content before', await read(seen('settings.conf')), SETTINGS);
    await writeFile(seen('settings.conf'), NEW_SETTINGS);
    check('its content through the mount', await read(seen('settings.conf')), NEW_SETTINGS);
    check('its content on new', await read(upper('settings.conf')), NEW_SETTINGS);
    check('where settings.conf lies', await where(stage, 'settings.conf'), 'new');
    check('its mode on new', await mode(upper('settings.conf')), '600');
    return 'moved to new; its old bytes are not copied first';
  });

  await checks.step('create   letters/ben.txt', async (check) => {
    await create(seen('letters/ben.txt'), BEN);
    check('its content through the mount', await read(seen('letters/ben.txt')), BEN);
    check('its content on new', await read(upper('letters/ben.txt')), BEN);
    check('where letters/ben.txt lies', await where(stage, 'letters/ben.txt'), 'new');
    check('the mode of letters/ on new', await mode(upper('letters')), LETTERS_MODE.toString(8));
    return 'made on new, in a letters/ of the same mode';
  });

  await checks.step('rename   projects/tower.txt', async (check) => {
    const before = await stat(old('projects/tower.txt'));
    await rename(seen('projects/tower.txt'), seen('projects/lighthouse.txt'));
    const after = await stat(old('projects/lighthouse.txt'));
    check('its content through the mount', await read(seen('projects/lighthouse.txt')), TOWER);
    check('where projects/lighthouse.txt lies', await where(stage, 'projects/lighthouse.txt'), 'old');
    check('where projects/tower.txt lies', await where(stage, 'projects/tower.txt'), 'none');
    check('its inode on old: no copy', after.ino, before.ino);
    return 'now lighthouse.txt, on old: nothing is copied';
  });

  await checks.step('delete   scrap.tmp', async (check) => {
    await unlink(seen('scrap.tmp'));
    check('whether users see scrap.tmp', await isThere(seen('scrap.tmp')), false);
    check('where scrap.tmp lies', await where(stage, 'scrap.tmp'), 'none');
    return 'gone from old, for good';
  });

  await checks.step('leave    projects/bridge.txt', async (check) => {
    check('where projects/bridge.txt lies', await where(stage, 'projects/bridge.txt'), 'old');
    check('its inode and times on old', await identity(old('projects/bridge.txt')), untouched);
    return 'nobody touched it, and nothing has';
  });
}

async function identity(path: string): Promise<string> {
  const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

async function create(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
  await file.writeFile(text);
  await file.close();
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** Two files have moved, and the log has a line for each. @returns the first one, for the reader */
export function checkLog(check: Check, lines: readonly string[]): string {
  const migrated = lines.filter((line) => line.includes(' event=migrated '));
  const fields = migrated.map((line) => [field(line, 'path'), field(line, 'copied'), field(line, 'source')]);
  const expected = [
    ['/journal.txt', String(JOURNAL.length), 'removed'],
    ['/settings.conf', '0', 'removed'],
  ];
  check('the files that the log says have moved, and bytes copied', fields, expected);
  check(
    'errors and warnings in the log',
    lines.filter((line) => / level=(?:error|warn) /.test(line)),
    [],
  );
  return migrated[0] ?? '';
}

function field(line: string, name: string): string | undefined {
  return new RegExp(` ${name}=(\\S+)`).exec(line)?.[1];
}
