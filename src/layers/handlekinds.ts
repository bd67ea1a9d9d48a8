// The kinds of handles in the inode table.

export const FILE_HANDLE = 1;
export const DIRECTORY_HANDLE = 2;
/** Holds one owner's fcntl locks of a file (`locks=cluster`, locks.ts). No message can name it. */
export const LOCK_HANDLE = 3;
