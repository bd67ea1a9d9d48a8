// A process of the exerciser of hosts (hosts-exerciser.c).

import { spawn } from 'node:child_process';
import { cleanEnv, must } from '../mounted/support.ts';

export interface Exercise {
  program: string;
  /** Where its host has the tree. */
  root: string;
  /** What its own names, which are laid already, begin with. */
  id: string;
  seed: number;
  seconds: number;
  /** All that it can by default, its own names or shared metadata alone, or nothing but looks at everybody's. */
  does?: 'run' | 'own' | 'metadata' | 'look';
}

export interface Exercised {
  /** 0, 3 when the mount has died, or -1 when it did not end. */
  status: number;
  /** What it has written down, and what it has said. */
  output: string;
  said: string;
}

/** Each process is another user, whose group and mode have nothing to do with the others'. */
const userOf = (id: string) => ({ uid: 20_000 + Number(id), gid: 30_000 + Number(id) });

/** Lays what a process begins with in the tree of a storage, as its user. */
export function layOwn(program: string, root: string, id: string): void {
  const { uid, gid } = userOf(id);
  must('setpriv', [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--', program, 'lay', root, id]);
}

export function exercise({ program, root, id, seed, seconds, does = 'run' }: Exercise): Promise<Exercised> {
  return new Promise((done, failed) => {
    const { uid, gid } = userOf(id);
    const args = [does, root, id, ...[seed, seconds, uid, gid].map(String)];
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: cleanEnv(),
      cwd: '/',
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000 + 60_000);
    const parts: Buffer[] = [];
    let said = '';
    child.stdout.on('data', (data) => parts.push(data));
    child.stderr.on('data', (data) => (said += data));
    child.on('error', failed);
    child.on('close', (status) => {
      clearTimeout(timer);
      done({ status: status ?? -1, output: Buffer.concat(parts).toString('latin1'), said });
    });
  });
}
