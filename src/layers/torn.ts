// A rename that could be done in some layers only, and not be undone there: a person must finish it.

import { errnoName } from '../../protocol/errno.ts';
import type { CString } from '../sys/cstring.ts';
import type { FileSystem } from './filesystem.ts';
import { unterminated } from './xattrpolicy.ts';

/** @param name what it was called, and `now` is in that layer. @param result why it could not be moved back, a negative errno. */
export function reportTorn(fs: FileSystem, layer: number, name: CString, now: CString, result: number): void {
  fs.log.error('rename_torn', {
    layer: fs.pathOf(layer),
    name: unterminated(name),
    now: unterminated(now),
    error: errnoName(-result),
    mend: 'rename it back in that layer by hand',
  });
}
