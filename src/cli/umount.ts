// `migratefs umount MOUNTPOINT`.
import { unmount } from '../mount/index.ts';
import type { UnmountRequest } from './program.ts';

export async function unmountCommand(request: UnmountRequest): Promise<number> {
  await unmount(request.mountpoint, request.lazy);
  return 0;
}
