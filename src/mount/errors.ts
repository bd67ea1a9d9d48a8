/**
 * What a command can fail with. A message is one line without the leading `migratefs: `: what is wrong, then the mend.
 * The codes are stable; scripts and tests may rely on them.
 */
export type UsageCode =
  | 'OPTION_UNKNOWN'
  | 'OPTION_VALUE'
  | 'OPTION_CONFLICT'
  | 'OPTION_UNAVAILABLE'
  | 'OPTION_MISSING'
  | 'ARGUMENTS'
  | 'LAYERS_OVERLAP'
  | 'MOUNTPOINT_OVERLAP';

export type SystemCode =
  | 'LAYER_MISSING'
  | 'LAYER_NOT_DIRECTORY'
  | 'LAYER_UNREADABLE'
  | 'LAYER_READ_ONLY'
  | 'LAYER_NOT_MOUNTED'
  | 'MOUNTPOINT_MISSING'
  | 'MOUNTPOINT_NOT_DIRECTORY'
  | 'MOUNTPOINT_NOT_EMPTY'
  | 'MOUNTPOINT_DENIED'
  | 'MOUNTPOINT_UNREADABLE'
  | 'ALREADY_MOUNTED'
  | 'NOT_MOUNTED'
  | 'BUSY'
  | 'NO_DEVICE'
  | 'NO_FUSERMOUNT'
  | 'KERNEL_TOO_OLD'
  | 'MOUNT_FAILED'
  | 'UNMOUNT_FAILED'
  | 'LOG_FAILED';

/** The caller asked for something that cannot be: exit status 2. */
export class UsageError extends Error {
  readonly code: UsageCode;
  readonly exitStatus = 2;
  constructor(code: UsageCode, message: string) {
    super(message);
    this.name = 'UsageError';
    this.code = code;
  }
}

/** The system cannot do what was asked: exit status 1. */
export class SystemError extends Error {
  readonly code: SystemCode;
  readonly exitStatus = 1;
  constructor(code: SystemCode, message: string) {
    super(message);
    this.name = 'SystemError';
    this.code = code;
  }
}
